"""Routes of contracts: their terms, where they stand, and what to act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import StringConstraints

from rechenwerk.base.money import plain_money
from rechenwerk.base.reasons import told_of
from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts.alerts import alerts
from rechenwerk.contracts.draws import cap_drawn, drawn_all, version_at
from rechenwerk.contracts.marginal import next_unit
from rechenwerk.contracts.minutes import LOOK_BACK, MinuteStand, MinuteUse, minute_standing
from rechenwerk.contracts.periods import DAY, NEVER, begins
from rechenwerk.contracts.ports import Alert, Band, Contract, Drawn, HourDraw, Position, Used
from rechenwerk.contracts.position import cap_standing, standing
from rechenwerk.contracts.pricing import MILLION
from rechenwerk.contracts.progress import matters, price_positions, progress
from rechenwerk.contracts.renewals import renewed
from rechenwerk.contracts.terms import OwnHardware, kind_of
from rechenwerk.office import views
from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.errors import missing
from rechenwerk.office.ports import OPERATOR
from rechenwerk.office.standing import StoredContract

ContractName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_NEVER = begins(NEVER)


class Known(msgspec.Struct, frozen=True):
    """A contract as somebody may see it.

    Attributes:
        shared: the operator's, seen by another organisation: only the organisation's own draws are in it.
        terms: in force now.
        draws: of this contract and all others of its owner.
        drawn: from this one, by its own calls and those that it covers.
        minutes: what gateways say of the last hour, where a cap by the minute wants to know.
        refused: model -> calls that found no room in that hour.
    """

    stored: StoredContract
    shared: bool
    terms: Contract
    draws: Sequence[HourDraw]
    drawn: Drawn
    minutes: Sequence[MinuteUse] = ()
    refused: Mapping[str, int] = MappingProxyType({})

    def position(self, now: int) -> Position:
        """Where it stands."""
        return standing(self.terms, self.drawn, now)

    def caps(self, now: int) -> list[Position]:
        """Where its caps stand, but those by the minute, which hours say nothing about: `by_minute`."""
        return [
            cap_standing(self.terms, cap, cap_drawn(self.terms, cap, self.draws), now)
            for cap in self.terms.caps
            if cap.per != "minute"
        ]

    def by_minute(self, now: int) -> list[MinuteStand]:
        """Where its caps by the minute stand."""
        refused = sum(self.refused.get(model, 0) for model in self.stored.deployments)
        return [
            minute_standing(self.terms, cap, self.stored.deployed, self.minutes, refused, now)
            for cap in self.terms.caps
            if cap.per == "minute"
        ]

    def prices(self, now: int) -> list[Position]:
        """Where its price tiers and allowances stand."""
        if not matters(self.terms):
            return []
        known = {one.id: one for one in self.stored.deployed}
        use = [
            Used(
                hour=draw.hour,
                deployment=known[draw.deployment].name,
                usage=draw.usage,
                service_tier=known[draw.deployment].service_tier,
            )
            for draw in self.draws
            if draw.contract == self.stored.name and draw.deployment in known
        ]
        rates = {one.name: one.rates for one in known.values()}
        return price_positions(self.terms, progress(self.terms, rates, use, now), now)

    def alerts(self, now: int, currency: str) -> list[Alert]:
        """What to act on; of a shared contract that is the operator's business."""
        if self.shared or not self.stored.active:
            return []
        found = [
            msgspec.structs.replace(at, unit=at.unit or currency)
            for at in (self.position(now), *self.caps(now))
        ]
        return [one for at in found for one in alerts(self.terms, at, now)]


async def known(realm: Realm) -> list[Known]:
    """The contracts of a realm, and those of the operator, which are shared with all.

    For the operator's own keys the latter are seen whole.
    """
    found = await _of(realm, realm.organisation_id, shared=False)
    if realm.organisation_id != OPERATOR:
        found += await _of(realm, OPERATOR, shared=not realm.is_operator)
    return found


