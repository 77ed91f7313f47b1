"""The journal and the entries of accounts, a page at a time. Fills `office.journal_ports.Journal`.

A call lies where its id says, within a day of when it began, and those that do not are listed. So days are
spans of ids; on which days anything fits is known from the sums of days, and only there calls are looked at:
what is rare in a million calls is found without an index of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import asyncpg
import msgspec

from rechenwerk.base.cursors import Order, Place
from rechenwerk.base.ids import EPOCH_MS, first_id
from rechenwerk.base.usage import BUCKETS
from rechenwerk.office.journal_ports import Account, BookedCall, Entry, ManyCallsError, Wanted
from rechenwerk.store.books import CALLS, booked, with_transfers

_SOME = 2000
_LAST = (1 << 63) - 1
_DAY = timedelta(days=1)
_FAR = date(3000, 1, 1)
_FAR_S = 32_503_680_000
"""When that is, in seconds since 1970."""

_RESOLVE = """
select
    (select array_agg(k.id) from api_key k
        where k.organisation_id = $1 and (k.name = $2 or k.id = $3)) as keys,
    (select array_agg(d.id) from deployment d
        join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
        where d.organisation_id in (0, $1) and p.name = $4) as deployments,
    (select array_agg(t.id) from contract t where t.organisation_id in (0, $1) and t.name = $5) as contracts
"""
_FITS = """
 and ($2::bigint is null or {c}.project_id = $2) and ($3::bigint[] is null or {c}.key_id = any($3))
 and ($4::text is null or {c}.model = $4) and ($5::bigint[] is null or {c}.deployment_id = any($5))
 and ($6::bigint[] is null or {c}.contract_id = any($6)) and ($7::text is null or {c}.outcome = $7)
"""
_DAYS = (
    "select distinct day from call_day d where organisation_id = $1"  # noqa: S608
    + _FITS.format(c="d")
    + " and day >= $8 and day < $9 order by day desc"
)  # our own words, here and below
_BOUNDS = "select min(day) as first, max(day) as last from call_day where organisation_id = $1"
_STRAYS = """
select id from call_stray where organisation_id = $1 and ($2::timestamptz is null or started_at >= $2)
    and ($3::timestamptz is null or started_at < $3) order by id desc
"""
_MORE = """
 and c.id >= $8 and c.id < $9 and ($11::timestamptz is null or c.started_at >= $11)
 and ($12::timestamptz is null or c.started_at < $12) and ($13::numeric is null or c.price >= $13)
 and ($14::numeric is null or c.price <= $14) and ($15 or c.attempt_of is null)
"""
_ORDER = " order by c.id desc limit $10"
_OLDEST = " order by c.id limit $10"
_KEYS = MappingProxyType({"price": "c.price", "cost": "c.cost", "total_us": "c.total_us"})
_MOST = 200_000
"""Calls that are looked at for an order that no index has."""
_LYING = """
select coalesce(sum(d.calls), 0)::bigint from unnest($2::date[], $3::date[]) r(first, last)
join call_day d on d.organisation_id = $1 and d.day between r.first and r.last
"""
# Of each span the first ones, and the first ones of these.
_FIRST = """
select x.id, x.key from unnest($8::bigint[], $9::bigint[]) s(low, high)
cross join lateral (select c.id, {key} as key from call c where c.organisation_id = $1
    {more} order by {key}{way}, c.id{way} limit $10) x
order by x.key{way}, x.id{way} limit $10
"""
_ACCOUNT = """
select a.id, a.kind, a.project_id, a.contract_id, p.name as project, c.name as contract from account a
left join project p on p.organisation_id = a.organisation_id and p.id = a.project_id
left join contract c on c.organisation_id in (0, a.organisation_id) and c.id = a.contract_id
where a.organisation_id = $1 and a.id = $2
"""
_OTHERS = """
    (select array_agg(distinct case when p.name is null and k.name is null then a.kind
        else a.kind || '(' || concat_ws(', ', p.name, k.name) || ')' end)
     from account a
     left join project p on p.organisation_id = a.organisation_id and p.id = a.project_id
     left join contract k on k.organisation_id in (0, a.organisation_id) and k.id = a.contract_id
     where a.organisation_id = $1 and a.id = any(x.others)) as others
