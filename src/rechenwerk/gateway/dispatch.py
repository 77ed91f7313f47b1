"""Which deployment serves a call at the least price of the next unit; what the router's process is told.

A call pays a look-up: the desk has the plan and its prices in memory and moves them with every call. Plans
are made beside the data plane, by the router's process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.plans import Step
from rechenwerk.gateway.situation import demand_name
from rechenwerk.gateway.tally import Stream, Tally
from rechenwerk.routing.desk import Desk, Explanation
from rechenwerk.routing.plan import Plan as Route
from rechenwerk.routing.ports import Board
from rechenwerk.routing.supply import Vector

_log = logging.getLogger("rechenwerk.dispatch")
_EVERY = 1.0
"""Seconds between reports, and between looks for a newer plan."""
_USUAL: Vector = (500.0, 0.0, 0.0, 250.0, 0.0, 0.0, 0.0, 1.0)
"""What a call uses, as long as none has ended."""
_BYTES_PER_TOKEN = 4
_SHOWN = 6
"""Alternatives that a decision keeps."""


class Dispatch:
    """Orders the deployments of calls, and counts what arrives and where it goes.

    Args:
        board: where reports go and plans come from.
        fleet: health, which orders deployments that cost the same.
        clock: time.
        process: number of this process.
    """

    def __init__(self, board: Board, fleet: Fleet, clock: Clock, process: int) -> None:
        self._board = board
        self._fleet = fleet
        self._clock = clock
        self._process = process
        self._tally = Tally(clock.now())
        self._desk: Desk | None = None
        self._number = 0
        self._share = 1.0
        self._words: dict[tuple[int, int, tuple[int, ...]], str] = {}
        self.made_at = 0.0

    # -- per call ---------------------------------------------------------------------------------

    def arrived(self, call: Call) -> None:
        """A call with a plan has come; it is counted, whatever becomes of it."""
        plan = call.plan
        stream = plan.streams.get(call.service)
        if stream is None:
            stream = plan.streams[call.service] = self._stream(call)
        call.stream = stream
        mean = stream.mean
        call.estimate = (
            len(call.asked) / _BYTES_PER_TOKEN,
            mean[1],
            mean[2],
            mean[3],
            mean[4],
            0.0,
            0.0,
            1.0,
        )
        self._tally.arrived(stream, call.estimate)

    def order(self, call: Call) -> Sequence[Step]:
        """The deployments for a call, best first; those that have no room now are left out."""
        plan = call.plan
        groups, desk, demand = plan.groups, self._desk, call.stream.demand
        if len(groups) < 2 and not plan.governed:
            return self._fleet.order(plan.steps, self._clock.monotonic(), call.asked)
        if desk is None or demand is None:
            return self._by_list(call)
        ids = desk.order(demand, self._clock.now())
        call.ordered = ids
        found: list[Step] = []
        for supply in ids:
            group = groups.get(supply)
            if group is None:  # the plan is of another configuration; the next one comes in a moment
                continue
            if len(group) == 1:
                found.append(group[0])
            else:
                found += self._fleet.order(group, self._clock.monotonic(), call.asked)
        return found

    def left(self, call: Call, step: Step) -> None:
        """A call goes to a step, for all that one knows now; why there is kept."""
        if call.placed is step:
            return
        if call.placed is not None:
            self._put(call, call.placed, [-one for one in call.estimate])
        call.placed = step
        self._put(call, step, call.estimate)
        call.weighed = self._words_of(call, step)

    def ended(self, call: Call, usage: Usage, *, last: bool = True) -> None:
        """An attempt is over: what it used corrects what was expected of it.

        Args:
            call: whose attempt it was.
            usage: nothing, if it came to nothing.
            last: the call ends with it.
        """
        true: Vector = tuple(map(float, usage.counts()))
        if call.placed is not None:
            self._put(call, call.placed, tuple(map(float.__sub__, true, call.estimate)))
            call.placed = None
        if last:
            self._tally.ended(call.stream, call.estimate, true)

    def refused(self, call: Call) -> None:
        """A call found no room."""
        call.stream.refused += 1.0

    def frees_in(self, call: Call) -> tuple[float, float]:
        """Seconds until a call may find room again, as far as the plan tells, and how often from then on."""
        limits = self._desk.plan.limits if self._desk is not None else ()
        groups = call.plan.groups.keys()
        mine = [limit for limit in limits if limit.seconds and not groups.isdisjoint(limit.supplies)]
        if not mine:
            return _EVERY, _EVERY
        now = self._clock.now()
        return min((limit.seconds - (now - limit.resets_at) % limit.seconds, limit.seconds) for limit in mine)

    def _put(self, call: Call, step: Step, usage: Sequence[float]) -> None:
        supply = step.supply
        self._tally.used(supply, usage, critical=call.service == "critical")
        demand = call.stream.demand
        if self._desk is not None and demand is not None:
            self._desk.placed(demand, supply, tuple(usage), self._clock.now())

    def _by_list(self, call: Call) -> Sequence[Step]:
        """By what the deployments charge, until there is a plan for this class of calls."""
        estimate = call.estimate
        prices = {
            supply: sum(map(float.__mul__, group[0].rates, estimate))
            for supply, group in call.plan.groups.items()
        }
        now = self._clock.monotonic()
        found: list[Step] = []
        for supply in sorted(prices, key=prices.__getitem__):
            found += self._fleet.order(call.plan.groups[supply], now, call.asked)
        return found

    def _stream(self, call: Call) -> Stream:
        """The class that a call belongs to."""
        row, plan = call.tenant.row, call.plan
        name = demand_name(
            row.organisation, plan.ability, row.data_class, call.service, plan.grants, plan.offer.model
        )
        stream = self._tally.stream(name, _USUAL)
        if stream.demand is None and self._desk is not None:
            stream.demand = _ids(self._desk.plan).get(stream.name)
        return stream

    # -- why --------------------------------------------------------------------------------------

    def _words_of(self, call: Call, step: Step) -> str:
        """Why the call went where it went: members of the decision's JSON object, without braces.

        Made once for the same reasons: calls of a class between two plans have few.
        """
        desk, demand = self._desk, call.stream.demand
        if desk is None or demand is None or not call.ordered:
            return ""
        key = (demand, step.supply, tuple(call.ordered))
        known = self._words.get(key)
        if known is None:
            told = desk.explain(demand, self._clock.now())
            known = self._words[key] = "" if told is None else _told(told, step.supply, self._number)
        return known

    # -- beside calls -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Report and follow for ever."""
        while True:
            try:
                await self.exchange()
            except Exception as error:  # whatever it is, calls go on by the plan that is there
                _log.warning("the router cannot be heard: %s", error)
            await asyncio.sleep(_EVERY)

    async def exchange(self) -> None:
        """Say what was seen, and take up the newest plan.

        Raises:
            OSError: the database cannot be reached.
        """
        await self._board.report(self._process, self._tally.report(self._fleet.away()))
        self._tally.turn(self._clock.now())
        await self._follow()

    async def _follow(self) -> None:
        found = await self._board.newest(self._number)
        if found is None:
            return
        route = msgspec.msgpack.decode(found.plan, type=Route)
        self._number, self.made_at = found.number, route.made_at
        self._share = 1.0 / max(1, found.gateways)
        if self._desk is None:
            self._desk = Desk(route, self._share)
        else:
            self._desk.load(route, self._share)
        self._words = {}
        ids = _ids(route)
        for stream in self._tally.streams:
            stream.demand = ids.get(stream.name)


def _ids(route: Route) -> dict[str, int]:
    return {choice.name: choice.demand for choice in route.choices}


_PER = 1e6
"""Prices are told for a million units of volume: input tokens, or what weighs as much."""


def _told(told: Explanation, supply: int, number: int) -> str:
    """An explanation as the decision keeps it."""
    kept: dict[str, object] = {"plan": number}
    others: list[dict[str, str]] = []
    for one in told.alternatives:
        if one.supply == supply:
            kept["reason"] = one.reason
            kept["price"] = {
                "list": _shown(one.listed),
                "contract_effect": _shown(one.contract),
                "congestion": _shown(one.congestion),
                "next_unit": _shown(one.price),
            }
        elif len(others) < _SHOWN:
            others.append({"deployment": one.name, "next_unit": _shown(one.price), "why": one.reason})
    if others:
        kept["alternatives"] = others
    return msgspec.json.encode(kept).decode()[1:-1]


def _shown(price: float) -> str:
    return f"{price * _PER:.6g}"
