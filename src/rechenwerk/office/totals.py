"""Route of totals: what was called, by day or month, by project, key, model, deployment or contract."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from rechenwerk.office.access import BooksRealm
from rechenwerk.office.sum_ports import By, Step
from rechenwerk.office.tenants import money
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
    """Totals of calls that began in [starts, ends), UTC."""

    organisation: str
    currency: str
    by: By
    step: Step
    starts: date
    ends: date
    rows: list[TotalView]


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
        starts, ends = span.starts.date(), span.ends.date()
    else:
        ends = realm.office.now().date() + timedelta(days=1)
        starts = ends - timedelta(days=days)
    rows = await realm.desk.sums.totals(realm.organisation_id, starts, ends, by, step)
    return TotalsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        by=by,
        step=step,
        starts=starts,
        ends=ends,
        rows=[
            TotalView(
                starts=row.starts,
                name=row.name,
                calls=row.calls,
                attempts=row.attempts,
                price=money(row.price),
                cost=money(row.cost),
                listed=money(row.listed),
                charged=money(row.charged),
                usage=dict(row.usage),
            )
            for row in rows
        ],
    )


def add_total_routes(router: APIRouter) -> None:
    """Join the route of this page to the API."""
    router.add_api_route("/books/totals", show_totals, methods=["GET"], tags=["books"])