"""
_MOVED = """
    select t.call_id, sum(t.amount) filter (where t.debit = $2) as debit,
        sum(t.amount) filter (where t.credit = $2) as credit,
        array_agg(case when t.debit = $2 then t.credit else t.debit end) as others
    from transfer t where t.organisation_id = $1 and (t.debit = $2 or t.credit = $2)
"""
_OF_CALLS = f"""
select x.*, {_OTHERS}, c.started_at as at, c.model as text, 'call' as kind
from ({_MOVED} and t.call_id >= $3 and t.call_id < $4
        and exists (select from call c where c.organisation_id = $1 and c.id = t.call_id
            and ($6::timestamptz is null or c.started_at >= $6)
            and ($7::timestamptz is null or c.started_at < $7))
    group by t.call_id order by t.call_id desc limit $5) x
join call c on c.organisation_id = $1 and c.id = x.call_id order by x.call_id desc
"""  # noqa: S608 - our own words, here and below
# Their ids count down: the newest has the lowest.
_OF_VOUCHERS = f"""
select x.*, {_OTHERS}, coalesce(v.at, f.booked_at) as at, coalesce(v.reason, f.reason) as text,
    coalesce(v.kind, 'fee') as kind
from ({_MOVED} and t.call_id < 0 and ($3::bigint is null or t.call_id > $3)
        and (exists (select from voucher v where v.organisation_id = $1 and v.id = t.call_id
                and ($5::timestamptz is null or v.at >= $5) and ($6::timestamptz is null or v.at < $6))
            or exists (select from fee f where f.organisation_id = $1 and f.id = t.call_id
                and ($5::timestamptz is null or f.booked_at >= $5)
                and ($6::timestamptz is null or f.booked_at < $6)))
    group by t.call_id order by t.call_id limit $4) x