async def _of(realm: Realm, owner: int, *, shared: bool) -> list[Known]:
    stored = await realm.desk.positions.contracts(owner)
    draws = await realm.desk.positions.draws(owner, realm.organisation_id if shared else None)
    now = realm.office.clock.now()
    versions = {one.name: renewed(one.versions, now) for one in stored}
    drawn = drawn_all(versions, draws)
    terms = {name: version_at(found, now) for name, found in versions.items()}
    minutes: Sequence[MinuteUse] = ()
    refused: Mapping[str, int] = {}
    if not shared and any(cap.per == "minute" for one in terms.values() for cap in one.caps):
        minutes, refused = await realm.desk.positions.minutes(owner, int(now) - LOOK_BACK)
    return [
        Known(one, shared, terms[one.name], draws, drawn[one.name], minutes, refused)
        for one in stored
        if one.active or drawn[one.name].hours
    ]


def _moment(at: int | None) -> datetime | None:
    """Nothing for what never was or will be."""
    return None if at is None or not 0 < at < _NEVER else datetime.fromtimestamp(at, UTC)


def _moments(band: Band | None) -> views.MomentsView | None:
    if band is None or band.low >= _NEVER:
        return None
    low, middle, high = (
        datetime.fromtimestamp(min(at, _NEVER), UTC) for at in (band.low, band.middle, band.high)
    )
    return views.MomentsView(low=low, middle=middle, high=high)


def _band(band: Band | None) -> views.BandView | None:
    if band is None:
        return None
    return views.BandView(
        low=plain_money(band.low), middle=plain_money(band.middle), high=plain_money(band.high)
    )


def _position(at: Position, currency: str, *, shared: bool = False) -> views.PositionView:
    if shared:  # of what others drew, nothing can be concluded
        return _own_part(at, currency)
    return views.PositionView(
        contract=at.contract,
        kind=at.kind,
        status=at.status,
        measure=at.measure,
        unit=at.unit or currency,
        starts_at=_moment(at.starts_at),
        ends_at=_moment(at.ends_at),
        amount=None if at.amount is None else plain_money(at.amount),
        drawn=plain_money(at.drawn),
        remaining=None if at.remaining is None else plain_money(at.remaining),
        shortfall=plain_money(at.shortfall),
        unused=plain_money(at.unused),
        expires_at=_moment(at.expires_at),
        days_left=at.days_left,
        forecast=_band(at.forecast),
        reached_at=_moments(at.reached_at),
        total=plain_money(at.total),
        last_drawn_at=_moment(at.last_drawn_at),
    )


def _parts(one: Known, now: int, currency: str) -> list[views.PositionView]:
    """Where a contract's caps, tiers and allowances stand."""
    minutes = [
        _position(stand.position, currency).model_copy(
            update={"peak": plain_money(stand.peak), "refused": stand.refused}
        )
        for stand in one.by_minute(now)
    ]
    return [*(_position(at, currency) for at in (*one.caps(now), *one.prices(now))), *minutes]


def _own_part(at: Position, currency: str) -> views.PositionView:
    return views.PositionView(
        contract=at.contract,
        kind=at.kind,
        status="",
        measure=at.measure,
        unit=at.unit or currency,
        starts_at=None,
        ends_at=None,
        amount=None,
        drawn=plain_money(at.total),
        remaining=None,
        shortfall="0.00",
        unused="0.00",
        expires_at=None,
        days_left=None,
        forecast=None,
        reached_at=None,
        total=plain_money(at.total),
        last_drawn_at=_moment(at.last_drawn_at),
    )


def _warning(alert: Alert) -> views.WarningView:
    return views.WarningView(
        contract=alert.contract,
        sort=alert.sort,
        message=alert.message,
        at=datetime.fromtimestamp(alert.at, UTC),
        days=alert.days,
        amount=plain_money(alert.amount),
        unit=alert.unit,
    )


def _fields(one: Known, now: int, currency: str) -> dict[str, object]:
    terms = one.terms
    return {
        "name": one.stored.name,
        "provider": one.stored.provider,
        "owner": one.stored.owner,
        "kind": kind_of(terms),
        "shared": one.shared,
        "active": one.stored.active,
        "models": list(one.stored.deployments),
        "starts": None if terms.starts is None else str(terms.starts),
        "ends": None if terms.ends is None else str(terms.ends),
        "position": _position(one.position(now), currency, shared=one.shared),
    }


async def list_contracts(realm: BooksRealm) -> views.ContractsView:
    """The contracts of an organisation and those that the operator shares, with where they stand."""
    now, currency = int(realm.office.clock.now()), await realm.desk.tenants.currency()
    return views.ContractsView(
        organisation=realm.organisation,
        currency=currency,
        contracts=[
            views.ContractView.model_validate(_fields(one, now, currency)) for one in await known(realm)
        ],
    )


