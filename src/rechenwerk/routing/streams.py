"""From a trace to what a simulation runs on: classes, a history that a forecast may know, and arrivals.

Calls keep their times. Clients' statistics are sampled from a seed: each client is kept with a probability,
its rate is multiplied by a lognormal, its requests per window are Poisson, or Gamma-Poisson where they are
burstier, and the sum of their tokens is normal about the mean. Classes that a trace does not name are drawn
too: whole tenants become restricted until a share of the volume is, critical work is carved out, half of it
steady and half in bursts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.usage import BUCKETS
from rechenwerk.routing.market import Arrival
from rechenwerk.routing.supply import Vector
from rechenwerk.routing.traces import INPUT, OUTPUT, REQUESTS, Calls, Clients, Group

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAY = 86400.0
CHUNKS, CRITICAL_CHUNKS = 8, 4
"""Equal parts in which a class arrives within a window, where calls were not told one by one."""
SINGLE = 100_000
"""So many calls are placed one by one; more are summed by class and window."""
BURSTS, SHORTEST, LONGEST, AMPLITUDE = 4.0, 1800.0, 5700.0, 0.4
"""Of critical work: a day, seconds (half-open), sigma of the lognormal height."""


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace does not say and a seed decides.

    Attributes:
        keep: probability that a client of ServeGen's is kept.
        jitter: sigma of the lognormal by which its rate is multiplied.
        requests_per_second: that all clients are scaled to, on average; None: as the rates say.
        restricted: share of the volume that becomes confidential, whole tenants.
        critical: share that is critical, carved out of the confidential if there is any.
        split: tenants with short answers and with long ones are classes of their own.
    """

    keep: float = 0.7
    jitter: float = 0.5
    requests_per_second: float | None = None
    restricted: float = 0.0
    critical: float = 0.0
    split: bool = True


class Kind(msgspec.Struct, frozen=True):
    """A class of calls before it is known who may serve it.

    Attributes:
        grants: contracts with a list of projects that its tenants stand on.
        refusal: currency per million weighted tokens; nan: as the simulation says.
    """

    name: str
    model: str = ""
    data_class: str = "internal"
    service: str = "standard"
    refusal: float = math.nan
    grants: frozenset[str] = frozenset()


