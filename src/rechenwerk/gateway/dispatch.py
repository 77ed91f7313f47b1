"""Which deployment serves a call at the least price of the next unit; what the router's process is told.

A call pays a look-up: the desk has the plan and its prices in memory and moves them with every call. Plans
are made beside the data plane, by the router's process.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Collection, Sequence

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.loops import repeat
from rechenwerk.base.reasons import beside, reason
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.plans import Step
from rechenwerk.gateway.situation import demand_name
from rechenwerk.gateway.tally import NONE, Stream, Tally
from rechenwerk.routing.desk import Desk, Explanation
from rechenwerk.routing.plan import Limit
from rechenwerk.routing.plan import Plan as Route
from rechenwerk.routing.ports import Board, Report, Use
from rechenwerk.routing.supply import Vector

_log = logging.getLogger("rechenwerk.dispatch")
_EVERY = 1.0
"""Seconds between reports, and between looks for a newer plan."""
_USUAL: Vector = (500.0, 0.0, 0.0, 250.0, 0.0, 0.0, 0.0, 1.0)
"""What a call uses, as long as none has ended."""
_BYTES_PER_TOKEN = 4
_SHOWN = 6
"""Alternatives that a decision keeps."""
_REASONS = 4096
"""Decisions that are kept ready."""
_LATER = 60.0
"""Seconds until it makes sense to ask again for what is used up and does not come again by itself."""
_REPORTS = 30
"""Reports that are remembered: a plan is no older."""
_MARGIN = 0.25
"""Seconds before a plan was made at which a report must have arrived to be in it for certain."""


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
        self._aside = Stream("", NONE)
        self._reported: deque[tuple[float, Report]] = deque(maxlen=_REPORTS)
        self.made_at = 0.0

    # -- per call ---------------------------------------------------------------------------------

    def arrived(self, call: Call) -> None:
        """A call with a plan has come; it is counted, whatever becomes of it."""
        plan = call.plan
        if call.endpoint == "count_tokens":  # it draws nothing from anywhere
            call.stream, call.estimate = self._aside, NONE
            return
        stream = plan.streams.get(call.service)
        if stream is None:
            stream = plan.streams[call.service] = self._stream(call)
        call.stream = stream
        mean = stream.mean
        most = float(call.output_bound)
        call.estimate = (
            len(call.asked) / _BYTES_PER_TOKEN,
            mean[1],
            mean[2],
            min(mean[3], most),
            min(mean[4], most),
            0.0,
            0.0,
            1.0,
        )
        now = self._clock.now()
        if now >= self._tally.ends:
            self._tally.turn(now)
        self._tally.arrived(stream, call.estimate)

    def order(self, call: Call) -> Sequence[Step]:
        """The deployments for a call, best first; those that have no room now are left out."""
        plan = call.plan
        groups, desk, demand = plan.groups, self._desk, call.stream.demand
        if not plan.decides or call.stream is self._aside:
            return self._fleet.order(plan.steps, self._clock.monotonic(), call.asked)
        if desk is None or demand is None:
            return self._by_list(call)
        ids = desk.order(demand, self._clock.now())
        call.ordered = ids
        found: list[Step] = []
        for supply in ids:
            group = groups.get(supply)
            if group is None:  # the plan is of another configuration, or a rule forbids it
                continue
            if len(group) == 1:
                found.append(group[0])
            else:
                found += self._fleet.order(group, self._clock.monotonic(), call.asked)
        if not groups.keys() <= desk.known:  # of another configuration; the next plan knows them
            found += self._by_list(call, groups.keys() - desk.known)
        return found

    def left(self, call: Call, step: Step) -> None:
        """A call goes to a step, for all that one knows now; why there is kept."""
        if call.placed is step or not call.plan.decides:
            return
        if call.placed is not None:
            self._put(call, call.placed, [-one for one in call.estimate])
        call.placed = step
        self._put(call, step, call.estimate)
        call.weighed = self._words_of(call, step)

    def ended(self, call: Call, usage: Usage | None, *, last: bool = True) -> None:
        """An attempt is over: what it used corrects what was expected of it.

        Args:
            call: whose attempt it was.
            usage: nothing, if it came to nothing; None: nobody knows, so what was expected stands.
            last: the call ends with it.
        """
        if usage is None:
            call.placed = None
            return
        true: Vector = tuple(map(float, usage.counts()))
        if call.placed is not None:
            self._put(call, call.placed, tuple(map(float.__sub__, true, call.estimate)))
            call.placed = None
        if last:
            self._tally.ended(call.stream, call.estimate, true)

    def refused(self, call: Call) -> None:
        """A call found no room."""
        call.stream.refused += 1.0

    def frees_in(self, call: Call) -> tuple[float, float, float]:
        """When a call may find room again, as far as the plan tells.

        Returns:
            Seconds until then, seconds from then until there is room once more, and how many such calls find
            room each time.
        """
        desk = self._desk
        limits = desk.plan.limits if desk is not None else ()
        groups = call.plan.groups.keys()
        mine = [limit for limit in limits if not groups.isdisjoint(limit.supplies)]
        coming = [limit for limit in mine if limit.seconds]
        if desk is None or not coming:
            gone = bool(mine) or (desk is not None and groups <= set(desk.plan.closed))
            return (_LATER, _LATER, math.inf) if gone else (_EVERY, _EVERY, math.inf)
        now = self._clock.now()

        def soon(limit: Limit) -> float:
            return limit.seconds - (now - limit.resets_at) % limit.seconds

        kept = call.service != "critical"
        first = min(coming, key=soon)
        takes = max(1e-9, sum(map(float.__mul__, first.weights, call.estimate)))
        each = (first.amount - (first.kept if kept else 0.0)) * desk.share / takes
        return soon(first), first.seconds, max(1.0, each)

    def _put(self, call: Call, step: Step, usage: Sequence[float]) -> None:
        if call.stream is self._aside:
            return
        supply, demand, now = step.supply, call.stream.demand, self._clock.now()
        critical = call.service == "critical"
        if now >= self._tally.ends:
            self._tally.turn(now)
        self._tally.used(supply, usage, critical=critical)
        if self._desk is None:
            return
        if demand is not None:
            self._desk.placed(demand, supply, tuple(usage), now)
        else:
            self._desk.took(supply, tuple(usage), NONE if critical else tuple(usage), now)

    def _by_list(self, call: Call, among: Collection[int] | None = None) -> Sequence[Step]:
        """By what the deployments charge, until there is a plan for this class of calls.

        Where there is one for others, what it says to be full or closed is left out.

        Args:
            call: which it is.
            among: of these supplies; None: of all.
        """
        estimate, desk, critical = call.estimate, self._desk, call.service == "critical"
        prices = {
            supply: sum(map(float.__mul__, group[0].rates, estimate))
            for supply, group in call.plan.groups.items()
            if (among is None or supply in among)
            and (desk is None or desk.admits(supply, self._clock.now(), critical=critical))
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
            if len(self._words) >= _REASONS:
                self._words.clear()
            told = desk.explain(demand, self._clock.now())
            known = self._words[key] = "" if told is None else _told(told, step.supply, self._number)
        return known

    # -- beside calls -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Report and follow for ever."""
        await repeat(self.exchange, _EVERY, _log, "calls go on by the last plan, the router cannot be heard")

    async def exchange(self) -> None:
        """Say what was seen, and take up the newest plan.

        Raises:
            OSError: the database cannot be reached.
        """
        self._tally.turn(self._clock.now())
        report = self._tally.report(self._fleet.away())
        await self._board.report(self._process, report)
        self._reported.append((self._clock.now(), report))
        await self._follow()

    async def _follow(self) -> None:
        found = await self._board.newest(self._number)
        if found is None:
            return
        route = msgspec.msgpack.decode(found.plan, type=Route)
        self._number, self.made_at = found.number, route.made_at
        self._share = (await self._board.deal(self._process)).share
        if self._desk is None:
            self._desk = Desk(route, self._share)
        else:
            self._desk.load(route, self._share)
        self._count_unseen(self._desk)
        self._words = {}
        ids = _ids(route)
        for stream in self._tally.streams:
            stream.demand = ids.get(stream.name)

    def _count_unseen(self, desk: Desk) -> None:
        """What this process used and the plan cannot know yet is gone from what the plan says is left."""
        seen: dict[tuple[int, int], Use] = {}
        for at, report in self._reported:
            if at <= self.made_at - _MARGIN:
                seen = {(one.starts, one.supply): one for one in report.uses}
        now = self._clock.now()
        for one in self._tally.report().uses:
            known = seen.get((one.starts, one.supply))
            usage, ordinary = one.usage, one.ordinary
            if known is not None:
                usage = tuple(map(float.__sub__, usage, known.usage))
                ordinary = tuple(map(float.__sub__, ordinary, known.ordinary))
            desk.took(one.supply, usage, ordinary, now, one.starts)


def _ids(route: Route) -> dict[str, int]:
    return {choice.name: choice.demand for choice in route.choices}


_PER = 1e6
"""Prices are told for a million units of volume: input tokens, or what weighs as much."""


def _told(told: Explanation, supply: int, number: int) -> str:
    """An explanation as the decision keeps it."""
    kept: dict[str, object] = {"plan": number}
    others: list[dict[str, object]] = []
    if all(one.supply != supply for one in told.alternatives):
        kept |= beside("reason", reason("not_in_plan"))
    for one in told.alternatives:
        if one.supply == supply:
            kept |= beside("reason", one.reason)
            kept["price"] = {
                "list": _shown(one.listed),
                "contract_effect": _shown(one.contract),
                "congestion": _shown(one.congestion),
                "next_unit": _shown(one.price),
            }
            if one.reserve:
                kept |= beside("reserve", one.reserve)
        elif len(others) < _SHOWN:
            seen = {"deployment": one.name, "next_unit": _shown(one.price)}
            others.append({**seen, **beside("why", one.reason)})
    if others:
        kept["alternatives"] = others
    return msgspec.json.encode(kept).decode()[1:-1]


def _shown(price: float) -> str:
    return f"{round(price * _PER, 9):.6g}"
