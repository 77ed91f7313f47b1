"""Policies against each other and against the bound, on the same calls.

Every trace of placements is audited by arithmetic of its own: that it keeps caps, reserve, residency and
outages, and that it costs what the market says and no less than the bound.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.routing.hindsight import Bound
from rechenwerk.routing.market import Policy, Tally, World, run
from rechenwerk.routing.worlds import Case

Array = NDArray[np.float64]
Trace = Sequence[tuple[int, int, int, float]]
"""Of each placement: position of the arrival, class, supply, share of the arrival."""

SLACK = 1e-6
"""Relative; sums of floats differ by less."""

_T95 = (
    *(
        12.706,
        4.303,
        3.182,
        2.776,
        2.571,
        2.447,
        2.365,
        2.306,
        2.262,
        2.228,
        2.201,
        2.179,
        2.160,
        2.145,
        2.131,
    ),
    *(
        2.120,
        2.110,
        2.101,
        2.093,
        2.086,
        2.080,
        2.074,
        2.069,
        2.064,
        2.060,
        2.056,
        2.052,
        2.048,
        2.045,
        2.042,
    ),
)
"""Two-sided 95 % points of Student's t, by degrees of freedom from 1."""


class AuditError(RechenwerkError):
    """A simulation contradicts itself; its figures are worth nothing."""


class Figures(msgspec.Struct, frozen=True):
    """What a policy came to in one simulation.

    Attributes:
        cost: charges that no credit paid, shortfalls and penalties; not what was paid before.
        bound: the least that it could have been.
        spend: what everything costs at list price.
        shortfall: of minimums, as far as lost.
        expired: credit that was left.
        penalties: for refused work, in `cost`.
        idle: share of provisioned and own capacity that was not used; nan where there is none.
        refused: share of the volume, beyond what the bound refuses.
        critical: share of the critical volume that was refused.
        broken: of that, what would have had room in what is kept for critical work.
        violations: windows of caps in which ordinary work took what is kept.
    """

    policy: str
    portfolio: str
    seed: int
    cost: float
    bound: float
    spend: float
    shortfall: float
    expired: float
    penalties: float
    idle: float
    refused: float
    critical: float
    broken: float
    violations: int

    @property
    def ratio(self) -> float:
        """Cost over the bound."""
        if self.bound > SLACK * self.spend:
            return self.cost / self.bound
        return 1.0 if self.cost <= SLACK * self.spend else math.inf

    @property
    def regret(self) -> float:
        """Cost beyond the bound as a share of list spend."""
        return (self.cost - self.bound) / self.spend if self.spend > 0 else 0.0


class Course(msgspec.Struct, frozen=True):
    """How a policy went through the period.

    Attributes:
        volumes: window x supply, as the world orders them.
        charges: the same, currency.
        refused: volume by window.
    """

    policy: str
    volumes: Array
    charges: Array
    refused: Array


class Audit(msgspec.Struct, frozen=True):
    """What a trace of placements is worth by itself.

    Attributes:
        violations: windows in which ordinary work took what is kept.
        overrun: windows in which a cap was passed.
        forbidden: placements that a class may not have, or at a supply that was out.
        cost: as `market.Tally.cost`.
    """

    violations: int
    overrun: int
    forbidden: int
    cost: float


