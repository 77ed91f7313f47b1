"""Lists of documents in other orders than their own, a page at a time.

Jobs have an index for each order but that by cost, for which only so many are put in order. Files, values and
contradictions are sorted among the documents, or contradictions, of one job.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import asyncpg
import msgspec

from rechenwerk.base.cursors import Order, Place
from rechenwerk.documents.choice_ports import Chosen, Wanted
from rechenwerk.store.documents.common import COUNTS, DOCUMENT, JOB, STATES, VALUES

Rows = tuple[list[asyncpg.Record], Place]
"""A page, and where its last row stands."""

# What needs somebody comes first. The index of migration 0034 has the same words.
_JOB_STATE = "array_position('{running,paused,open,done,cancelled}'::text[], j.state)"
_FILE_STATE = "array_position('{failed,refused,running,waiting,unpacked,done,duplicate}'::text[], d.state)"
_JOB_COST = """(select coalesce(sum(c.charged), 0) from document_key k
    join call_day c on c.organisation_id = k.organisation_id and c.key_id = k.key_id
    where k.organisation_id = j.organisation_id and k.job_id = j.id)"""
_VALUE_STATES = ("unproven", "proven", "absent", "accepted", "corrected", "rejected")
_CLASH_STATE = "array_position('{open,side,both,rejected}'::text[], c.state)"
JOB_KEYS = MappingProxyType({"made_at": "", "name": "lower(j.name)", "state": _JOB_STATE, "cost": _JOB_COST})
FILE_KEYS = MappingProxyType(
    {
        "made_at": "",
        "name": "lower(d.name)",
        "state": _FILE_STATE,
        "size": "d.size",
        "pages": "d.pages",
        "unproven": "d.unproven",
    }
)
CLASH_KEYS = MappingProxyType({"made_at": "", "state": _CLASH_STATE})
_NAMED_JOBS = """
    j.organisation_id = $1 and ($2::text is null or j.state = $2)
    and ($3 = '' or strpos(lower(j.name), lower($3)) > 0)
"""
_SOME_VALUES = f"""{VALUES}
where v.organisation_id = $1 and v.document_id = any($2::bigint[]) and v.state = any($3::text[])
    and (v.document_id <> $4 or v.place > $5)
