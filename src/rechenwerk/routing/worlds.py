"""A trace and a set of contracts as one simulation: a market's world, what arrives in it, what is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts.terms import Grant
from rechenwerk.routing.drafts import Draft, moment, vector
from rechenwerk.routing.market import Arrival, World
from rechenwerk.routing.portfolios import Portfolio, PortfolioError, seconds
from rechenwerk.routing.residency import forbids
from rechenwerk.routing.streams import (
    DAY,
    Drawing,
    Frame,
    Kind,
    Stream,
    chunked,
    dated,
    duration,
    stream,
)
from rechenwerk.routing.supply import Cap, Demand, Vector
from rechenwerk.routing.traces import Calls, Clients

Array = NDArray[np.float64]

MILLION = 1e6
MOST = 5_000_000
"""Windows, times clients where there are some: more does not fit into memory."""


class Case(msgspec.Struct, frozen=True):
    """One simulation: a world, what arrives in it, and what is known before.

    Attributes:
        seed: that decided what trace and contracts leave open.
        kinds: of contracts, by supply id, such as ``take-or-pay``.
        lists: list rates by supply id.
        reference: list rates that spend is measured in.
        history: window x class x bucket of usage.
        window: seconds.
    """

    seed: int
    world: World
    arrivals: tuple[Arrival, ...]
    kinds: Mapping[int, str]
    lists: Mapping[int, Vector]
    reference: Vector
    history: Array
    window: float

    @property
    def sunk(self) -> frozenset[int]:
        """Supplies whose capacity is paid whether used or not."""
        return frozenset(one for one, kind in self.kinds.items() if kind in ("provisioned", "own-hardware"))

    def spend(self) -> float:
        """What everything that arrives costs at list price."""
        usage = np.array([one.usage for one in self.arrivals])
        return float(usage.sum(axis=0) @ np.array(self.reference)) if len(usage) else 0.0


def measure(portfolio: Portfolio) -> Vector:
    """Of a unit of usage as volume: millions of weighted tokens."""
    return tuple(one / MILLION for one in vector(portfolio.simulation.volume))


def granted(portfolio: Portfolio) -> Callable[[str], frozenset[str]]:
    """Which grants with a list of projects a tenant stands on."""
    lists = {
        one.name: frozenset(project.rpartition("/")[2] for project in one.projects)
        for one in portfolio.contracts
        if isinstance(one, Grant) and one.projects
    }
    return lambda tenant: frozenset(name for name, projects in lists.items() if tenant in projects)


def case(portfolio: Portfolio, stream: Stream, draw: np.random.Generator, seed: int) -> Case:
    """Make a case; it has the stream's arrivals.

    Raises:
        PortfolioError: a class can be served by nobody, or the file does not fit the trace.
    """
    draft = Draft(portfolio, stream)
    weight = measure(portfolio)
    known = stream.usage[: stream.history] if stream.history else stream.usage
    draft.sizes(known.sum(axis=1), known.sum(axis=1) @ np.array(weight))
    draft.draw_outages(draw)
    reference = _reference(portfolio, draft, weight)
    models = sorted({one.deployed.model for one in portfolio.deployments})
    if len(models) > 1 and not portfolio.simulation.model and not all(one.model for one in stream.kinds):
        message = f"the trace names no model and the file has {', '.join(models)}"
        fix = f'add a column model to the trace, or model = "{models[0]}" to [simulation]'
        raise PortfolioError(f"{message}; {fix}")
    demands = tuple(
        _demand(at, kind, draft, known[:, at].sum(axis=0), weight, reference)
        for at, kind in enumerate(stream.kinds)
    )
    world = World(
        measure=weight,
        supplies=tuple(draft.supplies.values()),
        caps=_named(draft.caps),
        credits=tuple(draft.credits),
        minimums=tuple(draft.minimums),
        demands=demands,
        begins_at=stream.begins_at,
        ends_at=stream.ends_at,
        outages=tuple(draft.outages),
    )
    history = stream.usage[: stream.history]
    return Case(seed, world, stream.arrivals, draft.kinds, draft.lists, reference, history, stream.window)


def _named(caps: Iterable[Cap]) -> tuple[Cap, ...]:
    """Caps with names of their own: a contract's second one is numbered."""
    seen: dict[str, int] = {}
    found = []
    for cap in caps:
        seen[cap.name] = seen.get(cap.name, 0) + 1
        number = seen[cap.name]
        found.append(cap if number == 1 else msgspec.structs.replace(cap, name=f"{cap.name} ({number})"))
    return tuple(found)


