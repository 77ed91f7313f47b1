"""A day from one seed: who exists, what they call, and what breaks when. No clock and no network in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any

from rechenwerk.office.ports import Guard

HOURS = 24
CALLS_PER_HOUR = 110
NOON = 12
EUR = 1_000_000_000

RATES = (("1.50", "0.75", "3.00"), ("1.73", "0.333", "3.17"))
"""Input, cached input and output per million tokens: in the morning, and from noon on."""
COST = ("1.00", "0.50", "2.00")

FAULTS: MappingProxyType[str, tuple[int, str, dict[str, Any]]] = MappingProxyType(
    {
        "none": (30, "posted", {}),
        "cached": (4, "posted", {"cached_tokens": 3}),
        "lies": (2, "posted", {"wrong_usage": 5}),
        "overruns": (1, "posted", {"wrong_usage": 4_000}),
        "says nothing": (2, "unresolved", {"no_usage": True}),
        "dies first": (2, "unresolved", {"cut_before_answer": True}),
        "dies later": (2, "unresolved", {"cut_after_events": 5, "cut_mid_body": True}),
        "babbles": (1, "unresolved", {"garbage": True}),
        "fails with a bill": (2, "failed", {"error_with_usage": True}),
        "refuses": (2, "void", {"status": 503}),
    }
)
"""Name -> weight, how the call must end in the books, knobs of the fake provider."""


@dataclass(frozen=True)
class Ask:
    """One call of a client. `leave`: after so many pieces of its answer, None to stay."""

    number: int
    project: int
    key: int
    gateway: int
    fault: str
    leave: int | None
    body: dict[str, Any]


@dataclass(frozen=True)
class Hour:
    """Calls that run together. `crash`: which gateway is killed, after how many answers."""

    asks: tuple[Ask, ...]
    crash: tuple[int, int] | None


@dataclass(frozen=True)
class Plan:
    """The cast of a project: its guards, and those of each of its keys."""

    organisation: str
    guards: tuple[Guard, ...]
    keys: tuple[tuple[Guard, ...], ...]


@dataclass
class Day:
    """Everything that a seed decides."""

    projects: tuple[Plan, ...]
    revoked: tuple[int, int]
    hours: list[Hour] = field(default_factory=list)


def make_day(seed: int) -> Day:
    """The same seed is the same day."""
    chance = Random(seed)
    soft = Guard("money", "total", EUR // 1_000, hard=False)
    projects = (
        Plan("town", (Guard("money", "total", chance.randrange(EUR // 20, EUR // 8)),), ((), ())),
        Plan("town", (Guard("money", "total", EUR),), ((Guard("calls", "now", 6),), ())),
        Plan("works", (), ((Guard("money", "total", chance.randrange(EUR // 50, EUR // 20)),), ())),
        Plan("works", (soft,), ((Guard("requests", "minute", 250),),)),
    )
    day = Day(projects, (1, 1))
    crashes = set(chance.sample(range(1, HOURS - 1), 6))
    for hour in range(HOURS):
        asks = tuple(_ask(chance, day, hour, hour * CALLS_PER_HOUR + n) for n in range(CALLS_PER_HOUR))
        crash = (chance.randrange(2), chance.randrange(5, CALLS_PER_HOUR // 2)) if hour in crashes else None
        day.hours.append(Hour(asks, crash))
    return day


def _ask(chance: Random, day: Day, hour: int, number: int) -> Ask:
    project = chance.randrange(len(day.projects))
    key = chance.randrange(len(day.projects[project].keys))
    names = list(FAULTS)
    fault = chance.choices(names, [FAULTS[name][0] for name in names])[0]
    stream = chance.random() < 0.5
    tokens = chance.randrange(8, 60)
    knobs = {
        "latency_ms": chance.randrange(80, 160),
        "pace_ms": 1,
        "answer_tokens": tokens,
        **FAULTS[fault][2],
    }
    leave = chance.randrange(1, 4) if stream and fault == "none" and chance.random() < 0.3 else None
    body = {
        "model": "fake-model",
        "messages": [{"role": "user", "content": "word " * chance.randrange(1, 80)}],
        "max_tokens": tokens + chance.randrange(40),
        "stream": stream,
        "x_fake": knobs | FAULTS[fault][2],
        "metadata": {"number": number, "hour": hour},
    }
    return Ask(number, project, key, chance.randrange(2), fault, leave, body)
