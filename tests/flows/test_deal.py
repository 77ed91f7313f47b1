"""How gateways share what is limited, as the database tells them: by what arrived, the same for all."""

from __future__ import annotations

from typing import Any

import pytest

from rechenwerk.store.routes import PostgresBoard
from tests.flows.office_desk import Office


class Arrivals:
    """Gateway processes and what arrived at them, as they report it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.board = PostgresBoard(office.pool)
        self.office.sql("update process set ended_at = now()")
        self.ids: dict[int, Any] = {}

    def process(self, number: int) -> None:
        """One that lives."""
        (row,) = self.office.sql("insert into process (number, name) values ($1, 'x') returning id", number)
        self.ids[number] = row["id"]

    def arrived(self, number: int, minutes_ago: int, tokens: float) -> None:
        """Tokens of input that arrived at a process, so many whole minutes ago."""
        self.office.sql(
            "insert into route_load values (date_trunc('minute', now()) - make_interval(mins => $1),"
            " 'a class', $2, 1, 0, $3)",
            minutes_ago,
            self.ids[number],
            [tokens, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        )

    def shares(self) -> list[float]:
        """Of all processes, in the order of their numbers."""
        run = self.office.runner.run
        return [run(self.board.deal(number)).share for number in sorted(self.ids)]


@pytest.fixture
def arrivals(office: Office) -> Arrivals:
    return Arrivals(office)


def test_parts_follow_what_arrives(arrivals: Arrivals) -> None:
    for number in (3, 5, 8):
        arrivals.process(number)
    assert arrivals.shares() == pytest.approx([1 / 3] * 3), "nothing has arrived"
    arrivals.arrived(3, 4, 100.0)
    arrivals.arrived(5, 4, 100.0)
    arrivals.arrived(8, 4, 100.0)
    assert arrivals.shares() == pytest.approx([1 / 3] * 3)
    arrivals.arrived(8, 5, 1_000_000.0)
    first, second, busy = arrivals.shares()
    assert first == second == pytest.approx(3 / 36)
    assert busy == pytest.approx(30 / 36)


def test_minutes_that_may_change_and_old_ones_do_not_count(arrivals: Arrivals) -> None:
    arrivals.process(0)
    arrivals.process(1)
    for minutes_ago in (0, 1, 30):
        arrivals.arrived(1, minutes_ago, 1_000_000.0)
    assert arrivals.shares() == [0.5, 0.5]


def test_who_has_ended_has_no_part(arrivals: Arrivals) -> None:
    arrivals.process(0)
    arrivals.process(1)
    arrivals.arrived(1, 4, 1_000_000.0)
    arrivals.office.sql("update process set ended_at = now() where number = 1")
    run = arrivals.office.runner.run
    assert run(arrivals.board.deal(0)).share == 1.0