async def list_positions(realm: BooksRealm) -> views.PositionsView:
    """Where contracts and their caps stand: drawn, remaining, and what happens if nothing changes."""
    now, currency = int(realm.office.clock.now()), await realm.desk.tenants.currency()
    found = []
    for one in await known(realm):
        found.append(_position(one.position(now), currency, shared=one.shared))
        if not one.shared:
            found += _parts(one, now, currency)
    return views.PositionsView(organisation=realm.organisation, currency=currency, positions=found)


async def list_warnings(realm: BooksRealm) -> views.WarningsView:
    """What to act on while there is time: credits that expire, minimums that are missed, dates of notice."""
    now, currency = int(realm.office.clock.now()), await realm.desk.tenants.currency()
    found = [alert for one in await known(realm) for alert in one.alerts(now, currency)]
    found.sort(key=lambda alert: alert.at)
    return views.WarningsView(
        organisation=realm.organisation,
        currency=currency,
        warnings=[_warning(alert) for alert in found],
    )


def _next_units(one: Known, everybody: Sequence[Known], now: int) -> list[views.NextUnitView]:
    """What the next unit costs at each deployment; of machines it is the energy, which the router knows."""
    if one.shared or not one.stored.active or isinstance(one.terms, OwnHardware):
        return []
    owned = [other for other in everybody if not other.shared and other.stored.active]
    positions = {other.stored.name: other.position(now) for other in owned}
    over = [other.terms for other in owned if one.stored.name in other.terms.covers]
    over.sort(key=lambda terms: getattr(terms, "order", 0))
    found = []
    for deployed in one.stored.deployed:
        if deployed.model in one.stored.deployments:
            unit = next_unit(one.terms, deployed, positions, over)
            found.append(
                views.NextUnitView(
                    deployment=deployed.name,
                    rates=_per_million(unit.rates, unit.list_rates),
                    listed=_per_million(unit.list_rates, unit.list_rates),
                    reason=unit.reason,
                    reason_told=told_of(unit.reason),
                )
            )
    return found


def _per_million(rates: Sequence[Fraction], listed: Sequence[Fraction]) -> dict[str, str]:
    """Rates of the buckets that cost anything, in currency."""
    return {
        bucket: plain_money(round(rate * MILLION))
        for bucket, rate, list_rate in zip(BUCKETS, rates, listed, strict=True)
        if rate or list_rate
    }


async def show_contract(realm: BooksRealm, name: ContractName) -> views.ContractDetailView:
    """One contract: its terms and their history, its caps, and the days of its period."""
    now, currency = int(realm.office.clock.now()), await realm.desk.tenants.currency()
    everybody = await known(realm)
    found = next((one for one in everybody if one.stored.name == name), None)
    if found is None:
        raise missing("contract", name)
    at = found.position(now)
    days = _days(found.drawn.hours, 0 if found.shared else at.starts_at, now)
    versions = () if found.shared else found.stored.versions
    return views.ContractDetailView.model_validate(
        {
            **_fields(found, now, currency),
            "organisation": realm.organisation,
            "currency": currency,
            "versions": [
                views.VersionView(
                    since=_moment(int(version.since)), terms=msgspec.to_builtins(version.terms, str_keys=True)
                )
                for version in versions
            ],
            "caps": [] if found.shared else _parts(found, now, currency),
            "days": [views.DayView(day=day, drawn=plain_money(amount)) for day, amount in days],
            "warnings": [_warning(alert) for alert in found.alerts(now, currency)],
            "next_units": _next_units(found, everybody, now),
        }
    )


def _days(hours: Mapping[int, int], since: int, until: int) -> list[tuple[str, int]]:
    """What was drawn, by day: the days in which anything was."""
    days: dict[int, int] = {}
    for hour, amount in hours.items():
        if since <= hour <= until:
            days[hour // DAY] = days.get(hour // DAY, 0) + amount
    return [(str(datetime.fromtimestamp(day * DAY, UTC).date()), days[day]) for day in sorted(days)]


def add_position_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/contracts", list_contracts, methods=["GET"], tags=["contracts"])
    add("/contracts/{name:path}", show_contract, methods=["GET"], tags=["contracts"])
    add("/positions", list_positions, methods=["GET"], tags=["contracts"])
    add("/warnings", list_warnings, methods=["GET"], tags=["contracts"])
