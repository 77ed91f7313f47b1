"""How things stand for the next solve: contracts, positions and what was seen, as one value. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from rechenwerk.contracts.draws import cap_drawn, drawn_all, version_at
from rechenwerk.contracts.lots import PoolLots
from rechenwerk.contracts.ports import STANDARD, Contract, Deployed, HourDraw, Position, Site, Used, Version
from rechenwerk.contracts.position import cap_standing, standing
from rechenwerk.contracts.progress import Progress, matters, progress
from rechenwerk.contracts.renewals import renewed
from rechenwerk.contracts.sites import energy_of
from rechenwerk.contracts.terms import OwnHardware
from rechenwerk.gateway.groups import Supplies, limited
from rechenwerk.gateway.ports import ContractRow, DeploymentRow, DrawRow, Snapshot
from rechenwerk.gateway.tally import NONE
from rechenwerk.routing.offers import Offers, cap_name
from rechenwerk.routing.offers import supplies as offered
from rechenwerk.routing.plan import Situation
from rechenwerk.routing.ports import Arrived, Use
from rechenwerk.routing.residency import forbids
from rechenwerk.routing.supply import Cap, Demand, Vector

MEASURE: Vector = (1.0, 0.25, 1.25, 4.0, 4.0, 1000.0, 100.0, 1.0)
"""What a volume is to the router: input tokens, or what usually costs as much."""

WINDOW = 300.0
"""Seconds that a plan looks ahead in detail, where no cap has a shorter window."""

_PENALTIES = MappingProxyType({"critical": 10.0, "standard": 3.0, "batch": 1.5})
"""What refusing costs, as a multiple of the dearest supply."""
_WEEK = 7 * 86400.0
_HOUR = 3600


class Named(msgspec.Struct, frozen=True):
    """A class of calls, taken apart: see `demand_name`."""

    organisation: int
    ability: str
    data_class: str
    service: str
    grants: frozenset[int]
    model: str


def demand_name(
    organisation: int, ability: str, data_class: str, service: str, grants: Iterable[int], model: str
) -> str:
    """What a class of calls is called: the same in every process.

    Args:
        organisation: of the project.
        ability: what the deployment must be able to do.
        data_class: of the call.
        service: its service class.
        grants: ids of the contracts whose grants it may draw, of those that are not for everybody.
        model: the public name.
    """
    eligible = "+".join(map(str, sorted(grants)))
    return f"{organisation}/{ability}/{data_class}/{service}/{eligible}/{model}"


def read_name(name: str) -> Named | None:
    """Back from `demand_name`; None where it is none of this version's."""
    parts = name.split("/", 5)
    if len(parts) < 6 or not parts[0].isdecimal():
        return None
    organisation, ability, data_class, service, eligible, model = parts
    grants = frozenset(int(one) for one in eligible.split("+") if one.isdecimal())
    return Named(int(organisation), ability, data_class, service, grants, model)


class Market(msgspec.Struct, frozen=True):
    """What can be had: offers to the router, and the deployments behind each of them.

    Attributes:
        rows: supply id -> its deployments.
        supplies: how deployments come to supplies.
        limited: contracts that are not for everybody: their grants name projects or purposes.
    """

    offers: Offers
    rows: Mapping[int, tuple[DeploymentRow, ...]]
    supplies: Supplies
    limited: frozenset[int]

    def governed(self, supply: int) -> bool:
        """Whether a contract bounds a supply or has a say in its price."""
        return any(row.id in self.supplies.governed for row in self.rows[supply])


def market(
    snapshot: Snapshot,
    supplies: Supplies,
    draws: Sequence[DrawRow],
    now: float,
    governed: Sequence[PoolLots] = (),
) -> Market:
    """Contracts with their positions as offers to the router.

    Args:
        snapshot: the configuration.
        supplies: how deployments come to supplies.
        draws: what was drawn from contracts.
        now: epoch seconds.
        governed: pools of capacity, a part of which may be kept for critical work.
    """
    snapshot = msgspec.structs.replace(snapshot, contracts=_as_renewed(snapshot.contracts, now))
    rows: dict[int, list[DeploymentRow]] = defaultdict(list)
    for offer in snapshot.offers.values():
        for row in offer.deployments:
            rows[supplies.of.get(row.id, row.id)].append(row)
    names = {row.id: _name(row.organisation, row.terms.name) for row in snapshot.contracts.values()}
    contracts = [_renamed(row.organisation, row.terms) for row in snapshot.contracts.values()]
    deployed = [
        Deployed(
            id=supply,
            name=f"{found[0].model} at {found[0].provider.name} under {found[0].contract_name}",
            model=found[0].model,
            provider=found[0].provider.name,
            contract=names[found[0].contract],
            rates=found[0].at_list,
            service_tier=found[0].service_tier or STANDARD,
        )
        for supply, found in rows.items()
        if found[0].contract in names
    ]
    sites = [_site(organisation, row.site) for (organisation, _), row in snapshot.sites.items()]
    energy = {site.name: energy_of(site)(int(now)) for site in sites}
    offers = offered(
        deployed,
        contracts,
        _positions(snapshot, contracts, names, draws, now),
        int(now),
        energy=energy,
        kept=_kept(rows, names, governed, now),
        sites=sites,
        drawn=_progress(snapshot, rows, deployed, draws, int(now)),
    )
    behind = {supply: tuple(found) for supply, found in rows.items()}
    return Market(offers, behind, supplies, limited(snapshot.contracts))


