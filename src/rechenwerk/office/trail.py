"""Routes of the audit's events: who did what; search, download, and the proof that none was altered."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from rechenwerk.base.cells import harmless
from rechenwerk.office.access import BooksRealm, Realm, Whose
from rechenwerk.office.audits import From, To, period
from rechenwerk.office.governance.bodies import EventsView, EventView
from rechenwerk.office.governance.ports import AuditEvent, Sought
from rechenwerk.office.paging import words_of

_PAGE = 500
"""Events that a download reads at a time."""
_LATEST = "9000-01-01"
_COLUMNS = tuple(EventView.model_fields)

_KEPT = r"^[^\x00]*$"
Text = Annotated[str | None, Query(max_length=300, pattern=_KEPT)]


class ChainView(BaseModel):
    """Whether the events of an organisation are as they were written.

    `head` seals all of them: who keeps it can tell later that none before it was changed.
    """

    organisation: str
    ok: bool
    events: int
    head: str
    broken: int | None
    """The first event that is not as it was written; 0: events are missing."""


class KindsView(BaseModel):
    """What has happened, each once."""

    kinds: list[str]


def sought(
    realm: BooksRealm,
    organisation: Whose = None,
    q: Annotated[
        str | None,
        Query(max_length=300, pattern=_KEPT, description="words that all stand in an event"),
    ] = None,
    who: Text = None,
    what: Text = None,
    subject: Text = None,
    since: From = None,
    to: To = None,
    before: Annotated[
        int | None, Query(ge=1, le=1 << 62, description="only events older than this one")
    ] = None,
) -> Sought:
    """Which events are asked for; of all organisations for the operator who names none."""
    starts, ends = period(realm, since, to or _LATEST)
    return Sought(
        None if _everybody(realm, organisation) else realm.organisation_id,
        words_of(q),
        who or None,
        what or None,
        subject or None,
        starts if since else None,
        ends if to else None,
        before,
    )


def _everybody(realm: Realm, organisation: str | None) -> bool:
    return realm.is_operator and organisation is None


Wanted = Annotated[Sought, Depends(sought)]


def _view(one: AuditEvent) -> EventView:
    return EventView(
        id=one.id,
        at=one.at,
        organisation=one.organisation,
        who=one.who,
        key=one.key_id,
        address=one.address,
        what=one.what,
        subject=one.subject,
        before=one.before,
        after=one.after,
    )


async def show_audit(
    realm: BooksRealm, wanted: Wanted, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> EventsView:
    """Who did what, newest first; of all organisations for the operator."""
    found = await realm.desk.governance.records.audit(wanted, limit)
    return EventsView(
        organisation=None if wanted.organisation_id is None else realm.organisation,
        events=[_view(one) for one in found],
        next=found[-1].id if len(found) == limit else None,
    )


async def show_kinds(realm: BooksRealm, organisation: Whose = None) -> KindsView:
    """What has happened, each once: to choose from."""
    whose = None if _everybody(realm, organisation) else realm.organisation_id
    return KindsView(kinds=await realm.desk.governance.records.kinds(whose))


async def export_audit(
    realm: BooksRealm, wanted: Wanted, form: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "csv"
) -> StreamingResponse:
    """All events that fit, newest first, as a file that is written while it is sent."""
    write = _Csv if form == "csv" else _JsonLines
    media = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    headers = {"content-disposition": f'attachment; filename="audit.{form}"'}
    return StreamingResponse(_pieces(realm, wanted, write), media_type=media, headers=headers)


async def _pieces(realm: Realm, wanted: Sought, write: type[_Csv | _JsonLines]) -> AsyncIterator[bytes]:
    writer = write()
    yield writer.head()
    while True:
        found = await realm.desk.governance.records.audit(wanted, _PAGE)
        yield b"".join(writer.row(_view(one)) for one in found)
        if len(found) < _PAGE:
            return
        wanted = msgspec.structs.replace(wanted, before=found[-1].id)


class _JsonLines:
    """One JSON object a line."""

    def head(self) -> bytes:
        return b""

    def row(self, one: EventView) -> bytes:
        return one.model_dump_json().encode() + b"\n"


class _Csv:
    """A table; a text that a program would take for a formula is told to be text."""

    def head(self) -> bytes:
        return (",".join(_COLUMNS) + "\r\n").encode()

    def row(self, one: EventView) -> bytes:
        out = io.StringIO()
        values = one.model_dump(mode="json")
        cells = [
            msgspec.json.encode(values[name]).decode() if name in {"before", "after"} else values[name]
            for name in _COLUMNS
        ]
        csv.writer(out, lineterminator="\r\n").writerow(
            [harmless(one) if isinstance(one, str) else one for one in cells]
        )
        return out.getvalue().encode()


async def verify_audit(realm: BooksRealm) -> ChainView:
    """Compute the chain of an organisation's events again, from the first one."""
    found = await realm.desk.governance.records.chain(realm.organisation_id)
    return ChainView(
        organisation=realm.organisation,
        ok=found.broken is None,
        events=found.events,
        head=found.head,
        broken=found.broken,
    )


def add_trail_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/audit", show_audit, methods=["GET"], tags=["audit"])
    add("/audit/kinds", show_kinds, methods=["GET"], tags=["audit"])
    add("/audit/export", export_audit, methods=["GET"], tags=["audit"], response_class=StreamingResponse)
    add("/audit/verify", verify_audit, methods=["GET"], tags=["audit"])