left join voucher v on v.organisation_id = $1 and v.id = x.call_id
left join fee f on f.organisation_id = $1 and f.id = x.call_id order by x.call_id
"""  # noqa: S608

Span = tuple[int, int]
"""Ids from the first one up to, but not, the second."""


class _Fits(msgspec.Struct, frozen=True):
    """What is wanted, in ids; None: any."""

    project: int | None
    keys: Sequence[int] | None
    model: str | None
    deployments: Sequence[int] | None
    contracts: Sequence[int] | None
    outcome: str | None

    @property
    def all(self) -> tuple[object, ...]:
        """In the order of `_FITS`."""
        return (self.project, self.keys, self.model, self.deployments, self.contracts, self.outcome)

    @property
    def narrow(self) -> bool:
        """Whether anything but time is said."""
        return any(one is not None for one in self.all)


class StoredJournal:
    """The journal of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def calls(
        self, organisation_id: int, wanted: Wanted, limit: int, before: int | None
    ) -> list[BookedCall]:
        """See `office.journal_ports.Journal`."""
        rows: list[asyncpg.Record] = []
        fits = await self._resolve(organisation_id, wanted)
        async for low, high in self._spans(organisation_id, wanted, fits, before):
            rows += await self._page(organisation_id, wanted, fits, (low, high), limit - len(rows))
            if len(rows) >= limit:
                break
        return await with_transfers(self._pool, organisation_id, rows)

    async def ordered(
        self, organisation_id: int, wanted: Wanted, order: Order, limit: int
    ) -> tuple[list[BookedCall], Place]:
        """See `office.journal_ports.Journal`."""
        fits = await self._resolve(organisation_id, wanted)
        spans = [span async for span in self._spans(organisation_id, wanted, fits, None)]
        if order.by == "started_at":
            rows = await self._oldest(organisation_id, wanted, fits, spans[::-1], order, limit)
            place: Place = (rows[-1]["id"],) if rows else ()
        else:
            rows, place = await self._by_key(organisation_id, wanted, fits, spans, order, limit)
        return await with_transfers(self._pool, organisation_id, rows), place

    async def _oldest(
        self,
        organisation_id: int,
        wanted: Wanted,
        fits: _Fits,
        spans: Sequence[Span],
        order: Order,
        limit: int,
    ) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = []
        (last,) = order.after or (-1,)
        for low, high in spans:
            if high > (begin := max(low, int(last) + 1)) and len(rows) < limit:
                left = limit - len(rows)
                rows += await self._page(organisation_id, wanted, fits, (begin, high), left, _OLDEST)
        return rows

    async def _by_key(
        self,
        organisation_id: int,
        wanted: Wanted,
        fits: _Fits,
        spans: Sequence[Span],
        order: Order,
        limit: int,
    ) -> tuple[list[asyncpg.Record], Place]:
        days = _day_ranges(_clipped(spans, wanted))
        lying = await self._pool.fetchval(_LYING, organisation_id, *days)
        if lying > _MOST:
            raise ManyCallsError(lying, _MOST)
        key, way = _KEYS[order.by], " desc" if order.down else ""
        more = _FITS.format(c="c") + _MORE.replace("$8", "s.low").replace("$9", "s.high") + _bucket(wanted)
        if order.after:
            more += f" and ({key}, c.id) {'<' if order.down else '>'} ($16, $17)"
        lows, highs = [low for low, _ in spans], [high for _, high in spans]
        first = await self._pool.fetch(
            _FIRST.format(key=key, way=way, more=more),
            *_parameters(organisation_id, wanted, fits, (lows, highs), limit),
            *order.after,
        )
        ids = [row["id"] for row in first]
        found = await self._pool.fetch(f"{CALLS} and c.id = any($2::bigint[])", organisation_id, ids)
        by_id = {row["id"]: row for row in found}
        place = (int(first[-1]["key"]), ids[-1]) if first else ()
        return [by_id[one] for one in ids], place

    async def every(self, organisation_id: int, wanted: Wanted) -> AsyncIterator[list[BookedCall]]:
        """See `office.journal_ports.Journal`."""
        fits = await self._resolve(organisation_id, wanted)
        async for low, high in self._spans(organisation_id, wanted, fits, None):
            end = high
            while rows := await self._page(organisation_id, wanted, fits, (low, end), _SOME):
                yield [booked(row, ()) for row in rows]
                if len(rows) < _SOME:
                    break
                end = rows[-1]["id"]

    async def account(self, organisation_id: int, account_id: int) -> Account | None:
        """See `office.journal_ports.Journal`."""
        row = await self._pool.fetchrow(_ACCOUNT, organisation_id, account_id)
        return Account(**dict(row)) if row else None

    async def entries_of_calls(
        self, organisation_id: int, account: Account, wanted: Wanted, limit: int, before: int | None
    ) -> list[Entry]:
        """See `office.journal_ports.Journal`."""
        if not (account.project_id or account.contract_id):
            return []  # calls move nothing on those
        contracts = [account.contract_id] if account.contract_id else None
        fits = _Fits(account.project_id or None, None, None, None, contracts, None)
        found: list[Entry] = []
        async for low, high in self._spans(organisation_id, wanted, fits, before):
            left, times = limit - len(found), (wanted.starts, wanted.ends)
            rows = await self._pool.fetch(_OF_CALLS, organisation_id, account.id, low, high, left, *times)
            found += [_entry(row) for row in rows]
            if len(found) >= limit:
                break
        return found

    async def entries_of_vouchers(
        self, organisation_id: int, account: Account, wanted: Wanted, limit: int, before: int | None
    ) -> list[Entry]:
        """See `office.journal_ports.Journal`."""
        rows = await self._pool.fetch(
            _OF_VOUCHERS, organisation_id, account.id, before, limit, wanted.starts, wanted.ends
        )
        return [_entry(row) for row in rows]

    async def _resolve(self, organisation_id: int, wanted: Wanted) -> _Fits:
        row = await self._pool.fetchrow(
            _RESOLVE, organisation_id, wanted.key, wanted.key_id, wanted.provider, wanted.contract
        )
        assert row is not None
        keyed = wanted.key is not None or wanted.key_id is not None
        return _Fits(
            wanted.project_id,
            (row["keys"] or []) if keyed else None,
            wanted.model,
            (row["deployments"] or []) if wanted.provider is not None else None,
            (row["contracts"] or []) if wanted.contract is not None else None,
            wanted.outcome,
        )

    async def _page(
        self,
        organisation_id: int,
        wanted: Wanted,
        fits: _Fits,
        span: Span,
        limit: int,
        order: str = _ORDER,
    ) -> list[asyncpg.Record]:
        query = CALLS + _FITS.format(c="c") + _MORE + _bucket(wanted) + order
        found: list[asyncpg.Record] = await self._pool.fetch(
            query, *_parameters(organisation_id, wanted, fits, span, limit)
        )
        return found

    async def _spans(
        self, organisation_id: int, wanted: Wanted, fits: _Fits, before: int | None
    ) -> AsyncIterator[Span]:
        """Where calls that fit can lie, newest first, none twice; found while they are asked for."""
        edge = _LAST if before is None else before
        strays = await self._pool.fetch(_STRAYS, organisation_id, wanted.starts, wanted.ends)
        apart = [row["id"] for row in strays if row["id"] < edge]
        async for low, high in self._days(organisation_id, wanted, fits, edge):
            while apart and apart[0] >= high:
                if (stray := apart.pop(0)) < edge:
                    yield stray, stray + 1
            if low < (top := min(high, edge)):
                yield low, top
                edge = low
        for stray in apart:
            if stray < edge:
                yield stray, stray + 1

    async def _days(self, organisation_id: int, wanted: Wanted, fits: _Fits, top: int) -> AsyncIterator[Span]:
        """Spans of ids by the days on which something fits, newest first; neighbours share ids."""
        bottom = 0 if wanted.starts is None else _id_of(wanted.starts, -1)
        if not fits.narrow:
            yield bottom, _LAST if wanted.ends is None else _id_of(wanted.ends, 1) + 1
            return
        known = await self._pool.fetchrow(_BOUNDS, organisation_id)
        if known is None or known["first"] is None:
            return
        first = max(known["first"], wanted.starts.date()) if wanted.starts else known["first"]
        end = min(known["last"], wanted.ends.date()) if wanted.ends else known["last"]
        end = min(end, _day_of(top) + _DAY) + _DAY
        while end > first:
            begin = max(first, end - _DAY * 31)
            for row in await self._pool.fetch(_DAYS, organisation_id, *fits.all, begin, end):
                noon = datetime(row["day"].year, row["day"].month, row["day"].day, tzinfo=UTC)
                yield _id_of(noon, -1), _id_of(noon, 2) + 1
            end = begin


