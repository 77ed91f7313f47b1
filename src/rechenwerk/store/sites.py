"""Sites in PostgreSQL: out, and back. Fills `office.standing.Sites`."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from rechenwerk.office.standing import ShownSite, Site

SITE_COLUMNS = "name, jurisdiction, power_cap_kw::text, pue::text, co2_grams::text, prices::text[], active"
_SHOWN = f"""
select {SITE_COLUMNS}, out_since, out_reason, (select count(*) from deployment d
    where d.organisation_id = s.organisation_id and d.site_id = s.id and d.active) as deployments
from site s where organisation_id = $1 order by name
"""  # noqa: S608 - our own words


class StoredSites:
    """Sites.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def sites(self, organisation_id: int) -> list[ShownSite]:
        """See `office.standing.Sites`."""
        rows = await self._pool.fetch(_SHOWN, organisation_id)
        return [
            ShownSite(site_of(row), row["deployments"], row["out_since"], row["out_reason"]) for row in rows
        ]

    async def take_out(self, organisation_id: int, name: str, since: datetime, reason: str) -> bool:
        """See `office.standing.Sites`."""
        done: str = await self._pool.execute(
            "update site set out_since = coalesce(out_since, $3), out_reason = $4"
            " where organisation_id = $1 and name = $2",
            organisation_id,
            name,
            since,
            reason,
        )
        return done != "UPDATE 0"

    async def bring_back(self, organisation_id: int, name: str) -> bool:
        """See `office.standing.Sites`."""
        done: str = await self._pool.execute(
            "update site set out_since = null, out_reason = '' where organisation_id = $1 and name = $2",
            organisation_id,
            name,
        )
        return done != "UPDATE 0"


def site_of(row: asyncpg.Record) -> Site:
    """A row with `SITE_COLUMNS`."""
    return Site(
        row["name"],
        row["jurisdiction"],
        row["power_cap_kw"],
        row["pue"],
        row["co2_grams"],
        tuple(row["prices"]),
        row["active"],
    )
