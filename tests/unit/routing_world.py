"""A market with one bucket of usage, small enough to be solved by hand; shared by the router's tests."""

from __future__ import annotations

from collections.abc import Sequence

from rechenwerk.routing.market import Arrival, Outage, World
from rechenwerk.routing.plan import Situation
from rechenwerk.routing.supply import Cap, Credit, Demand, Minimum, Supply, Vector

UNIT: Vector = (1.0, *([0.0] * 7))
WINDOW = 60.0
DAY = 86400.0


def units(count: float) -> Vector:
    return (count, *([0.0] * 7))


def supply(number: int, name: str, price: float) -> Supply:
    return Supply(number, name, units(price))


LIST, MINIMUM, CREDIT, OWN = (
    supply(1, "list", 10.0),
    supply(2, "bound", 7.0),
    supply(3, "credit", 10.0),
    supply(4, "own", 0.0),
)
OPEN = Demand(0, "open", UNIT, (1, 2, 3, 4), 30.0)
SECRET = Demand(1, "secret", UNIT, (2, 4), 30.0)
URGENT = Demand(2, "urgent", UNIT, (2, 4), 100.0, "critical")


def situation(
    *,
    now: float = 0.0,
    supplies: Sequence[Supply] = (LIST,),
    caps: Sequence[Cap] = (),
    credits: Sequence[Credit] = (),  # noqa: A002 - the field's name
    minimums: Sequence[Minimum] = (),
    demands: Sequence[Demand] = (OPEN,),
    taken: Sequence[float] | None = None,
    arrived: Sequence[float] | None = None,
    down: Sequence[int] = (),
    next_in: float = 5.0,
) -> Situation:
    """How things stand, with nothing taken and nothing arrived unless said."""
    return Situation(
        now=now,
        measure=UNIT,
        supplies=tuple(supplies),
        caps=tuple(caps),
        credits=tuple(credits),
        minimums=tuple(minimums),
        demands=tuple(demands),
        taken=tuple(taken or [0.0] * len(caps)),
        ordinary=tuple(taken or [0.0] * len(caps)),
        arrived=tuple(units(one) for one in arrived or [0.0] * len(demands)),
        window_began=WINDOW * (now // WINDOW),
        window=WINDOW,
        down=tuple(down),
        next_in=next_in,
    )


def world(
    windows: int,
    *,
    own: float = 2.0,
    kept: float = 0.5,
    minimum: float = 0.0,
    credit: float = 0.0,
    outages: Sequence[Outage] = (),
    demands: Sequence[Demand] = (OPEN, SECRET, URGENT),
) -> World:
    """Four supplies over some windows of a minute; `own` and `bound` have caps."""
    end = windows * WINDOW
    return World(
        measure=UNIT,
        supplies=(LIST, MINIMUM, CREDIT, OWN),
        caps=(Cap("own", (4,), UNIT, own, WINDOW, kept=kept), Cap("bound", (2,), UNIT, 4.0, WINDOW)),
        credits=(Credit("credit", (3,), credit, end, overflow=False),),
        minimums=(Minimum("bound", (2,), minimum, 0.0, end),),
        demands=tuple(demands),
        begins_at=0.0,
        ends_at=end,
        outages=tuple(outages),
    )


def evenly(windows: int, **per_window: float) -> list[Arrival]:
    """Volume per window and class (`open`, `secret`, `urgent`), in twenty parts each."""
    classes = {"open": 0, "secret": 1, "urgent": 2}
    return [
        Arrival(WINDOW * (window + (part + 0.5) / 20), classes[name], units(volume / 20))
        for window in range(windows)
        for part in range(20)
        for name, volume in per_window.items()
        if volume > 0
    ]
