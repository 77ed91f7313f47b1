"""Fair shares of something scarce: a virtual token counter per project, after Sheng et al. (OSDI 2024).

"Fairness in Serving Large Language Models", arXiv 2401.00588: each project has a counter of the service that
it received, divided by its weight; whoever waits with the least counter is served next. Input is charged
when a call begins, output as it comes, and the end corrects both to what was really used. A project that
begins to wait is lifted to the least counter of those that wait, so being idle saves no credit. Within a
project the first come is the first served: to send more requests makes one's own line longer and nothing
else.

Where nobody waits, the paper lifts to the counter of the project that was served last. Here that is its
counter *before* that call was charged, the virtual time of start-time fair queueing (Goyal, Vin and Cheng,
SIGCOMM 1996): the bound is the same, and an estimate that proves wrong later has lifted nobody.

The bound. At most C calls run at once, of at most I input and O output tokens. Between two projects f and g
that wait in the same line all the time between two moments, the service in between, each divided by its
weight, differs by at most

    U(f) + U(g),  where U(p) = (w_in I + w_out C O) / weight(p).

Proof: f is only served while its counter is no larger than g's. From then on it can grow by the input of
that call and by the output of the calls that run, so always counter(f) - counter(g) <= U(f), and likewise
for g; lifts keep it so because whoever is lifted comes up to a counter that was the least when somebody was
served. The service in between is by how much a counter grew. With w_in <= w_out and M = C (I + O) tokens in
flight this is the paper's 2 max(w_in I, w_out M), and a little tighter. Where input was estimated wrongly,
by no more than I, counters can fall again by C w_in I, and at either moment be wrong by as much: U(p) = C (4
w_in I + w_out O) / weight(p).

Work-conserving: whether somebody is served is never asked of the counters, only who.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from math import exp
from typing import Generic, TypeVar

from rechenwerk.base.usage import Usage

INPUT = 1.0
CACHED = 0.1
OUTPUT = 4.0
"""What a token counts: reading is done in parallel, writing is not, and what is cached is hardly work at all.