def audit(case: Case, trace: Trace) -> Audit:
    """Count again, from placements alone."""
    world = case.world
    at, demand, supply, share = _columns(trace)
    moment = np.array([one.at for one in case.arrivals])
    usage = np.array([one.usage for one in case.arrivals]).reshape(len(case.arrivals), len(world.measure))
    of = np.array([one.demand for one in case.arrivals], dtype=np.int64)
    went = usage[at] * share[:, None]
    when = moment[at]
    order = {one.id: place for place, one in enumerate(world.supplies)}
    place = np.array([order[one] for one in supply.tolist()], dtype=np.int64)
    ordinary = np.isin(demand, [one.id for one in world.demands if one.service != "critical"])
    violations = overrun = 0
    for cap in world.caps:
        inside = np.isin(supply, cap.supplies)
        takes = went[inside] @ np.array(cap.weights)
        window = ((when[inside] - cap.starts_at) // cap.seconds).astype(np.int64)
        overrun += _above(window, takes, cap.amount)
        if cap.kept > 0:
            mine = ordinary[inside]
            violations += _above(window[mine], takes[mine], cap.amount - cap.kept)
    may = {(one.id, at_) for one in world.demands for at_ in one.supplies}
    forbidden = sum((a, b) not in may for a, b in zip(demand.tolist(), supply.tolist(), strict=True))
    for outage in world.outages:
        out = (supply == outage.supply) & (when >= outage.begins_at) & (when < outage.ends_at)
        forbidden += int(out.sum())
    rates = np.array([one.rates for one in world.supplies]).reshape(len(world.supplies), len(world.measure))
    charges = (went * rates[place]).sum(axis=1)
    rest = np.ones(len(moment))
    np.subtract.at(rest, at, share)
    refused = np.maximum(rest, 0.0) * (usage @ np.array(world.measure))
    penalty = {one.id: one.penalty for one in world.demands}
    cost = float(charges.sum() + (refused * np.array([penalty[one] for one in of.tolist()])).sum())
    cost += _commitments(world, when, supply, charges)
    return Audit(violations, overrun, forbidden, cost)


def _columns(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Array]:
    table = np.array(trace, dtype=float).reshape(len(trace), 4)
    at, demand, supply = table[:, :3].astype(np.int64).T
    return at, demand, supply, table[:, 3]


def _above(window: NDArray[np.int64], takes: Array, amount: float) -> int:
    """Windows whose sum passes an amount."""
    if not len(window):
        return 0
    sums = np.bincount(window - window.min(), weights=takes)
    return int((sums > amount * (1 + SLACK) + 1e-9).sum())


def _commitments(world: World, when: Array, supply: NDArray[np.int64], charges: Array) -> float:
    """What minimums add to charges, and credits take off; a charge may be paid by several credits in turn."""
    added, open_ = 0.0, charges.copy()
    for least in world.minimums:
        inside = np.isin(supply, least.supplies) & (when < least.ends_at)
        added += least.lost * max(0.0, least.amount - least.drawn - float(charges[inside].sum()))
    for credit in world.credits:
        inside = np.isin(supply, credit.supplies) & (when < credit.ends_at)
        before = np.cumsum(open_[inside]) - open_[inside]
        paid = np.clip(credit.left - before, 0.0, open_[inside])
        open_[inside] -= paid
        added -= float(paid.sum())
    return added


def play(case: Case, portfolio: str, name: str, policy: Policy, best: Bound) -> tuple[Figures, Course]:
    """Run a policy and audit it.

    Args:
        case: the simulation.
        portfolio: what the contracts are called.
        name: of the policy.
        policy: that has seen nothing yet.
        best: the bound of the case.

    Raises:
        AuditError: the run broke a rule, or is cheaper than the bound: a fault of ours, never of the policy.
    """
    tally, trace = run(policy, case.world, case.arrivals, case.window, 1)
    found = audit(case, trace)
    scale = max(abs(tally.cost), best.cost, 1e-9)
    if found.overrun or found.forbidden or abs(found.cost - tally.cost) > SLACK * scale:
        message = f"{found.overrun} caps passed, {found.forbidden} forbidden placements, cost {found.cost:g}"
        raise AuditError(
            f"the placements of {name!r} do not add up to {tally.cost:g}: {message}; report this"
        )
    if tally.cost < best.cost - SLACK * scale:
        raise AuditError(f"{name!r} cost {tally.cost:g}, less than the bound {best.cost:g}; report this")
    volume = sum(tally.volume.values())
    beyond = sum(tally.refused.values()) - sum(best.refused.values())
    figures = Figures(
        policy=name,
        portfolio=portfolio,
        seed=case.seed,
        cost=tally.cost,
        bound=best.cost,
        spend=case.spend(),
        shortfall=tally.shortfall,
        expired=tally.expired,
        penalties=tally.penalties,
        idle=_idle(case, tally),
        refused=max(0.0, beyond) / volume if volume > 0 else 0.0,
        critical=_critical(case, tally),
        broken=_broken(case, trace),
        violations=found.violations,
    )
    return figures, _course(case, name, trace)


def _idle(case: Case, tally: Tally) -> float:
    """Mean over the caps of capacity that was paid before."""
    sunk = [
        max(0.0, 1.0 - tally.used[cap.name])
        for cap in case.world.caps
        if cap.amount > 0 and set(cap.supplies) <= case.sunk and cap.seconds <= max(case.window, 3600.0)
    ]
    return math.fsum(sunk) / len(sunk) if sunk else math.nan


def _critical(case: Case, tally: Tally) -> float:
    ids = [one.id for one in case.world.demands if one.service == "critical"]
    volume = math.fsum(tally.volume[one] for one in ids)
    return math.fsum(tally.refused[one] for one in ids) / volume if volume > 0 else 0.0


def _broken(case: Case, trace: Trace) -> float:
    """Critical work that was refused in windows whose critical work fits into what is kept for it.

    It fits if shares of it can be found, one for each cap, that the kept part of each cap takes.
    """
    world = case.world
    critical = np.array(
        [one.demand in {d.id for d in world.demands if d.service == "critical"} for one in case.arrivals]
    )
    if not critical.any():
        return 0.0
    moment = np.array([one.at for one in case.arrivals])[critical]
    usage = np.array([one.usage for one in case.arrivals])[critical]
    window = ((moment - world.begins_at) // case.window).astype(np.int64)
    rest = np.ones(len(case.arrivals))
    at, _, _, share = _columns(trace)
    np.subtract.at(rest, at, share)
    volume = usage @ np.array(world.measure)
    refused = np.bincount(window, weights=np.maximum(rest[critical], 0.0) * volume)
    room = np.zeros(len(refused))
    for cap in world.caps:
        if cap.kept > 0 and cap.seconds <= case.window * (1 + SLACK):
            takes = np.bincount(window, weights=usage @ np.array(cap.weights))
            room += cap.kept / np.maximum(takes, 1e-12)
    return float(refused[room >= 1].sum()) / float(volume.sum())


def _course(case: Case, name: str, trace: Trace) -> Course:
    """Sums by window."""
    world = case.world
    at, _, supply, share = _columns(trace)
    windows = max(1, math.ceil((world.ends_at - world.begins_at) / case.window - SLACK))
    moment = np.array([one.at for one in case.arrivals])
    window = np.minimum((moment - world.begins_at) // case.window, windows - 1).astype(np.int64)
    usage = np.array([one.usage for one in case.arrivals]).reshape(len(moment), len(world.measure))
    volume = usage @ np.array(world.measure)
    volumes, charges = np.zeros((windows, len(world.supplies))), np.zeros((windows, len(world.supplies)))
    refused = np.bincount(window, weights=volume, minlength=windows)
    np.subtract.at(refused, window[at], volume[at] * share)
    for place, one in enumerate(world.supplies):
        mine = supply == one.id
        rows = at[mine]
        volumes[:, place] = np.bincount(window[rows], weights=volume[rows] * share[mine], minlength=windows)
        charge = (usage[rows] @ np.array(one.rates)) * share[mine]
        charges[:, place] = np.bincount(window[rows], weights=charge, minlength=windows)
    return Course(name, volumes, charges, np.maximum(refused, 0.0))


class Paired(msgspec.Struct, frozen=True):
    """A policy's cost over the bound, minus another's, on the same simulations.

    Attributes:
        difference: mean.
        low: of the 95 % interval of the mean, by Student's t over seeds: the portfolios of a seed share its
            demand and count as one; nan for a single seed.
        better: simulations in which the policy is cheaper than the other.
    """

    policy: str
    against: str
    difference: float
    low: float
    high: float
    better: int
    of: int


def paired(figures: Sequence[Figures], policy: str, against: str) -> Paired:
    """Compare two policies on the simulations that both were in."""
    ratios = {(one.policy, one.portfolio, one.seed): one.ratio for one in figures}
    seeds: dict[int, list[float]] = {}
    for (name, portfolio, seed), ratio in ratios.items():
        if name == policy and (against, portfolio, seed) in ratios:
            seeds.setdefault(seed, []).append(ratio - ratios[against, portfolio, seed])
    differences = [one for some in seeds.values() for one in some]
    mean = statistics.fmean(differences)
    half = half_width([statistics.fmean(some) for some in seeds.values()])
    better = sum(one < 0 for one in differences)
    return Paired(policy, against, mean, mean - half, mean + half, better, len(differences))


def half_width(values: Sequence[float]) -> float:
    """Of the 95 % interval of a mean; nan for a single value."""
    count = len(values)
    if count < 2:
        return math.nan
    point = _T95[count - 2] if count - 2 < len(_T95) else 1.96 + 2.5 / (count - 1)
    return point * statistics.stdev(values) / math.sqrt(count)


class Summary(msgspec.Struct, frozen=True):
    """A policy over several simulations; shares as in `Figures`, means where nothing else is said."""

    policy: str
    runs: int
    cost: float
    ratio: float
    median: float
    p90: float
    worst: float
    error: float
    regret: float
    shortfall: float
    expired: float
    idle: float
    refused: float
    critical: float
    broken: float
    violations: int


def summary(policy: str, figures: Sequence[Figures]) -> Summary:
    """Sum up what one policy came to."""
    mine = [one for one in figures if one.policy == policy]
    ratios = [one.ratio for one in mine]

    def mean(of: Callable[[Figures], float]) -> float:
        return statistics.fmean(map(of, mine))

    return Summary(
        policy=policy,
        runs=len(mine),
        cost=mean(lambda one: one.cost),
        ratio=statistics.fmean(ratios),
        median=statistics.median(ratios),
        p90=float(np.quantile(ratios, 0.9)),
        worst=max(ratios),
        error=statistics.stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan,
        regret=mean(lambda one: one.regret),
        shortfall=mean(lambda one: one.shortfall),
        expired=mean(lambda one: one.expired),
        idle=mean(lambda one: one.idle),
        refused=mean(lambda one: one.refused),
        critical=mean(lambda one: one.critical),
        broken=mean(lambda one: one.broken),
        violations=sum(one.violations for one in mine),
    )


def policies(figures: Sequence[Figures]) -> tuple[str, ...]:
    """Names, in the order in which they were run."""
    return tuple(dict.fromkeys(one.policy for one in figures))