def _clipped(spans: Iterable[Span], wanted: Wanted) -> list[Span]:
    """Spans without the days in which only calls that lie apart can fit: what has to be looked at, about."""
    bottom = 0 if wanted.starts is None else _id_of(wanted.starts, -1)
    top = _LAST if wanted.ends is None else _id_of(wanted.ends, 1) + 1
    found = []
    for low, high in spans:
        if high - low > 1:
            low, high = max(low, bottom), min(high, top)  # noqa: PLW2901
        if low < high:
            found.append((low, high))
    return found


def _day_ranges(spans: Iterable[Span]) -> tuple[list[date], list[date]]:
    """First and last days of where spans lie, newest first; no day twice."""
    firsts: list[date] = []
    lasts: list[date] = []
    for low, high in spans:
        first, last = _day_of(low), _day_of(max(low, high - 2))
        if firsts and last >= firsts[-1]:
            firsts[-1] = min(first, firsts[-1])
        else:
            firsts.append(first)
            lasts.append(last)
    return firsts, lasts


def _bucket(wanted: Wanted) -> str:
    # The bucket is one of our own names, never a visitor's text.
    return f" and c.{wanted.bucket} > 0" if wanted.bucket in BUCKETS else ""


def _parameters(
    organisation_id: int, wanted: Wanted, fits: _Fits, span: tuple[object, object], limit: int
) -> tuple[object, ...]:
    """Of `_FITS`, `_MORE` and the limit, from $1 to $15."""
    times = (wanted.starts, wanted.ends)
    return (organisation_id, *fits.all, *span, limit, *times, wanted.least, wanted.most, wanted.attempts)


def _id_of(at: datetime, days: int) -> int:
    """The lowest id of a call so many days after a moment; within what an id can be, whatever the moment."""
    return min(_LAST - 1, first_id(at.timestamp() + _DAY.total_seconds() * days))


def _day_of(call_id: int) -> date:
    """On which an id was made; of the highest one the last day that there is."""
    seconds = ((call_id >> 22) + EPOCH_MS) / 1000
    return _FAR if seconds > _FAR_S else datetime.fromtimestamp(seconds, UTC).date()


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        row["call_id"],
        row["kind"],
        row["at"],
        row["text"],
        tuple(row["others"] or ()),
        int(row["debit"] or 0),
        int(row["credit"] or 0),
    )
