"""The purchase adviser as a whole: advice, combinations, ladders, the command."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.cli.app import run
from rechenwerk.contracts.advice_view import amount, decimal, view
from rechenwerk.contracts.adviser import FACTORS, SCENARIOS, advise, deal_of, futures, picture
from rechenwerk.contracts.curves import curve_of
from rechenwerk.contracts.demand import Outlook, project
from rechenwerk.contracts.ladder import build, spacing, split
from rechenwerk.contracts.mixing import Mix, Scene, Under
from rechenwerk.contracts.offers import Offer, parse_sheet
from tests.unit.adviser_cases import EXAMPLES, SHEET, sheet, week

# Advice


def test_a_year_by_hand() -> None:
    """10 units by night, 30 by day: a reservation at half the price pays for what is used half the time."""
    load = week(10, 30)
    tie = advise(sheet(), load)
    year = tie.offer("year")
    assert year is not None
    assert year.pieces == 10  # above 10 it is used in exactly half of the hours: no gain
    cheaper = advise(sheet(**{"0.5": "0.4"}), load)
    year = cheaper.offer("year")
    assert year is not None
    hours = 8760
    assert (year.pieces, year.level, year.break_even, year.used) == (
        30,
        30 * NANO,
        Fraction(2, 5),
        Fraction(2, 3),
    )
    assert year.on_demand == 20 * hours * NANO
    assert year.cost == 30 * hours * NANO * 2 / 5 == year.sunk
    # 30 % less: 7 and 21. Best 21 pieces, 21 x 0.4; the 30 cost 30 x 0.4.
    assert year.pieces_lower == 21
    assert year.regret_lower == (12 - Fraction(84, 10)) * hours * NANO
    # 30 % more: 13 and 39. Best 39, 15.6; the 30 cost 12 and 9 on demand by day.
    assert year.regret_higher == (12 + Fraction(45, 10) - Fraction(156, 10)) * hours * NANO
    assert cheaper.recommended == "year"


def test_dear_offers_are_not_bought() -> None:
    advice = advise(sheet(**{"0.5": "1.1"}), week(10, 30))
    assert (advice.recommended, advice.ladders) == ("", ())
    assert advice.offers[0].pieces == 0
    assert view(sheet(), week(10, 30), advice)["words"][0].startswith("Buy nothing")


TERMS = """
[[offer]]
name = "three years"
interval = "hour"
term_months = 36
price = "{price}"
"""


def test_how_long_depends_on_what_a_mistake_costs() -> None:
    """A longer term is dearer to be wrong about: at nearly the same price the shorter one is better."""
    load = week(10, 11)
    near = advise(sheet(SHEET + TERMS.format(price="0.49")), load)
    assert near.horizon == 36
    assert near.recommended == "year"
    far = advise(sheet(SHEET + TERMS.format(price="0.3")), load)
    assert far.recommended == "three years"


def test_more_certainty_makes_the_longer_term_the_better_one() -> None:
    certain = '[demand]\nchance_lower = "0"\nchance_higher = "0"\n[[offer]]'
    text = (SHEET + TERMS.format(price="0.49")).replace("[[offer]]", certain, 1)
    assert advise(sheet(text), week(10, 11)).recommended == "three years"


@settings(max_examples=12)
@given(
    st.integers(0, 30),
    st.integers(1, 60),
    st.decimals("0.05", "1.1", places=2),
    st.integers(1, 12),
    st.sampled_from(["-0.3", "0", "0.4"]),
    st.sampled_from(["hour", "day", "month"]),
)
def test_no_other_number_of_pieces_is_better_and_no_regret_is_below_zero(
    night: int, day: int, price: Any, minimum: int, growth: str, interval: str
) -> None:
    text = SHEET.replace("[[offer]]", f'discount_rate = "0.07"\n[demand]\ngrowth = "{growth}"\n[[offer]]')
    size = {"hour": 1, "day": 24, "month": 730}[interval]
    text = text.replace('"0.5"', f'"{price}"\nminimum = {minimum}\ncapacity = "{size}"')
    terms, load = sheet(text.replace('"hour"', f'"{interval}"')), week(night, day)
    (one,) = advise(terms, load).offers
    coming = futures(terms, load)
    deal = deal_of(terms, one.offer, coming["base"])
    curve = curve_of(coming["base"], interval, terms.discount_rate)
    for pieces in (0, *range(minimum, 100, 9), max(minimum, one.pieces - 1), one.pieces + 1):
        if pieces == 0 or pieces >= minimum:
            assert one.cost <= deal.cost(curve, pieces)
    assert min(one.regret_lower, one.regret_higher, one.saving) >= 0
    assert one.cost <= one.on_demand


EDP = """
[[offer]]
name = "umbrella"
interval = "year"
term_months = 12
price = "{price}"
beyond = "{beyond}"
capacity = "1000"
minimum = {minimum}
"""


def test_capacity_by_the_hour_under_a_spend_commitment() -> None:
    """9 of 10 units for 0.5, 10 % off the rest if 2 units an hour are spent on it in the year."""
    load = week(10, 30)
    text = SHEET.replace('"0.5"', '"0.6"') + EDP.format(price="0.9", beyond="0.9", minimum=40)
    advice = advise(sheet(text), load)
    together = advice.combination
    assert together is not None
    assert [(part.offer, part.pieces) for part in together.parts] == [("year", 10), ("umbrella", 40)]
    hours = 8760
    # 10 pieces at 0.6 all the time; the other 20 by day at 0.9.
    assert together.cost == (6 + 10 * Fraction(9, 10)) * hours * NANO
    assert advice.recommended == "combination"
    assert together.regret_lower >= 0


@settings(max_examples=6)
@given(
    st.integers(0, 20),
    st.integers(1, 40),
    st.decimals("0.3", "1", places=1),
    st.decimals("0.3", "1", places=1),
    st.integers(1, 90),
)
@example(3, 8, Decimal("0.3"), Decimal("0.5"), 30)
def test_a_mix_of_one_inner_and_one_outer_offer_is_the_best_of_all(
    night: int, day: int, inner: Any, outer: Any, minimum: int
) -> None:
    text = SHEET.replace('"0.5"', f'"{inner}"') + EDP.format(price=outer, beyond=outer, minimum=minimum)
    terms = sheet(text)
    scene = Scene(terms, futures(terms, week(night, day))["base"])
    found = scene.best()
    assert found is not None
    cost = scene.cost(found[0])
    for pieces in range(0, 42, 2):
        mix = Mix("hour", ((terms.offers[0], pieces),))
        assert cost <= scene.cost(mix)
        outer_most = Under(scene, "hour", [terms.offers[0]], terms.offers[1]).best([pieces])
        assert cost <= scene.cost(msgspec.structs.replace(mix, outer=(terms.offers[1], outer_most)))


def test_an_inner_offer_under_one_with_a_price_beyond_in_the_same_interval() -> None:
    """Five pieces at 0.8 bring all that lies beyond them to 0.8, so they belong above five at 0.5."""
    beyond = EDP.format(price="0.8", beyond="0.8", minimum=5).replace('"year"', '"hour"')
    terms = sheet(SHEET + beyond.replace('"1000"', '"1"'))
    scene = Scene(terms, futures(terms, week(10, 30))["base"])
    found = scene.best()
    assert found is not None
    mix = found[0]
    assert [(offer.name, pieces) for offer, pieces in mix.parts()] == [("year", 5), ("umbrella", 5)]
    # 5 x 0.5 and 5 x 0.8 always, the other 20 by day at 0.8.
    assert scene.cost(mix) == (Fraction(5, 2) + 4 + 8) * 8760 * NANO
    both = Mix("hour", ((terms.offers[0], 10),), (terms.offers[1], 5))
    assert scene.cost(both) == (5 + 4 + 6) * 8760 * NANO  # by night the five are idle


# Ladders


def test_a_ladder_by_hand() -> None:
    """A year of 24 pieces in twelve rungs: every month two of them end."""
    offer = Offer("year", "hour", 12, NANO, Fraction(NANO, 2), "hour")
    months = project(week(24, 24), 12, Outlook())
    terms = sheet()
    ladder = build(deal_of(terms, offer, months), 24, months, Fraction(0))
    assert ladder is not None
    assert ladder.costs is not None
    assert ladder.every == 1
    assert [(rung.buy, rung.expires, rung.pieces) for rung in ladder.rungs] == [
        (month, month + 12, 2) for month in range(12)
    ]
    # Demand falls by 0.6 pieces a month: 23.4, 22.8, 22.2, 21.6, ... and whole pieces stay above it.
    assert [one.wanted for one in ladder.renewals] == [24, 23, 23, 22, 21, 21, 20, 20, 19, 18, 18]
    assert [one.committed for one in ladder.renewals] == [24, 23, 23, 22, 21, 21, 20, 20, 19, 18, 18]
    assert ladder.follows
    assert ladder.costs.regret == 0
    # All at once 24 pieces are paid to the end: 0.5 x (0.6 x month, rounded down) x hours, less nothing.
    idle = sum(
        (24 - wanted) * len(month)
        for month, wanted in zip(months, [24, *(one.wanted for one in ladder.renewals)], strict=True)
    )
    assert ladder.costs.block_regret == idle * NANO / 2
    # Built month by month: what is not bought yet costs 1 instead of 0.5.
    missing = sum((24 - 2 * (at + 1)) * len(month) for at, month in enumerate(months))
    assert ladder.costs.building == missing * NANO / 2


def test_a_term_of_five_years_cannot_follow_such_a_fall() -> None:
    offer = Offer("long", "hour", 60, NANO, Fraction(NANO, 2), "hour")
    months = project(week(100, 100), 60, Outlook())
    ladder = build(deal_of(sheet(), offer, months), 100, months, Fraction(0))
    assert ladder is not None
    assert ladder.every == 6
    assert not ladder.follows
    # Half a year on 10 of 100 are free and 85 are wanted; a year on 20 are free and 70 are wanted.
    assert [(one.wanted, one.committed, one.over) for one in ladder.renewals[:3]] == [
        (85, 90, 5),
        (70, 80, 10),
        (70, 70, 0),
    ]


@given(
    st.integers(1, 400),
    st.sampled_from([1, 2, 6, 12, 24, 36, 60]),
    st.integers(1, 20),
    st.integers(1, 10),
)
def test_rungs_are_what_can_be_bought(pieces: int, term: int, minimum: int, step: int) -> None:
    offer = Offer("o", "hour", term, NANO, Fraction(1), "hour", minimum=minimum, step=step)
    every = spacing(offer, pieces)
    if every is None:
        assert term == 1 or pieces < max(2, term / 12) * minimum
        return
    sizes = split(offer, pieces, term // every)
    assert min(sizes) >= minimum
    assert all((size - minimum) % step == 0 for size in sizes)
    assert pieces - step < sum(sizes) <= pieces
    assert max(sizes) - min(sizes) <= step


def test_a_bridge_stands_in_while_a_ladder_is_built() -> None:
    month = '[[offer]]\nname = "month"\ninterval = "hour"\nterm_months = 1\nprice = "0.8"\n'
    load = week(24, 24)
    plain, bridged = advise(sheet(), load).ladders, advise(sheet(SHEET + month), load).ladders
    assert plain[0].costs is not None
    assert bridged[0].costs is not None
    assert bridged[0].costs.bridge == "month"
    # What is missing costs 0.8 instead of 1, so 0.3 more than the ladder's own price instead of 0.5.
    assert bridged[0].costs.building == plain[0].costs.building * Fraction(3, 5)


# What is shown


@pytest.mark.parametrize(
    ("nano", "text"), [(1_005_000_000, "1.00"), (1_015_000_000, "1.02"), (-5_000_001, "-0.01"), (0, "0.00")]
)
def test_money_is_rounded_once_half_even(nano: int, text: str) -> None:
    assert amount(Fraction(nano)) == text


def test_numbers_without_decimals() -> None:
    assert decimal(Fraction(5, 2), 0) == "2"
    assert decimal(Fraction(7, 2), 0) == "4"


def _run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["advise", *arguments])
    return code, out.getvalue(), err.getvalue()


EXAMPLE = (
    *("--usage", str(EXAMPLES / "adviser-usage.csv")),
    *("--prices", str(EXAMPLES / "adviser-prices.toml")),
)


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    for chart in ("chart.png", "chart.svg"):
        code, out, err = _run(*EXAMPLE, "--json", "--chart", str(tmp_path / chart))
        assert (code, err) == (0, "")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "chart.svg").read_text(encoding="utf-8")[:1000]
    shown = json.loads(out)
    year = next(one for one in shown["offers"] if one["offer"] == "PTU, year")
    # 221 a month is 2652 a year; a PTU on demand 0.18 x 2.00 x 8760 hours: 3153.60.
    assert year["break_even"] == decimal(Fraction(265_200, 315_360), 4) == "0.8409"
    assert Fraction(year["saving"]) == Fraction(year["on_demand"]) - Fraction(year["cost"])
    assert Fraction(year["worst_case"]) == year["pieces"] * 2652
    assert shown["recommended"] == "PTU, year"
    page = (EXAMPLES.parent / "adviser.md").read_text(encoding="utf-8")
    for sentence in shown["words"]:
        assert sentence in page
    code, out, err = _run(*EXAMPLE)
    assert (code, err) == (0, "")
    for sentence in shown["words"]:
        assert sentence in out


def test_the_other_offers_of_the_example_can_be_drawn(tmp_path: Path) -> None:
    terms = parse_sheet((EXAMPLES / "adviser-prices.toml").read_text(encoding="utf-8"), "prices")
    for number, offer in enumerate(terms.offers[1:]):
        file = tmp_path / f"{number}.png"
        assert _run(*EXAMPLE, "--chart", str(file), "--offer", offer.name)[0] == 0
        assert file.stat().st_size > 10_000


def test_a_picture_is_of_what_can_be_bought() -> None:
    terms = sheet(**{'"0.5"': '"0.5"\nminimum = 4\nstep = 3\nmost = 20'})
    drawn = picture(terms, week(10, 30), "year", points=5)
    assert [row[0] for row in drawn.costs] == [0, 4, 13]
    assert len(drawn.loads) == 8760
    assert list(drawn.loads) == sorted(drawn.loads, reverse=True)
    assert drawn.costs[0][2] == drawn.costs[0][1] * FACTORS[SCENARIOS.index("lower")]


def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("hour,volume\n", encoding="utf-8")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    prices = EXAMPLE[2:]
    cases = [
        ((*prices, "--usage", str(empty)), f"{empty}:1: there is no usage in it"),
        ((*prices, "--usage", str(tmp_path / "none")), "cannot read "),
        ((*prices, "--usage", str(binary)), "is not UTF-8 text"),
        ((*EXAMPLE, "--chart", str(tmp_path / "no" / "a.png")), "cannot write "),
        ((*EXAMPLE, "--chart", str(tmp_path / "a.png"), "--offer", "x"), "has no offer 'x'; choose from"),
    ]
    for arguments, message in cases:
        code, out, err = _run(*arguments)
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert message in err
    for arguments in (prices, (*EXAMPLE, "--from-books"), (*EXAMPLE, "--chart", "a.jpg")):
        assert _run(*arguments)[0] == 2
