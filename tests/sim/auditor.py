"""The auditor keeps a second, naive book, and knows nothing of the first until the day is over.

He sees what the clients saw, and what the provider says it made; prices are Fractions of euros.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import asyncpg

from tests.caller import Reply
from tests.fakes.provider import Record
from tests.sim.schedule import COST, FAULTS, RATES, Ask, Day

CRASH = "the gateway process ended before the call did"


@dataclass(frozen=True)
class Seen:
    """One call as its client saw it. `crashed`: its gateway was killed in that hour."""

    ask: Ask
    reply: Reply | None
    afternoon: bool
    crashed: bool


def nano(rates: tuple[str, str, str], prompt: int, cached: int, output: int) -> int:
    """Nano-euros, rounded once, half to even."""
    inputs, cheap, outputs = (Fraction(rate) / 1_000_000 for rate in rates)
    return round(((prompt - cached) * inputs + cached * cheap + output * outputs) * 1_000_000_000)


class Auditor:
    """The second book."""

    def __init__(self, day: Day) -> None:
        # Keys are numbered in the order in which the day names them.
        places = [place for plan in day.projects for place in range(len(plan.keys))]
        self._keys = dict(enumerate(places, 1))
        self._seen: list[Seen] = []
        self.price: dict[tuple[int, str], int] = defaultdict(int)
        self.cost: dict[tuple[int, str], int] = defaultdict(int)
        self.charged: dict[tuple[int, int], int] = defaultdict(int)
        self.overrun: dict[int, int] = defaultdict(int)
        self.counts: dict[str, int] = defaultdict(int)

    def saw(self, seen: Seen) -> None:
        """A client tells what became of its call."""
        self._seen.append(seen)

    def close(
        self, names: dict[int, int], records: dict[int, Record], rows: Iterable[asyncpg.Record]
    ) -> None:
        """Compare every call with the books.

        Args:
            names: number of an ask -> id of its call, as the provider was told.
            records: id of a call -> what the provider made for it.
                rows: the booked calls.
        """
        calls = {row["id"]: row for row in rows}
        asked = {names[seen.ask.number]: seen for seen in self._seen if seen.ask.number in names}
        for seen in self._seen:
            call_id = names.get(seen.ask.number)
            self._judge(seen, calls.get(call_id or 0), records.get(call_id or 0))
        for call_id, row in calls.items():
            # A hold may have been durable before its request left: then the provider knows nothing of it.
            if call_id not in asked:
                assert (row["outcome"], row["reason"]) == ("unresolved", CRASH), dict(row)
                project = row["project_id"] - 1
                self._book(project, self._keys[row["key_id"]], row, int(row["price"]), int(row["cost"]))

    def _judge(self, seen: Seen, row: asyncpg.Record | None, record: Record | None) -> None:
        made = record.completion_tokens if record is not None else 0
        if row is None:
            assert not made, (seen, record, "was produced and is not booked")
            assert seen.crashed or (seen.reply is not None and seen.reply.status >= 400), seen
            self.counts["refused" if seen.reply is not None and seen.reply.status >= 400 else "lost"] += 1
            return
        ask = seen.ask
        expected = FAULTS[ask.fault][1]
        outcome = row["outcome"]
        if outcome != expected:
            assert seen.crashed, (seen, dict(row), "ended otherwise without a crash")
            assert (outcome, row["reason"]) == ("unresolved", CRASH), (seen, dict(row))
        assert seen.reply is None or seen.reply.status != 200 or outcome in {"posted", "unresolved"}, seen
        price, cost = int(row["price"]), int(row["cost"])
        if outcome in {"posted", "failed"}:
            assert record is not None
            knobs = ask.body["x_fake"]
            output = made + knobs.get("wrong_usage", 0)
            cached = min(knobs.get("cached_tokens", 0), record.prompt_tokens)
            rates = RATES[1 if seen.afternoon else 0]
            price = nano(rates, record.prompt_tokens, cached, output) if outcome == "posted" else 0
            cost = nano(COST, record.prompt_tokens, cached, output)
            self._compare_with_answer(seen, record.prompt_tokens, output)
        assert (int(row["price"]), int(row["cost"])) == (price, cost), (seen, dict(row))
        self._book(ask.project, ask.key, row, price, cost)

    def _compare_with_answer(self, seen: Seen, prompt: int, output: int) -> None:
        """What the client was told is what the provider counted."""
        reply = seen.reply
        if reply is not None and reply.status == 200 and reply.whole and not seen.ask.body["stream"]:
            assert reply.usage is not None
            told = (reply.usage["prompt_tokens"], reply.usage["completion_tokens"])
            assert told == (prompt, output), seen

    def _book(self, project: int, key: int, row: asyncpg.Record, price: int, cost: int) -> None:
        outcome = row["outcome"]
        within = min(price, int(row["held"])) if outcome in {"posted", "unresolved"} else 0
        self.counts[outcome] += 1
        self.price[project, outcome] += within
        self.cost[project, outcome] += cost
        self.charged[project, key] += within
        self.overrun[project] += max(0, price - within)