def _as_renewed(contracts: Mapping[int, ContractRow], now: float) -> dict[int, ContractRow]:
    """Contracts under the terms that hold now, though they may have ended in the file and gone on."""
    found = {}
    for row in contracts.values():
        versions = renewed(row.versions or (Version(row.since or 0.0, row.terms),), now)
        terms = version_at(versions, now)
        found[row.id] = msgspec.structs.replace(row, terms=terms, versions=versions)
    return found


def _kept(
    rows: Mapping[int, Sequence[DeploymentRow]],
    names: Mapping[int, str],
    governed: Sequence[PoolLots],
    now: float,
) -> dict[str, float]:
    """By contract, the share of its capacity that only critical work may draw: what its pool never lends."""
    pools = {member: pool for pool in governed for member in pool.deployments}
    found: dict[str, float] = {}
    for row in (one for each in rows.values() for one in each):
        pool = pools.get(row.id)
        if pool is not None and pool.capacity > 0 and row.contract in names:
            alone = sum(
                lot.nominal - lot.lendable
                for lot in pool.drawn(now)
                if lot.service == "critical" and not lot.organisation
            )
            found[names[row.contract]] = min(1.0, alone / pool.capacity)
    return found


def _progress(
    snapshot: Snapshot,
    rows: Mapping[int, Sequence[DeploymentRow]],
    deployed: Sequence[Deployed],
    draws: Sequence[DrawRow],
    now: int,
) -> dict[str, Progress]:
    """By contract, how far tiers and allowances are drawn; of an allowance of deployments, by supply."""
    behind: dict[str, list[tuple[str, DeploymentRow]]] = defaultdict(list)
    for one in deployed:
        behind[one.contract] += [(one.name, row) for row in rows[one.id]]
    found = {}
    for name, members in behind.items():
        contract = snapshot.contracts[members[0][1].contract]
        if not matters(contract.terms):
            continue
        tiers = {row.id: row.service_tier or STANDARD for _, row in members}
        use = [
            Used(
                hour=draw.hour,
                deployment=str(draw.deployment),
                usage=draw.usage,
                service_tier=tiers[draw.deployment],
            )
            for draw in draws
            if draw.contract == contract.id and draw.deployment in tiers
        ]
        at = progress(contract.terms, {str(row.id): row.at_list for _, row in members}, use, now)
        left = {"": at.left[""]} if "" in at.left else {}
        for supply, row in members:
            mine = at.free(contract.terms, str(row.id))
            left[supply] = max(mine, left.get(supply, mine))
        found[name] = Progress(at.reached, left)
    return found


def _name(organisation: int, name: str) -> str:
    """Names are unique within an organisation only."""
    return name if organisation == 0 else f"{organisation}/{name}"


def _site(organisation: int, site: Site) -> Site:
    return msgspec.structs.replace(site, name=_name(organisation, site.name))


def _renamed(organisation: int, terms: Contract) -> Contract:
    if organisation == 0:
        return terms
    overflow = terms.overflow
    if overflow.to is not None:
        overflow = msgspec.structs.replace(overflow, to=_name(organisation, overflow.to))
    if isinstance(terms, OwnHardware) and terms.site:
        terms = msgspec.structs.replace(terms, site=_name(organisation, terms.site))
    return msgspec.structs.replace(
        terms,
        name=_name(organisation, terms.name),
        covers=tuple(_name(organisation, other) for other in terms.covers),
        overflow=overflow,
    )


def _positions(
    snapshot: Snapshot,
    contracts: Sequence[Contract],
    names: Mapping[int, str],
    draws: Sequence[DrawRow],
    now: float,
) -> dict[str, Position]:
    hours = [
        HourDraw(names[draw.contract], draw.hour, draw.usage, draw.amount, draw.listed)
        for draw in draws
        if draw.contract in names
    ]
    versions = {
        terms.name: [Version(one.since, _renamed(row.organisation, one.terms)) for one in row.versions]
        for row, terms in zip(snapshot.contracts.values(), contracts, strict=True)
    }
    drawn = drawn_all(versions, hours)
    found = {}
    for terms in contracts:
        found[terms.name] = standing(terms, drawn[terms.name], int(now))
        for cap in terms.caps:
            if cap.per != "minute":  # of minutes hours say nothing
                taken = cap_drawn(terms, cap, hours)
                found[cap_name(terms, cap)] = cap_standing(terms, cap, taken, int(now))
    return found


