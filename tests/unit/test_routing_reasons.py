"""Why a call goes where it goes, in words: each supply of a class and what keeps it from being first."""

from __future__ import annotations

import pytest

from rechenwerk.routing.desk import Desk
from rechenwerk.routing.plan import Choice, Option, Plan

NOW = 1_000.0
TOKENS = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
NAMES = {1: "own", 2: "first cloud", 3: "second cloud", 4: "third cloud"}


def desk(options: str) -> Desk:
    """A plan of one class; a line for each supply: id, planned amount, price of a million units."""
    lines = [line.split() for line in options.strip().splitlines()]
    made = tuple(
        Option(int(one), float(amount), float(price) / 1e6, 0.0, 0.0) for one, amount, price in lines
    )
    choice = Choice(7, "a class", critical=False, penalty=100 / 1e6, options=made)
    return Desk(Plan(NOW, NOW + 300, TOKENS, NAMES, (choice,), ()))


def reasons(of: Desk) -> dict[str, str]:
    told = of.explain(7, NOW)
    assert told is not None
    return {one.name: one.reason for one in told.alternatives}


@pytest.mark.parametrize(
    ("options", "own", "cloud"),
    [
        ("1 50 1.0\n2 0 2.0", "the plan sends all of this class here", "its next unit is dearer"),
        ("1 30 1.0\n2 10 2.0", "the plan sends 75 percent of this class here", "the plan sends 25 percent"),
        (
            "2 0 0.5\n1 50 1.0",
            "the plan sends all of this class here",
            "its next unit is cheaper, and planned for other classes",
        ),
        ("1 50 0\n2 0 0", "the plan sends all", "its next unit costs the same, and the other has room"),
        ("1 0 1.0\n2 0 2.0", "its next unit is the cheapest", "its next unit is dearer"),
        ("1 50 1.0\n2 0 500", "the plan sends all", "its next unit costs more than refusing does"),
    ],
)
def test_supplies_with_room(options: str, own: str, cloud: str) -> None:
    said = reasons(desk(options))
    assert (said["own"].startswith(own), said["first cloud"].startswith(cloud)) == (True, True), said


def test_words_need_no_escape_in_a_header() -> None:
    for one in reasons(desk("1 30 1.0\n2 10 2.0\n3 0 3\n4 0 900")).values():
        assert not set(one) & set('%"\\'), one