class Stream(msgspec.Struct, frozen=True):
    """Demand over history and period.

    Attributes:
        kinds: position is the id of a class.
        window: seconds.
        first: epoch seconds at which window 0 begins.
        history: windows that a forecast may know; the others are judged.
        usage: window x class x bucket of `base.usage.BUCKETS`.
        arrivals: of the windows that are judged, in order.
        sampled: from statistics, instead of what was asked.
    """

    kinds: tuple[Kind, ...]
    window: float
    first: float
    history: int
    usage: Array
    arrivals: tuple[Arrival, ...]
    sampled: bool

    @property
    def begins_at(self) -> float:
        """Epoch seconds at which the period begins that is judged."""
        return self.first + self.history * self.window

    @property
    def ends_at(self) -> float:
        """Epoch seconds at which it ends."""
        return self.first + len(self.usage) * self.window


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """How a trace lies in time.

    Attributes:
        window: seconds.
        history: seconds at the beginning that are known before; None: half of the trace.
        begins: epoch seconds at which the trace begins; None: as it says itself.
    """

    window: float = 300.0
    history: float | None = None
    begins: float | None = None

    def known(self, windows: int) -> int:
        """Windows of history."""
        if self.history is None:
            return windows // 2
        return min(int(self.history // self.window), windows)


def duration(trace: Calls | Clients) -> float:
    """Seconds from a trace's first moment to its last."""
    if isinstance(trace, Clients):
        return float(trace.rates.shape[1] * trace.window)
    return float(trace.at[-1] - trace.at[0])


def dated(trace: Calls | Clients) -> bool:
    """Whether its times are dates: seconds that begin in this century."""
    return isinstance(trace, Calls) and trace.at[0] > 946_684_800


def stream(
    trace: Calls | Clients,
    frame: Frame,
    drawing: Drawing,
    weights: Vector,
    draw: np.random.Generator,
    granted: Callable[[str], frozenset[str]],
) -> Stream:
    """Make a stream; only where calls are few it has arrivals already, else see `chunked`.

    Args:
        trace: what was asked.
        frame: how it lies in time.
        drawing: what it does not say.
        draw: from which that is drawn.
        weights: of a unit of usage as volume.
        granted: names of contracts with a list of projects that a tenant stands on.
    """
    if isinstance(trace, Clients):
        sums = sampled(trace, frame.window, drawing, draw)
        return _drawn(sums, frame, drawing, weights, draw, first=frame.begins or 0.0, sampled=True)
    first = frame.window * math.floor(float(trace.at[0]) / frame.window)
    shift = 0.0 if frame.begins is None else frame.begins - first
    place = ((trace.at - first) // frame.window).astype(np.int64)
    named = any(group.data_class or group.service for group in trace.groups)
    if (drawing.restricted or drawing.critical) and not named:
        sums = _by_tenant(trace, place, draw)
        return _drawn(sums, frame, drawing, weights, draw, first=first + shift, sampled=False)
    return _told(trace, place, frame, drawing, weights, granted, first, shift)


def sampled(clients: Clients, window: float, drawing: Drawing, draw: np.random.Generator) -> Array:
    """Requests of those clients that a seed keeps: client x window x bucket of usage."""
    kept = draw.random(len(clients.rates)) < drawing.keep
    if not kept.any():
        kept[:] = True
    rates = clients.rates[kept] * draw.lognormal(0, drawing.jitter, (int(kept.sum()), 1))
    if drawing.requests_per_second is not None:
        rates *= drawing.requests_per_second / max(float(rates.sum(axis=0).mean()), 1e-12)
    total = int(clients.rates.shape[1] * clients.window // window)
    moments = (np.arange(total) + 0.5) * window
    at = np.minimum((moments // clients.window).astype(np.int64), rates.shape[1] - 1)
    mean = rates[:, at] * window
    spread = np.clip(clients.spread[kept][:, at], 0.3, 10)
    bursty = (spread > 1) & (mean > 0)
    shape = np.where(bursty, mean / np.where(bursty, spread**2 - 1, 1), 1)
    rate = np.where(bursty, draw.gamma(shape) * mean / np.where(bursty, shape, 1), mean)
    count = draw.poisson(rate).astype(float)[:, :, None]
    lengths, sigmas = _filled(clients, kept, draw)
    span = np.minimum((moments // clients.span).astype(np.int64), lengths.shape[1] - 1)
    each = lengths[:, span]
    deviation = each * np.sqrt(np.expm1(sigmas[:, span] ** 2))
    tokens = count * each + draw.normal(0, 1, each.shape) * np.sqrt(count) * deviation
    tokens = np.maximum(tokens, 0.2 * count * each)
    usage = np.zeros((*count.shape[:2], len(BUCKETS)))
    usage[:, :, [INPUT, OUTPUT]] = tokens
    usage[:, :, REQUESTS] = count[:, :, 0]
    return usage


def _filled(clients: Clients, kept: Bools, draw: np.random.Generator) -> tuple[Array, Array]:
    """Lengths and sigmas without holes: a client's own mean, else all clients' times lognormal(0, 0.6)."""
    found = []
    for table, jitter in ((clients.lengths, 0.6), (clients.sigmas, 0.0)):
        part = table[kept]
        known = ~np.isnan(part)
        counts = known.sum(axis=1, keepdims=True)
        own = np.where(known, part, 0).sum(axis=1, keepdims=True) / np.maximum(counts, 1)
        everybody = np.nanmean(table, axis=(0, 1))[None, None] * draw.lognormal(0, jitter, (len(part), 1, 1))
        found.append(np.where(known, part, np.where(counts > 0, own, everybody)))
    return found[0], found[1]


def _by_tenant(trace: Calls, place: NDArray[np.int64], draw: np.random.Generator) -> Array:
    """Tenant x window x bucket of usage; without tenants, calls are dealt to a hundred of them."""
    names = sorted({group.tenant for group in trace.groups})
    if len(names) > 1:
        order = {name: at for at, name in enumerate(names)}
        of_group = np.array([order[group.tenant] for group in trace.groups])
        tenant = of_group[trace.group]
    else:
        tenant = draw.integers(0, 100, len(place))
    usage = np.zeros((int(tenant.max()) + 1, int(place[-1]) + 1, len(BUCKETS)))
    np.add.at(usage, (tenant, place), trace.usage)
    return usage


def _ratio(usage: Array) -> Array:
    """Output over input, of the first axis: whose answers are long."""
    sums = usage.sum(axis=1)
    inputs = sums[:, INPUT:OUTPUT].sum(axis=1)
    return np.asarray(sums[:, OUTPUT : OUTPUT + 2].sum(axis=1) / np.maximum(inputs, 1e-9))


def _short(volume: Array, ratio: Array) -> Bools:
    """Of tenants, those with the shorter answers: at most half of the volume."""
    ranked = np.argsort(ratio)
    low = np.zeros(len(volume), dtype=bool)
    low[ranked] = np.cumsum(volume[ranked]) <= 0.5 * volume.sum()
    return low


def _drawn(
    sums: Array,
    frame: Frame,
    drawing: Drawing,
    weights: Vector,
    draw: np.random.Generator,
    *,
    first: float,
    sampled: bool,
) -> Stream:
    """Classes that a seed decides, from sums by tenant and window."""
    volume = sums @ np.array(weights)
    whole = volume.sum(axis=1)
    order = draw.permutation(len(whole))
    before = np.cumsum(whole[order]) - whole[order]
    restricted = np.zeros(len(whole), dtype=bool)
    restricted[order[before < drawing.restricted * whole.sum()]] = True
    ratio = _ratio(sums)
    kinds: list[Kind] = []
    tables: list[Array] = []
    for group, word, data_class in (
        (~restricted, "open", "internal"),
        (restricted, "restricted", "confidential"),
    ):
        if not group.any():
            continue
        if not drawing.split or group.sum() < 2:
            kinds.append(Kind(word, data_class=data_class))
            tables.append(sums[group].sum(axis=0))
            continue
        inside = np.flatnonzero(group)
        low = _short(whole[inside], ratio[inside])
        for part, answers in ((inside[low], "short answers"), (inside[~low], "long answers")):
            kinds.append(Kind(f"{word}, {answers}", data_class=data_class))
            tables.append(sums[part].sum(axis=0))
    if drawing.critical > 0:
        inside_of = [at for at, kind in enumerate(kinds) if kind.data_class == kinds[-1].data_class]
        carved = _critical(
            [tables[at] for at in inside_of], drawing.critical, whole.sum(), frame, weights, draw
        )
        for at, table in zip(inside_of, carved[:-1], strict=True):
            tables[at] = table
        kinds.append(Kind("critical", data_class=kinds[-1].data_class, service="critical"))
        tables.append(carved[-1])
    usage = np.stack(tables, axis=1)
    known = frame.known(len(usage))
    return Stream(tuple(kinds), frame.window, first, known, usage, (), sampled)


def _critical(
    tables: Sequence[Array],
    share: float,
    total: float,
    frame: Frame,
    weights: Vector,
    draw: np.random.Generator,
) -> list[Array]:
    """Tables without what became critical, and that: half steady, half in bursts."""
    windows = len(tables[0])
    mean = share * total / windows
    wanted = 0.5 * mean + _bursts(0.5 * mean, windows, frame.window, draw)
    base = np.sum(tables, axis=0)
    part = np.minimum(wanted / np.maximum(base @ np.array(weights), 1e-12), 1.0)[:, None]
    return [*(table * (1 - part) for table in tables), part * base]


def _bursts(mean: float, windows: int, window: float, draw: np.random.Generator) -> Array:
    """Some a day, half an hour to one and a half, heights lognormal, with that mean per window."""
    found = np.zeros(windows)
    low, high = max(1, round(SHORTEST / window)), max(2, round(LONGEST / window))
    for _ in range(draw.poisson(BURSTS * windows * window / DAY)):
        start, length = draw.integers(windows), draw.integers(low, high)
        found[start : start + length] += draw.lognormal(0, AMPLITUDE)
    return found * mean / found.mean() if found.any() else found + mean


def chunked(stream: Stream, draw: np.random.Generator) -> Stream:
    """Give it arrivals: each class in equal chunks, in an order that is shuffled in each window."""
    chunks = [CRITICAL_CHUNKS if kind.service == "critical" else CHUNKS for kind in stream.kinds]
    order = np.repeat(np.arange(len(chunks)), chunks)
    found: list[Arrival] = []
    some = stream.usage.sum(axis=2) > 0
    for window in range(stream.history, len(stream.usage)):
        usages: Mapping[int, Vector] = {
            at: tuple((stream.usage[window, at] / chunks[at]).tolist())
            for at in np.flatnonzero(some[window]).tolist()
        }
        draw.shuffle(order)
        found.extend(
            Arrival(stream.first + stream.window * (window + (place + 0.5) / len(order)), at, usages[at])
            for place, at in enumerate(order.tolist())
            if at in usages
        )
    return msgspec.structs.replace(stream, arrivals=tuple(found))


def _told(
    trace: Calls,
    place: NDArray[np.int64],
    frame: Frame,
    drawing: Drawing,
    weights: Vector,
    granted: Callable[[str], frozenset[str]],
    first: float,
    shift: float,
) -> Stream:
    """Calls as they were, by what their groups say."""
    windows = int(place[-1]) + 1
    known = frame.known(windows)
    volume = trace.usage @ np.array(weights)
    kinds, of_group = _kinds(trace, volume, granted, split=drawing.split)
    kind = of_group[trace.group]
    usage = np.zeros((windows, len(kinds), len(BUCKETS)))
    np.add.at(usage, (place, kind), trace.usage)
    judged = np.flatnonzero(place >= known)
    arrivals: tuple[Arrival, ...] = ()
    if len(judged) <= SINGLE:
        arrivals = tuple(
            Arrival(float(trace.at[at]) + shift, int(kind[at]), tuple(trace.usage[at].tolist()))
            for at in judged
        )
    return Stream(kinds, frame.window, first + shift, known, usage, arrivals, sampled=False)


def _kinds(
    trace: Calls, volume: Array, granted: Callable[[str], frozenset[str]], *, split: bool
) -> tuple[tuple[Kind, ...], NDArray[np.int64]]:
    """Classes, and which of them each group of the trace is in."""
    base = [_kind(group, granted(group.tenant)) for group in trace.groups]
    names: dict[Kind, list[int]] = {}
    for at, kind in enumerate(base):
        names.setdefault(kind, []).append(at)
    sums = np.zeros((len(base), 1, len(BUCKETS)))
    np.add.at(sums[:, 0], trace.group, trace.usage)
    each = np.bincount(trace.group, weights=volume, minlength=len(base))
    found: list[Kind] = []
    of_group = np.zeros(len(base), dtype=np.int64)
    for kind, members in names.items():
        inside = np.array(members)
        low = _short(each[inside], _ratio(sums[inside])) if split else np.zeros(len(inside), dtype=bool)
        for part, answers in ((inside[low], ", short answers"), (inside[~low], ", long answers")):
            if len(part):
                of_group[part] = len(found)
                whole = len(part) == len(inside)
                found.append(kind if whole else msgspec.structs.replace(kind, name=kind.name + answers))
    return tuple(found), of_group


def _kind(group: Group, grants: frozenset[str]) -> Kind:
    data_class, service = group.data_class or "internal", group.service or "standard"
    words = [group.model, data_class, service]
    name = ", ".join(word for word in (*words, *sorted(grants)) if word)
    return Kind(name, group.model, data_class, service, group.refusal, grants)