order by array_position($2::bigint[], v.document_id), v.place limit $6
"""


class Page(msgspec.Struct, frozen=True):
    """The words that cut a page out of a list.

    Attributes:
        key: what it is sorted by; '' for the number alone.
        number: of a row.
        order: that is asked for.
    """

    key: str
    number: str
    order: Order

    @property
    def column(self) -> str:
        """What a row says of its place; text as it is, so that a cursor brings it back."""
        return f"{self.key or self.number} as place_key"

    def after(self, first: int, *, again: bool = False) -> str:
        """Rows behind the last one seen, whose place are the parameters from one on; `again`: and itself."""
        if not self.order.after:
            return ""
        sign = ("<" if self.order.down else ">") + ("=" if again else "")
        if not self.key:
            return f" and {self.number} {sign} ${first}"
        return f" and ({self.key}, {self.number}) {sign} (${first}, ${first + 1})"

    @property
    def by(self) -> str:
        """The end of the query, but for its limit."""
        way = " desc" if self.order.down else ""
        key = f"{self.key}{way}, " if self.key else ""
        return f" order by {key}{self.number}{way}"

    def place(self, rows: Sequence[asyncpg.Record], name: str = "id") -> Place:
        """Where the last of some rows stands; () of none."""
        if not rows:
            return ()
        key = rows[-1]["place_key"]
        number: int = rows[-1][name]
        return (key if isinstance(key, str) else int(key), number) if self.key else (number,)


async def jobs(pool: asyncpg.Pool, organisation_id: int, wanted: Wanted, order: Order) -> Rows:
    """Jobs of an organisation."""
    page = Page(JOB_KEYS[order.by], "j.id", order)
    rows = await pool.fetch(
        f"select {JOB}, {page.column} from document_job j"  # noqa: S608 - our own words, here and below
        " join project p on p.organisation_id = j.organisation_id and p.id = j.project_id"
        f" where {_NAMED_JOBS}{page.after(5)}{page.by} limit $4",
        organisation_id,
        wanted.state,
        wanted.named,
        wanted.limit,
        *order.after,
    )
    return rows, page.place(rows)


async def jobs_up_to(pool: asyncpg.Pool, organisation_id: int, wanted: Wanted, most: int) -> int:
    """How many jobs fit; not counted further than so many."""
    found: int = await pool.fetchval(
        f"select count(*) from (select from document_job j where {_NAMED_JOBS} limit $4) n",  # noqa: S608
        organisation_id,
        wanted.state,
        wanted.named,
        most,
    )
    return found


async def files(pool: asyncpg.Pool, organisation_id: int, job_id: int, chosen: Chosen, order: Order) -> Rows:
    """Files of a job; of `chosen` the states, the name and the limit count."""
    page = Page(FILE_KEYS[order.by], "d.id", order)
    rows = await pool.fetch(
        f"select {DOCUMENT}, {COUNTS}, {page.column} from job_document d"  # noqa: S608
        " where d.organisation_id = $1 and d.job_id = $2 and ($3::text[] = '{}' or d.state = any($3))"
        f" and ($4 = '' or strpos(lower(d.name), lower($4)) > 0){page.after(6)}{page.by} limit $5",
        organisation_id,
        job_id,
        list(chosen.states),
        chosen.named,
        chosen.limit,
        *order.after,
    )
    return rows, page.place(rows)


async def values(pool: asyncpg.Pool, organisation_id: int, job_id: int, chosen: Chosen, order: Order) -> Rows:
    """Values of a job: by their documents, and within one in the order of its schema."""
    states = [one for one in _VALUE_STATES if not chosen.states or one in chosen.states]
    if order.by != "state":
        return await _values(pool, organisation_id, job_id, chosen, order, states)
    ranked = [(rank, one) for rank, one in enumerate(_VALUE_STATES) if one in states]
    first, *seen = order.after or (None,)
    found: list[asyncpg.Record] = []
    last: Place = ()
    for rank, state in reversed(ranked) if order.down else ranked:
        if first is not None and (rank > int(first) if order.down else rank < int(first)):
            continue
        left = msgspec.structs.replace(chosen, limit=(chosen.limit or 0) - len(found))
        inner = Order("made_at", after=tuple(seen) if rank == first else ())
        rows, place = await _values(pool, organisation_id, job_id, left, inner, [state])
        found += rows
        last = (rank, *place) if rows else last
        if len(found) == chosen.limit:
            break
    return found, last


async def _values(
    pool: asyncpg.Pool,
    organisation_id: int,
    job_id: int,
    chosen: Chosen,
    order: Order,
    states: Sequence[str],
) -> Rows:
    """First the documents that have enough of them, told by their own counts; then the values."""
    *at, seen = order.after or (-1,)
    limit = chosen.limit or 0
    outer = Page(FILE_KEYS[order.by], "d.id", msgspec.structs.replace(order, after=tuple(at)))
    fitting = " + ".join(f"d.{one}" for one in STATES if one in states) or "0"
    documents = await pool.fetch(
        f"select d.id, {fitting} as number, {outer.column} from job_document d"  # noqa: S608
        f" where d.organisation_id = $1 and d.job_id = $2 and {fitting} > 0"
        f" and ($3 = '' or strpos(lower(d.name), lower($3)) > 0){outer.after(5, again=True)}{outer.by}"
        " limit $4",
        organisation_id,
        job_id,
        chosen.named,
        limit + 1,
        *at,
    )
    begun = int(at[-1]) if at else 0
    ids, number = [], 0
    for row in documents:
        ids.append(row["id"])
        number += 0 if row["id"] == begun else row["number"]
        if number >= limit:
            break
    rows = await pool.fetch(_SOME_VALUES, organisation_id, ids, list(states), begun, seen, limit)
    if not rows:
        return [], ()
    last = next(row for row in documents if row["id"] == rows[-1]["document_id"])
    return rows, (*outer.place([last]), rows[-1]["place"])
