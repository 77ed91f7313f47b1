"""The examples of seven suppliers are the bench's scenario: the same seed is the same simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.routing.clients import SPAN, WINDOW, generated
from bench.routing.report import case_of
from bench.routing.scenario import scenarios

from rechenwerk.office.portfolios import parse_portfolio
from rechenwerk.routing.traces import Clients
from rechenwerk.routing.worlds import prepare

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "routing"


def test_a_seed_of_the_command_is_a_seed_of_the_bench() -> None:
    statistics = generated()
    theirs = case_of(scenarios(statistics, 7)[1])
    portfolio = parse_portfolio((EXAMPLES / "tight.toml").read_text(encoding="utf-8"))
    trace = Clients(
        names=tuple(map(str, range(len(statistics.rates)))),
        window=float(WINDOW),
        span=float(SPAN),
        rates=statistics.rates,
        spread=statistics.spread,
        lengths=statistics.lengths,
        sigmas=statistics.sigmas,
    )
    ours = prepare(trace, portfolio, None, 7)
    tokens = [0, 3]
    assert np.allclose(ours.history[:, :, tokens], theirs.history[:, :, tokens])
    assert [one.demand for one in ours.arrivals] == [one.demand for one in theirs.arrivals]
    assert np.allclose(
        [[one.usage[at] for at in tokens] for one in ours.arrivals],
        [[one.usage[at] for at in tokens] for one in theirs.arrivals],
    )
    # The bench's unit of volume is a window's mean, the command's a million weighted tokens.
    unit = ours.world.measure[0] / theirs.world.measure[0]
    assert ours.spend() == pytest.approx(theirs.spend() * unit)
    assert ours.world.minimums[0].amount == pytest.approx(theirs.world.minimums[0].amount * unit)
    assert ours.world.credits[0].left == pytest.approx(theirs.world.credits[0].left * unit)
    shift = ours.world.begins_at - theirs.world.begins_at
    assert ours.world.credits[0].ends_at - shift == theirs.world.credits[0].ends_at
    assert [(one.supply, one.begins_at - shift) for one in ours.world.outages] == [
        (one.supply, one.begins_at) for one in theirs.world.outages
    ]
    mean = ours.history.sum(axis=(0, 1))
    for mine, yours in zip(ours.world.caps, theirs.world.caps, strict=True):
        assert mine.name.startswith(yours.name)
        share, other = (cap.amount / float(mean @ np.array(cap.weights)) for cap in (mine, yours))
        assert share == pytest.approx(other), mine.name
        assert mine.kept / mine.amount == pytest.approx(yours.kept / yours.amount)