Providers' price lists say about the same: output at three to six times the input, cached input at a tenth.
"""

FORGET = 60.0
"""Seconds in which what was seen of late fades to a third."""

_LEAST_SPAN = 30.0
"""Seconds; what came in less is no pace yet."""

_LEAST = 1.0
"""What a call counts at least: one without tokens (an image, a rerank) takes a turn, too."""


def service(usage: Usage) -> float:
    """What a call counts, in weighted tokens."""
    read = INPUT * (usage.input + usage.cache_write) + CACHED * usage.cached_input
    return max(_LEAST, read + OUTPUT * (usage.output + usage.reasoning))


class Pace:
    """How often calls came of late."""

    __slots__ = ("_came", "_seen_at", "_since")

    def __init__(self, now: float) -> None:
        self._came = 0.0
        self._seen_at = self._since = now

    def comes(self, load: float, now: float) -> None:
        """Another one; `load`: a part of one."""
        self._came = self._came * exp(min(0.0, self._seen_at - now) / FORGET) + load
        self._seen_at = now

    def rate(self, now: float) -> float:
        """Calls per second."""
        span = FORGET * (1.0 - exp(min(0.0, self._since - now) / FORGET))
        return self._came * exp(min(0.0, self._seen_at - now) / FORGET) / max(span, _LEAST_SPAN)


T = TypeVar("T")


class Flow(Generic[T]):
    """A project's place in a line.

    Attributes:
        project: its id.
        weight: its share in proportion to others.
        counter: service received, divided by the weight.
        key: the counter with which it stands in the heap, never above `counter`; below zero otherwise.
        running: calls that are not yet corrected.
        load: of its waiting calls; one that waits at several places counts a part of one in each.
        waiting: its calls, first come first.
        pace: how often it has one.
        promised: until when its share is spoken for by those who were asked to come back, monotonic seconds.
    """

    __slots__ = (
        "counter",
        "key",
        "load",
        "pace",
        "project",
        "promised",
        "running",
        "waiting",
        "weight",
    )

    def __init__(self, project: int, weight: float, counter: float, now: float) -> None:
        self.project = project
        self.weight = weight
        self.counter = counter
        self.key = -1.0
        self.running = 0
        self.load = 0.0
        self.waiting: OrderedDict[T, None] = OrderedDict()
        self.promised = 0.0
        self.pace = Pace(now)


class Shares(Generic[T]):
    """Who of those that wait is next.

    Attributes:
        virtual: the counter of whoever was served last, before it was charged; never falls.
        backlogged: projects that wait.
    """

    __slots__ = ("_flows", "_heap", "_serial", "_tidy_at", "backlogged", "virtual")

    def __init__(self) -> None:
        self.virtual = 0.0
        self.backlogged: dict[int, Flow[T]] = {}
        self._flows: dict[int, Flow[T]] = {}
        self._heap: list[tuple[float, int, Flow[T]]] = []
        self._serial = 0
        self._tidy_at = 64

    def flow(self, project: int, weight: float, now: float) -> Flow[T]:
        """The place of a project that has a call; lifted, if none of its calls waits."""
        flow = self._flows.get(project)
        if flow is None:
            if len(self._flows) >= self._tidy_at:
                self._tidy(now)
            flow = self._flows[project] = Flow(project, weight, self.virtual, now)
        flow.weight = weight
        if not flow.waiting:
            first = self.first()
            flow.counter = max(flow.counter, self.virtual if first is None else first.counter)
        return flow

    @property
    def flows(self) -> Iterable[Flow[T]]:
        """All projects that are known, whether they wait or not."""
        return self._flows.values()

    def wait(self, flow: Flow[T], call: T, load: float = 1.0) -> None:
        """A call waits, behind those of its project. `load`: see `Flow`."""
        if not flow.waiting:
            self.backlogged[flow.project] = flow
            self._push(flow)
        flow.waiting[call] = None
        flow.load += load

    def leave(self, flow: Flow[T], call: T, load: float = 1.0) -> None:
        """A call waits no longer: it is served, or its client is gone."""
        del flow.waiting[call]
        flow.load -= load
        if not flow.waiting:
            flow.load = 0.0
            flow.key = -1.0
            flow.waiting.clear()  # gives back what a long line took
            del self.backlogged[flow.project]

    def first(self) -> Flow[T] | None:
        """The project that is next; its first call is its first in `Flow.waiting`."""
        heap = self._heap
        while heap:
            key, serial, flow = heap[0]
            if flow.key != key or not flow.waiting:
                heapq.heappop(heap)
            elif flow.counter != key:
                flow.key = flow.counter
                heapq.heapreplace(heap, (flow.counter, serial, flow))
            else:
                return flow
        return None

    def begin(self, flow: Flow[T], cost: float) -> None:
        """A call of the project is served; `cost` is what is known of it: its input."""
        self.virtual = max(self.virtual, flow.counter)
        flow.running += 1
        flow.counter += cost / flow.weight

    def charge(self, flow: Flow[T], cost: float) -> None:
        """More is known: output came, or (below zero) an estimate was too high."""
        flow.counter += cost / flow.weight
        if flow.waiting and flow.counter < flow.key:
            self._push(flow)

    def end(self, flow: Flow[T], correction: float) -> None:
        """A call is over."""
        flow.running -= 1
        self.charge(flow, correction)

    def _push(self, flow: Flow[T]) -> None:
        self._serial += 1
        flow.key = flow.counter
        heapq.heappush(self._heap, (flow.counter, self._serial, flow))
        if len(self._heap) > 2 * len(self.backlogged) + 64:
            found = [entry for entry in self._heap if entry[2].waiting and entry[2].key == entry[0]]
            self._heap = list({entry[2].project: entry for entry in found}.values())
            heapq.heapify(self._heap)

    def _tidy(self, now: float) -> None:
        """Forget projects of whom nothing needs to be known: they would be lifted above their counters."""
        for project, flow in list(self._flows.items()):
            idle = not flow.waiting and not flow.running and flow.promised <= now
            if idle and flow.counter <= self.virtual:
                del self._flows[project]
        self._tidy_at = max(64, 2 * len(self._flows))
