"""Route of totals: what was called, by day or month, by project, key, model, deployment or contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from rechenwerk.base.money import plain_money
from rechenwerk.base.usage import BUCKETS
from rechenwerk.office.access import BooksRealm
from rechenwerk.office.sum_ports import By, Step, Total
from rechenwerk.office.vouchers import period_of


class TotalView(BaseModel):
    """Calls of a day, a month or the whole span; `attempts` are those of them that failed for another."""

    starts: date
    name: str
    calls: int
    attempts: int
    price: str
    cost: str
    listed: str
    charged: str
    usage: dict[str, int]


class TotalsView(BaseModel):
    """Totals of calls that began on a day (UTC) from `starts` to `ends`; both are among them."""

    organisation: str
    currency: str
    by: By
    step: Step
    starts: date
    ends: date
    rows: list[TotalView]
    total: TotalView


async def show_totals(
    realm: BooksRealm,
    period: Annotated[str | None, Query(description="a month, such as 2026-03; else the last days")] = None,
    days: Annotated[int, Query(ge=1, le=4000, description="how far back, without a period")] = 30,
    by: Annotated[By, Query(description="what is summed apart")] = "project",
    step: Annotated[Step, Query(description="day, month, or all in one")] = "all",
) -> TotalsView:
    """Totals of calls; prices and costs as booked with each call, without vouchers."""
    if period is not None:
        span = period_of(period)
        starts, last = span.starts.date(), span.last.date()
    else:
        last = realm.office.now().date()
        starts = last - timedelta(days=days - 1)
    rows = await realm.desk.sums.totals(realm.organisation_id, starts, last + timedelta(days=1), by, step)
    return TotalsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        by=by,
        step=step,
        starts=starts,
        ends=last,
        rows=[_view(row) for row in rows],
        total=_view(_sum(starts, rows)),
    )


def _sum(starts: date, rows: Sequence[Total]) -> Total:
    return Total(
        starts,
        "",
        sum(row.calls for row in rows),
        sum(row.attempts for row in rows),
        sum(row.price for row in rows),
        sum(row.cost for row in rows),
        sum(row.listed for row in rows),
        sum(row.charged for row in rows),
        {bucket: sum(row.usage[bucket] for row in rows) for bucket in BUCKETS},
    )


def _view(row: Total) -> TotalView:
    return TotalView(
        starts=row.starts,
        name=row.name,
        calls=row.calls,
        attempts=row.attempts,
        price=plain_money(row.price),
        cost=plain_money(row.cost),
        listed=plain_money(row.listed),
        charged=plain_money(row.charged),
        usage=dict(row.usage),
    )


def add_total_routes(router: APIRouter) -> None:
    """Join the route of this page to the API."""
    router.add_api_route("/books/totals", show_totals, methods=["GET"], tags=["books"])