def _dear(rates: Vector, weight: Vector) -> float:
    """A price per unit of volume, for usage as the weights have it."""
    top = [one / by for one, by in zip(rates, weight, strict=True) if by > 0]
    return math.fsum(top) / len(top) if top else 0.0


def _reference(portfolio: Portfolio, draft: Draft, weight: Vector) -> Vector:
    """The list price: of the contract that is named, else the dearest on demand, else the dearest."""
    wanted = draft.of.get(portfolio.simulation.reference, ())
    market = wanted or [one for one, kind in draft.kinds.items() if kind == "on-demand"] or list(draft.lists)
    return max((draft.lists[one] for one in market), key=lambda rates: _dear(rates, weight))


def _demand(at: int, kind: Kind, draft: Draft, usage: Array, weight: Vector, reference: Vector) -> Demand:
    """A class: who may serve it, what refusing it costs, and its calls on average."""
    portfolio = draft.portfolio
    may = tuple(one for one in draft.supplies if _may(one, kind, draft))
    if not may:
        message = f"nobody may serve the class {kind.name!r}"
        fix = "add a deployment of its model whose jurisdiction and level its data class allows"
        raise PortfolioError(f"{message}; {fix}")
    volume = float(usage @ np.array(weight))
    mean = tuple((usage / volume).tolist()) if volume > 0 else _plain(weight)
    penalty = kind.refusal
    if math.isnan(penalty):
        said = getattr(portfolio.simulation.refused, kind.service)
        times = {"critical": 10.0, "standard": 3.0, "batch": 1.0}[kind.service]
        penalty = times * _dear(reference, weight) if said is None else said
    return Demand(at, kind.name, mean, may, penalty, kind.service)


def _plain(weight: Vector) -> Vector:
    """Usage of one unit of volume of which nothing is known: input and output alike."""
    both = sum(weight[BUCKETS.index(name)] for name in ("input", "output"))
    if both <= 0:
        return tuple(1 / sum(weight) if one > 0 else 0.0 for one in weight)
    return tuple(1 / both if name in ("input", "output") else 0.0 for name in BUCKETS)


def _may(supply: int, kind: Kind, draft: Draft) -> bool:
    """The hard rules: model, data class, and who stands on a grant."""
    deployment = draft.deployments[supply]
    contract = draft.contracts[deployment.deployed.contract]
    model = kind.model or draft.portfolio.simulation.model
    if model and model != deployment.deployed.model:
        return False
    if isinstance(contract, Grant) and contract.projects and contract.name not in kind.grants:
        return False
    data_class = draft.portfolio.classes[kind.data_class]
    return forbids(data_class, deployment.jurisdiction, deployment.level) is None


def prepare(trace: Calls | Clients, portfolio: Portfolio, history: float | None, seed: int) -> Case:
    """A trace and contracts as a case with its arrivals.

    Args:
        trace: what was asked for.
        portfolio: what was bought.
        history: seconds that are known before; None: half of the trace.
        seed: of everything that neither says.

    Raises:
        PortfolioError: they do not go together.
    """
    said = portfolio.simulation
    if said.begins is None and not dated(trace):
        ends = next((one.name for one in portfolio.contracts if one.starts or one.ends), None)
        if ends is not None:
            message = f"contract {ends!r} has days and the trace has none"
            raise PortfolioError(f"{message}; add begins = 2026-12-01, or when it is, to [simulation]")
    windows = duration(trace) / seconds(said.window)
    if windows * (len(trace.names) if isinstance(trace, Clients) else 1) > MOST:
        days = duration(trace) / DAY
        message = f"the trace lasts {days:,.0f} days in windows of {said.window}: too many to be simulated"
        raise PortfolioError(
            f"{message}; look whether a time is wrong, or set a longer window in [simulation]"
        )
    begins = None if said.begins is None else moment(said.begins)
    frame = Frame(window=seconds(said.window), history=history, begins=begins)
    drawing = Drawing(
        keep=said.keep,
        jitter=said.jitter,
        requests_per_second=said.requests_per_second,
        restricted=said.restricted,
        critical=said.critical,
        split=said.split,
    )
    draw = np.random.default_rng([4, seed])
    found = stream(trace, frame, drawing, measure(portfolio), draw, granted(portfolio))
    drafted = case(portfolio, found, draw, seed)
    arrivals = found.arrivals or chunked(found, draw).arrivals
    if not arrivals:
        known = found.history * found.window
        message = (
            f"nothing is left to judge: the trace lasts {duration(trace):g} s and {known:g} s are history"
        )
        raise PortfolioError(f"{message}; give a shorter --history, or none")
    return msgspec.structs.replace(drafted, arrivals=arrivals)