def window_of(caps: Iterable[Cap]) -> float:
    """Seconds of a window: the shortest cap's."""
    return min([WINDOW, *(cap.seconds for cap in caps if cap.seconds >= 1)])


def demands(
    snapshot: Snapshot,
    there: Market,
    volumes: Mapping[str, Vector],
    barred: Collection[int] = (),
) -> list[Demand]:
    """Classes of calls that can be served by more than one supply, or by one that is bounded.

    Args:
        snapshot: offers and data classes.
        there: what can be had.
        volumes: class by name -> usage of all its calls of late.
        barred: ids of providers that a hard cap on concentration leaves out.
    """
    offered_now = {supply.id: supply for supply in there.offers.supplies}
    found = []
    for at, (name, usage) in enumerate(sorted(volumes.items())):
        volume = sum(map(float.__mul__, MEASURE, usage))
        known = read_name(name)
        if known is None or volume <= 0:
            continue
        ruled = _permitted(snapshot, there, known, barred)
        if not ruled or (len(ruled) == 1 and not there.governed(next(iter(ruled)))):
            continue  # there is nothing to decide
        permitted = sorted(ruled & set(offered_now))
        unit = tuple([one / volume for one in usage])
        dearest = max([sum(map(float.__mul__, offered_now[one].rates, unit)) for one in permitted], default=0)
        penalty = _PENALTIES.get(known.service, 3.0) * (dearest or 1e-6)
        found.append(Demand(at, name, unit, tuple(permitted), penalty, known.service))
    return found


def _permitted(snapshot: Snapshot, there: Market, known: Named, barred: Collection[int]) -> set[int]:
    """Supplies of which a deployment may serve a class: the hard rules."""
    offer = snapshot.offer(known.organisation, known.model)
    if offer is None:
        return set()
    data_class = snapshot.data_class(known.organisation, known.data_class)
    return {
        there.supplies.of.get(row.id, row.id)
        for row in offer.deployments
        if known.ability in row.endpoints
        and not row.out
        and row.provider.id not in barred
        and (row.contract not in there.limited or row.contract in known.grants)
        and forbids(data_class, row.jurisdiction, row.level) is None
    }


def situation(
    there: Market,
    wanted: Sequence[Demand],
    arrivals: Iterable[Arrived],
    uses: Sequence[Use],
    down: Iterable[int],
    now: float,
    next_in: float,
) -> Situation:
    """What the solver is given.

    Args:
        there: what can be had.
        wanted: classes of calls.
        arrivals: of the window of now, or more.
        uses: as far back as the longest cap that is no more than a week.
        down: deployments that take no calls.
        now: epoch seconds.
        next_in: seconds until the next solve.
    """
    caps = there.offers.caps
    window = window_of(caps)
    began = now // window * window
    seen: dict[str, list[float]] = {}
    for one in arrivals:
        if one.starts >= began:
            known = seen.setdefault(one.demand, list(NONE))
            for at, amount in enumerate(one.usage):
                known[at] += amount
    gone = frozenset(down)
    taken, ordinary = _taken(caps, uses, now)
    return Situation(
        now=now,
        measure=MEASURE,
        supplies=there.offers.supplies,
        caps=caps,
        credits=there.offers.credits,
        minimums=there.offers.minimums,
        demands=tuple(wanted),
        taken=taken,
        ordinary=ordinary,
        arrived=tuple(tuple(seen.get(one.name, NONE)) for one in wanted),
        window_began=began,
        window=window,
        down=tuple(
            supply.id
            for supply in there.offers.supplies
            if all(row.id in gone or row.out for row in there.rows[supply.id])
        ),
        next_in=next_in,
    )


def _taken(
    caps: Sequence[Cap], uses: Sequence[Use], now: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What was taken of each cap in its window of now, and by work that is not critical."""
    taken, ordinary = [], []
    for cap in caps:
        began = cap.starts_at + (now - cap.starts_at) // cap.seconds * cap.seconds
        if cap.seconds > _WEEK or cap.starts_at + 1 >= now:  # one that says what is left
            taken.append(0.0)
            ordinary.append(0.0)
            continue
        mine = [one for one in uses if one.supply in cap.supplies and one.starts >= began]
        taken.append(sum(sum(map(float.__mul__, cap.weights, one.usage)) for one in mine))
        ordinary.append(sum(sum(map(float.__mul__, cap.weights, one.ordinary)) for one in mine))
    return tuple(taken), tuple(ordinary)
