"""The public report of utilisation."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import FastAPI, Query, Request

from rechenwerk.contracts.capacity import SECONDS_PER_DAY
from rechenwerk.contracts.utilisation import PoolDay, report
from rechenwerk.office.access import Office
from rechenwerk.office.governance import bodies
from rechenwerk.office.ports import OPERATOR

_FRESH = 60.0
"""Seconds for which a report is served again: it is public, so anybody may ask for it any number of times."""
_EPOCH = date(1970, 1, 1)


def _day(row: PoolDay) -> bodies.DayView:
    values = msgspec.structs.asdict(row)
    return bodies.DayView(**{**values, "day": _EPOCH + timedelta(days=row.day), "used": dict(row.used)})


class PublicReport:
    """The report of utilisation, made anew once a minute at most.

    Args:
        office: whose pools it is about: those that are shared with all.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._kept: dict[int, tuple[float, bodies.UtilisationView]] = {}
        self._one = asyncio.Lock()

    async def read(self, days: int) -> bodies.UtilisationView:
        """The last days, today included."""
        async with self._one:
            clock = self._office.clock
            kept = self._kept.get(days)
            if kept is not None and clock.monotonic() - kept[0] < _FRESH:
                return kept[1]
            now = int(clock.now())
            first = now // SECONDS_PER_DAY - days + 1
            until = datetime.fromtimestamp(now, UTC)
            pools = await self._office.desk.governance.records.facts(OPERATOR, first)
            made = bodies.UtilisationView(until=until, days=[_day(row) for row in report(pools, first, now)])
            self._kept[days] = (clock.monotonic(), made)
            return made


async def utilisation(
    request: Request,
    days: Annotated[int, Query(ge=1, le=92, description="how many days, today included")] = 7,
) -> bodies.UtilisationView:
    """How the shared pools were used, by day: sums only, nobody's name. Needs no key."""
    public: PublicReport = request.app.state.public_report
    return await public.read(days)


def add_record_routes(app: FastAPI) -> None:
    """Join the public report to the API."""
    app.state.public_report = PublicReport(app.state.office)
    app.add_api_route("/public/utilisation", utilisation, methods=["GET"], tags=["public"])
