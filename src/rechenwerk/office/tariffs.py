"""Routes of tariffs: what holds, discounts, what a file says, dry runs, which price covers cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import parse_decimal, parse_money, plain_money
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.tariff_cover import Cover, Spent, Used, covers
from rechenwerk.ledger.tariff_dry import Repriced, reprice
from rechenwerk.ledger.tariff_lines import exact, line_fields
from rechenwerk.ledger.tariff_months import Discount, Version, segments
from rechenwerk.ledger.tariffs import MILLION, Terms, call_price
from rechenwerk.office import tariff_views as views
from rechenwerk.office.access import BooksRealm, OperatorRealm, Realm, Whose
from rechenwerk.office.applying import wanted_of
from rechenwerk.office.config import parse
from rechenwerk.office.differ import diff
from rechenwerk.office.errors import refuse
from rechenwerk.office.ports import OPERATOR, Organisation
from rechenwerk.office.tariff_ports import NewDiscount, Tariff
from rechenwerk.office.vouchers import begun_period

_EVER = datetime.min.replace(tzinfo=UTC)
_PERCENT = "%"


def _share(text: str, param: str, most: Fraction) -> Fraction:
    """``0.10`` or ``10%`` as a share from 0 to `most`."""
    cut = text.strip()
    try:
        value = parse_decimal(cut.removesuffix(_PERCENT).strip())
    except RechenwerkError:
        value = Fraction(-1)
    if cut.endswith(_PERCENT):
        value /= 100
    if not 0 <= value <= most:
        line = f"{text[:40]!r} is not a share from 0 to {float(most):.0%}; write it like 10% or 0.10"
        raise refuse(422, line, "invalid_value", param)
    return value


async def list_tariffs(
    realm: BooksRealm,
    model: Annotated[str | None, Query(max_length=200, description="only of this model")] = None,
    history: Annotated[bool, Query(description="versions that hold no more, too")] = False,
) -> views.TariffsView:
    """What the organisation pays: its own tariffs, else those for all; and its discounts."""
    versions = await realm.desk.tariffs.versions(realm.organisation_id)
    now = realm.office.now()
    shown = []
    for name in sorted({one.model for one in versions}):
        if model not in (None, name):
            continue
        for segment in segments(versions, realm.organisation_id, name):
            if not history and segment.ends is not None and segment.ends <= now:
                continue
            version = segment.version
            assert version.terms is not None
            holds = segment.starts <= now and (segment.ends is None or now < segment.ends)
            own = version.organisation == realm.organisation_id
            starts, ends = segment.starts, segment.ends
            shown.append(_view(version.id, name, version.terms, starts, ends, own=own, holds=holds))
    names = await realm.desk.tariffs.project_names(realm.organisation_id)
    discounts = await realm.desk.tariffs.discounts(realm.organisation_id)
    return views.TariffsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        tariffs=shown,
        discounts=[_discount(one, names) for one in discounts if model in (None, one.model) or not one.model],
    )


def _view(
    number: int,
    model: str,
    terms: Terms,
    starts: datetime | None,
    ends: datetime | None,
    *,
    own: bool,
    holds: bool,
) -> views.TariffView:
    return views.TariffView(
        tariff=number,
        model=model,
        own=own,
        form=terms.form,
        terms=msgspec.to_builtins(terms),
        starts_at=starts,
        ends_at=ends,
        holds=holds,
    )


def _discount(one: Discount, names: dict[int, str]) -> views.DiscountView:
    return views.DiscountView(
        id=one.id,
        project=names.get(one.project, f"project {one.project}") if one.project else None,
        model=one.model or None,
        starts=one.starts,
        ends=one.ends,
        share=exact(Fraction(one.share)),
        reason=one.reason,
        made_by=one.made_by,
    )


async def check(realm: BooksRealm, body: views.CheckBody, organisation: Whose = None) -> views.TariffsView:
    """Read the tariffs of a file; every mistake with its line and its fix. Nothing is written.

    What applying them would refuse is refused here with the same words: another currency than the books',
    a version that would change what holds. Without `organisation` they are seen as the operator's, for all.
    """
    if organisation is None and realm.is_operator:
        realm = await realm.enter_configuration(None)
    wanted = await wanted_of(realm, body.text)
    diff(await realm.desk.configuration.read(realm.organisation_id), wanted)
    now = realm.office.now()
    shown = []
    for one in wanted.tariffs:
        if one.terms is not None:
            holds = (one.starts or _EVER) <= now and (one.ends is None or now < one.ends)
            shown.append(_view(0, one.model, one.terms, one.starts, one.ends, own=False, holds=holds))
    return views.TariffsView(
        organisation=realm.organisation, currency=wanted.currency, tariffs=shown, discounts=[]
    )


async def give_discount(
    realm: OperatorRealm, body: views.DiscountBody, organisation: Whose = None
) -> views.DiscountView:
    """Give an organisation or one of its projects a discount from a day on; what was booked stays."""
    realm = await realm.enter(body.organisation or organisation)
    project = await realm.project(body.project) if body.project is not None else 0
    today = realm.office.now().date()
    starts = body.starts or today
    if starts < today:
        line = f"a discount cannot begin on {starts}, which is past; it may from {today} on"
        raise refuse(422, line, "invalid_value", "starts")
    if body.ends is not None and body.ends < starts:
        line = f"the discount would end on {body.ends}, before it begins on {starts}"
        raise refuse(422, line, "invalid_value", "ends")
    share = _share(body.share, "share", Fraction(1))
    text = exact(share)
    wish = NewDiscount(
        project, body.model or "", starts, body.ends, Decimal(text), body.reason, realm.caller.key_name
    )
    made = await realm.desk.tariffs.discount(realm.organisation_id, wish)
    return views.DiscountView(
        id=made,
        project=body.project,
        model=body.model or None,
        starts=starts,
        ends=body.ends,
        share=text,
        reason=body.reason,
        made_by=realm.caller.key_name,
    )


# -- dry run --------------------------------------------------------------------------------------


async def dry_run(
    realm: OperatorRealm, body: views.DryRunBody, organisation: Whose = None
) -> views.DryRunView:
    """What a period would have cost under the tariffs of a file. Nothing is written."""
    period = begun_period(realm, body.period)
    wanted = parse(body.text)
    currency = await realm.desk.tenants.currency()
    if wanted.currency != currency:
        line = (
            f"the file's currency is {wanted.currency}, and the books are in {currency}: write {currency!r}"
        )
        raise refuse(422, line, "invalid_value", "text")
    other = _versions(wanted.tariffs)
    rows = []
    for one in await _organisations(realm, body.organisation or organisation):
        names = await realm.desk.tariffs.project_names(one.id)
        repriced = await _repriced(realm, one.id, period, other, names)
        rows += [_repriced_view(one.name, names, row) for row in repriced]
    both = [row for row in rows if row.new is not None]
    old, new = (sum(parse_money(getattr(row, name)) for row in both) for name in ("old", "new"))
    return views.DryRunView(
        period=period.name,
        currency=currency,
        rows=rows,
        old=plain_money(old),
        new=plain_money(new),
        difference=plain_money(new - old),
        unsold=sorted({row.model for row in rows if row.new is None}),
    )


async def _organisations(realm: Realm, name: str | None) -> Sequence[Organisation]:
    every = await realm.desk.tenants.organisations()
    if name is None:
        return every
    there = await realm.enter(name)
    return [one for one in every if one.id == there.organisation_id]


async def _repriced(
    realm: Realm, organisation: int, period: Period, other: Sequence[Version], names: dict[int, str]
) -> list[Repriced]:
    tariffs = realm.desk.tariffs
    return reprice(
        organisation,
        period,
        await tariffs.use(organisation, period),
        await tariffs.versions(organisation),
        other,
        await tariffs.discounts(organisation),
        await tariffs.adjusted(organisation, period),
        sorted(names),
    )


def _versions(tariffs: Sequence[Tariff]) -> list[Version]:
    """Of a file, as if they had been written."""
    found = []
    for number, one in enumerate(tariffs):
        found.append(Version(2 * number + 1, OPERATOR, one.model, one.terms, one.starts or _EVER))
        if one.ends is not None and not any(
            other.model == one.model and other.starts == one.ends for other in tariffs
        ):
            found.append(Version(2 * number + 2, OPERATOR, one.model, None, one.ends))
    return found


def _repriced_view(organisation: str, names: dict[int, str], row: Repriced) -> views.RepricedView:
    return views.RepricedView(
        organisation=organisation,
        project=names.get(row.project, f"project {row.project}"),
        model=row.model,
        calls=row.calls,
        booked=plain_money(row.booked),
        old=plain_money(row.old),
        new=None if row.new is None else plain_money(row.new),
        difference=None if row.new is None else plain_money(row.new - row.old),
        rounding=exact(row.bound / 10**9),
        lines=[views.LineView(**line_fields(line)) for month in row.months for line in month.lines],
    )


# -- which price covers cost ----------------------------------------------------------------------


async def cover(
    realm: OperatorRealm,
    period: Annotated[str | None, Query(description="a month; this one if left out")] = None,
    margin: Annotated[str, Query(description="share of the price that is to be left, such as 10%")] = "0",
    organisation: Whose = None,
) -> views.CoversView:
    """Of each model the price that covers what it cost, with idle capacity and without.

    Over all organisations; with `organisation` only what stands in its own books.
    """
    span = begun_period(realm, period)
    wanted = _share(margin, "margin", Fraction(99, 100))
    whose = None if organisation is None else realm.organisation_id
    owner = OPERATOR if whose is None else whose
    prices = _prices_now(await realm.desk.tariffs.versions(owner), owner, realm.office.now())
    costs = await realm.desk.tariffs.costs(whose, span)
    spent = [
        Spent(one.contract, one.calls + one.other + one.absorbed, one.fixed, one.idle, one.models)
        for one in costs
    ]
    used = [
        Used(one.model, one.contract, one.counts, one.price, one.listed)
        for one in await realm.desk.tariffs.sold(whose, span)
    ]
    found, unused = covers(spent, used, prices, wanted)
    names = {one.contract: one.name for one in costs}
    return views.CoversView(
        organisation=None if whose is None else realm.organisation,
        period=span.name,
        currency=await realm.desk.tenants.currency(),
        margin=exact(wanted),
        models=[_cover(one, prices.get(one.model)) for one in found],
        unused=[
            views.UnusedView(contract=names[one.contract], cost=plain_money(one.grows + one.fixed + one.idle))
            for one in unused
        ],
    )


def _prices_now(
    versions: Sequence[Version], organisation: int, now: datetime
) -> dict[str, tuple[Fraction, ...]]:
    """Model -> nano-units per unit of each bucket, where it is sold per unit now."""
    found = {}
    for model in {one.model for one in versions}:
        for segment in segments(versions, organisation, model):
            terms = segment.version.terms
            now_holds = segment.starts <= now and (segment.ends is None or now < segment.ends)
            if now_holds and terms is not None and terms.form == "per unit":
                listed = call_price(terms).prices
                found[model] = tuple(Fraction(one, listed.denominator) for one in listed.numerators)
    return found


def _cover(one: Cover, now: tuple[Fraction, ...] | None) -> views.CoverView:
    return views.CoverView(
        model=one.model,
        tokens=sum(one.counts[:5]),
        revenue=plain_money(one.revenue),
        cost=plain_money(round(one.cost)),
        grows=plain_money(round(one.grows)),
        fixed=plain_money(round(one.fixed)),
        idle=plain_money(round(one.idle)),
        margin=None if one.margin is None else f"{Decimal(round(one.margin * 10_000)) / 10_000:.4f}",
        now=_per_million(now),
        with_idle=_per_million(one.with_idle),
        without_idle=_per_million(one.without_idle),
        break_even=None if one.break_even is None else plain_money(round(one.break_even * 1000)),
    )


def _per_million(prices: tuple[Fraction, ...] | None) -> views.PricesView | None:
    """Input and output; rounded up to a nano-unit, so that they do cover."""
    if prices is None:
        return None
    into, out = (plain_money(-(-(prices[at] * MILLION) // 1)) for at in (0, 3))
    return views.PricesView(input=into, output=out)


def add_tariff_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/tariffs", list_tariffs, methods=["GET"], tags=["tariffs"])
    add("/tariffs/check", check, methods=["POST"], tags=["tariffs"])
    add("/tariffs/discounts", give_discount, methods=["POST"], tags=["tariffs"])
    add("/tariffs/dry-run", dry_run, methods=["POST"], tags=["tariffs"])
    add("/tariffs/cover", cover, methods=["GET"], tags=["tariffs"])
