"""Routes of the proof of the books: it runs beside the requests that ask how far it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.bodies import Body, Day
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.seals import check_seals
from rechenwerk.office.verify_ports import Check, Days, ProofRun, Tell

AT_ONCE = 1_000_000
"""Calls that one request may prove while it is waited for."""
_WAIT = 2.0
"""Seconds for which a request for news waits."""
_RUNNING = 2
_KEPT = 32
_log = logging.getLogger("rechenwerk.verify")

First = Annotated[date | None, Query(alias="from", description="the first day, such as 2026-03-01")]
Last = Annotated[date | None, Query(alias="to", description="the last day; it is one of them")]


class CheckView(BaseModel):
    """One thing that must be true, and whether it is."""

    name: str
    ok: bool
    detail: str


class VerifyView(BaseModel):
    """Everything computed again."""

    organisation: str
    ok: bool
    checks: list[CheckView]


class VerifyBody(Body):
    """Which days are proved; without them everything."""

    first: Day | None = Field(default=None, alias="from", description="the first day")
    last: Day | None = Field(default=None, alias="to", description="the last day; it is one of them")


class ProofRunView(BaseModel):
    """How far a proof is: `done` of `whole`, and what it is at; once it is over, what it found."""

    id: str
    organisation: str
    state: Literal["running", "done", "failed"]
    done: int
    whole: int
    what: str
    failed: str | None
    result: VerifyView | None


def _days(realm: Realm, first: date | None, last: date | None) -> Days | None:
    if first is None and last is None:
        return None
    today = realm.office.now().date()
    days = Days(first or date(1970, 1, 1), last or today)
    if days.first > today:
        raise refuse(422, f"{days.first} is not here yet; name a day up to {today}", "invalid_value", "from")
    if days.first > days.last:
        raise refuse(422, f"{days.first} is after {days.last}; exchange the days", "invalid_value", "from")
    return days


def _view(realm: Realm, checks: Sequence[Check]) -> VerifyView:
    return VerifyView(
        organisation=realm.organisation,
        ok=all(check.ok for check in checks),
        checks=[CheckView(name=one.name, ok=one.ok, detail=one.detail) for one in checks],
    )


def _run_view(realm: Realm, name: str, run: ProofRun) -> ProofRunView:
    return ProofRunView(
        id=name,
        organisation=realm.organisation,
        state="failed" if run.failed else "done" if run.over else "running",
        done=run.progress.done,
        whole=run.progress.whole,
        what=run.progress.what,
        failed=run.failed,
        result=None if run.checks is None else _view(realm, run.checks),
    )


async def _prove(realm: Realm, days: Days | None, tell: Tell) -> list[Check]:
    found = await realm.desk.verifier.prove(realm.organisation_id, days, tell)
    return [*found.checks, *await check_seals(realm, found.leaves, found.wrong)]


async def _go(realm: Realm, run: ProofRun) -> None:
    """A proof to its end; whoever waits is told how it ended."""
    try:
        run.checks = await _prove(realm, run.days, run.tell)
    except asyncio.CancelledError:
        run.failed = "the office ends"
        raise
    except Exception:
        _log.exception("the proof of the books of %r broke off", realm.organisation)
        run.failed = "the proof broke off; the office's log says why"
    finally:
        run.moved()


def _begin(realm: Realm, days: Days | None) -> tuple[str, ProofRun]:
    """A new proof, or the same one if it runs already."""
    proofs = realm.office.proofs
    running = {name: run for name, run in proofs.items() if not run.over}
    for name, run in running.items():
        if (run.organisation_id, run.days) == (realm.organisation_id, days):
            return name, run
    if len(running) >= _RUNNING:
        raise refuse(429, "other proofs are running; try again when they have ended", "busy")
    for name in [name for name, run in proofs.items() if run.over][: max(0, len(proofs) - _KEPT)]:
        del proofs[name]
    name, run = realm.office.random_bytes(8).hex(), ProofRun(realm.organisation_id, days)
    proofs[name] = run
    run.task = asyncio.create_task(_go(realm, run))
    return name, run


async def start(realm: BooksRealm, body: VerifyBody) -> ProofRunView:
    """Begin to compute the books again from their parts; `GET` of the id says how far it is."""
    return _run_view(realm, *_begin(realm, _days(realm, body.first, body.last)))


async def progress(realm: BooksRealm, run: str) -> ProofRunView:
    """How far a proof is, as soon as it has moved; at the latest after two seconds."""
    found = realm.office.proofs.get(run)
    if found is None or found.organisation_id != realm.organisation_id:
        raise missing("proof", run)
    await found.wait(_WAIT)
    return _run_view(realm, run, found)


async def verify(realm: BooksRealm, first: First = None, last: Last = None) -> VerifyView:
    """Compute the books again from their parts, at once: small ones, or some days of large ones."""
    days = _days(realm, first, last)
    calls = await realm.desk.verifier.calls(realm.organisation_id, days)
    if calls > AT_ONCE:
        what = f"{calls:,} calls take too long for one answer; POST the same and ask how far it is"
        raise refuse(409, what, "too_many_calls")
    return _view(realm, await _prove(realm, days, lambda _: None))


def add_verify_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/verify", verify, methods=["GET"], tags=["books"])
    add("/books/verify", start, methods=["POST"], tags=["books"])
    add("/books/verify/{run}", progress, methods=["GET"], tags=["books"])
