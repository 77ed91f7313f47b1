"""Routes of documents: jobs and their files. Mounted under /api/v1/documents."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.routing import BaseRoute

from rechenwerk.base.cursors import BY_ID, BY_NUMBER, BY_TEXT, next_of, number_of, order_of
from rechenwerk.base.money import parse_money
from rechenwerk.documents import bodies
from rechenwerk.documents.choice_ports import Wanted
from rechenwerk.documents.choice_routes import add_choice_routes
from rechenwerk.documents.clash_routes import add_clash_routes
from rechenwerk.documents.export_routes import add_export_routes
from rechenwerk.documents.facts_routes import add_facts_routes
from rechenwerk.documents.file_routes import add_file_routes
from rechenwerk.documents.job_ports import CLASSES, ENDED, Job, JobKind, NewJob, Sorted
from rechenwerk.documents.known_routes import add_known_routes
from rechenwerk.documents.learning_routes import add_learning_routes
from rechenwerk.documents.office_ports import Offered, ProjectRow
from rechenwerk.documents.ordering import Border, Sort
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.refusing import missing, refuse
from rechenwerk.documents.review_routes import add_review_routes
from rechenwerk.documents.schema_routes import add_schema_routes
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.views import document_view, job_view
from rechenwerk.documents.working import end_keys

PREFIX = "/api/v1/documents"
_UPLOAD = re.compile(rf"(?:{PREFIX}|/console/documents)/jobs/[0-9]+/files")
_LOOK = 1.0
_ALIVE = 15
_JOBS = 50
_BY_COST = 2000
"""Jobs that are put in order of what they cost, at most: the books are asked about each."""
_ORDERS = MappingProxyType({"made_at": BY_ID, "name": BY_TEXT, "state": BY_NUMBER, "cost": BY_NUMBER})
AUTO = "auto"
"""In the place of a schema: each document's kind is told first."""


def largest_body(path: str, setting: int) -> int:
    """How large a body may be at a path, if it is one of ours that takes files; else 0."""
    return setting if _UPLOAD.fullmatch(path) else 0


# -- jobs -----------------------------------------------------------------------------------------


async def create_job(realm: DocumentsRealm, body: bodies.JobBody) -> bodies.NewJobView:
    """A new job, open for files; with a source for which the project has one already, that one."""
    schema, version, kinds = await _wanted(realm, body)
    project = await _project(realm, body.project)
    if body.source and not body.new:
        found = await realm.desk.jobs.find(realm.organisation_id, project.id, body.source, schema.name)
        if found is not None and body.mask and not found.masks:
            raise refuse(
                409,
                f"job {found.id} of this source does not mask personal data; make a new one (--new)",
                "job_not_masked",
                "mask",
            )
        if found is not None:
            _as_strict(found, body.data_class or project.data_class, project.data_class)
            return bodies.NewJobView(**(await _view(realm, found)).model_dump(), found=True)
    data_class = _data_class(project, body.data_class)
    model = await _model(realm, data_class, body.model)
    realm.office.vault.box  # noqa: B018 - refuses where nothing could be sealed
    secret, sealed, message = (None, None, "")
    if body.webhook:
        secret, sealed, message = realm.office.reception.webhook(
            realm.organisation_id, "documents", body.webhook
        )
    new = NewJob(
        project_id=project.id,
        name=body.name.strip() or schema.name,
        source=body.source,
        schema=schema,
        schema_version=version,
        model=model,
        data_class=data_class,
        budget=None if body.budget is None else parse_money(body.budget),
        made_by=realm.visitor.key_name,
        keep_days=body.keep_days or realm.office.setup.keep_days,
        webhook=body.webhook,
        webhook_secret=sealed,
        webhook_id=message,
        kinds=kinds,
        mask=body.mask,
    )
    made = await realm.desk.jobs.add(realm.organisation_id, new)
    shown = await _view(realm, await realm.job(made))
    return bodies.NewJobView(**shown.model_dump(), found=False, webhook_secret=secret)


async def _wanted(realm: Realm, body: bodies.JobBody) -> tuple[Schema, int, tuple[JobKind, ...]]:
    """The schema of a job; of one of several kinds a mere name, and the kinds."""
    if body.schema_ not in {None, AUTO}:
        if body.schemas:
            raise refuse(422, "schemas: only schema 'auto' takes them", "invalid_value", "schemas")
        return *await realm.schema(body.schema_ or ""), ()
    name = "+".join([AUTO, *sorted(set(body.schemas))])
    return Schema(name, ()), 0, await realm.kinds(body.schemas)


async def set_kind(realm: DocumentsRealm, document: int, body: bodies.KindBody) -> bodies.DocumentView:
    """A person says what kind a document is; it is extracted (anew) by that schema."""
    found = await realm.document(document)
    job = await realm.job(found.job_id)
    names = [one.schema.name for one in job.kinds]
    if body.schema_ not in names:
        there = f"the job has {', '.join(names)}" if names else "the job has one schema for all documents"
        raise refuse(
            422, f"schema: {body.schema_!r} is no kind of this job; {there}", "invalid_value", "schema"
        )
    if job.state == "cancelled":
        raise refuse(409, f"job {job.id} was cancelled; make a new one", "job_state")
    said = Sorted(
        body.schema_,
        "person",
        f"said by {realm.visitor.key_name}",
        f"angegeben von {realm.visitor.key_name}",
    )
    if not await realm.desk.files.set_kind(realm.organisation_id, document, said):
        why = "people decided about its values" if found.state == "done" else f"it is {found.state}"
        raise refuse(409, f"the kind of document {document} cannot change: {why}", "document_state")
    if job.state == "done":
        await _go(realm, job, ("done",))
    realm.office.wanted()
    return document_view(await realm.document(document))


async def _project(realm: Realm, name: str | None) -> ProjectRow:
    """Who pays: the key's own project, or another for those who may spend its money."""
    visitor = realm.visitor
    wanted = name or visitor.project
    if wanted != visitor.project and not visitor.everywhere:
        raise refuse(
            403, f"this key's jobs are paid by its project {visitor.project!r}", "missing_scope", "project"
        )
    found = await realm.office.reception.project(visitor.organisation_id, wanted)
    if found is None:
        raise missing("project", wanted)
    return found


def _data_class(project: ProjectRow, wanted: str | None) -> str:
    chosen = wanted or project.data_class
    if CLASSES.index(chosen) < CLASSES.index(project.data_class):
        raise refuse(
            422,
            f"data_class: the project's data is {project.data_class}; a job may be stricter, not {chosen}",
            "invalid_value",
            "data_class",
        )
    return chosen


def _as_strict(found: Job, *wanted: str) -> None:
    """Nothing joins a job whose documents more may see than the command, or the project by now, lets see."""
    strictest = max(wanted, key=CLASSES.index)
    if CLASSES.index(strictest) > CLASSES.index(found.data_class):
        raise refuse(
            409,
            f"job {found.id} of this source is {found.data_class}, not {strictest}; make a new one (--new)",
            "job_less_strict",
            "data_class",
        )


async def _model(realm: Realm, data_class: str, wanted: str | None) -> str:
    """Who is asked: somebody who may see the data; nobody where that is wished or nobody is good enough."""
    if wanted == "":
        return ""
    offered = await realm.office.reception.models(realm.organisation_id, data_class)
    name = wanted or realm.office.setup.model
    if name:
        return _permitted(name, next((one for one in offered if one.name == name), None), data_class)
    allowed = [one for one in offered if not one.refused]
    if not allowed:
        why = f": {offered[0].name}: {offered[0].refused}" if offered else ""
        raise refuse(
            409,
            f"no model may see {data_class} data{why}; ask your operator, or work without a model: model ''",
            "no_deployment_allowed",
            "model",
        )
    good = [one for one in allowed if not one.embedded]
    return min(good, key=lambda one: (not one.local, one.name)).name if good else ""


def _permitted(name: str, offered: Offered | None, data_class: str) -> str:
    if offered is None:
        raise refuse(404, f"there is no model {name!r} that chats", "model_not_found", "model")
    if offered.refused:
        raise refuse(
            409,
            f"{name!r} may not see {data_class} data: {offered.refused}",
            "no_deployment_allowed",
            "model",
        )
    return name


async def list_jobs(
    realm: DocumentsRealm,
    limit: Annotated[int, Query(ge=1, le=500)] = _JOBS,
    before: Border = "",
    state: Annotated[bodies.JobState | None, Query(description="only these")] = None,
    q: bodies.Search = "",
    sort: Sort = "",
) -> bodies.JobsView:
    """Jobs with how far they are, the newest first.

    `sort` takes made_at, name, state (what runs first), and cost where no more than 2000 jobs fit.
    """
    order = order_of(sort, before, _ORDERS, "-made_at", "before")
    if order is not None:
        wanted = Wanted(None, state, q, limit)
        if order.by == "cost":
            await _few(realm, wanted)
        some, place = await realm.desk.jobs.ordered(realm.organisation_id, wanted, order)
        ahead = next_of(order, place, full=len(some) == limit)
        return bodies.JobsView(jobs=await _views(realm, some), next=ahead)
    wanted = Wanted(number_of(before, "before") or None, state, q, limit)
    found = await realm.desk.jobs.jobs(realm.organisation_id, wanted)
    return bodies.JobsView(
        jobs=await _views(realm, found), next=found[-1].id if len(found) == limit else None
    )


async def _few(realm: Realm, wanted: Wanted) -> None:
    if await realm.desk.jobs.up_to(realm.organisation_id, wanted, _BY_COST + 1) > _BY_COST:
        line = f"sort: more than {_BY_COST} jobs fit; to put them in order of cost, narrow them by state or q"
        raise refuse(422, line, "too_many_to_sort", "sort")


async def show_job(realm: DocumentsRealm, job: int) -> bodies.JobView:
    """A job: how far it is, what it cost, what it will take."""
    return await _view(realm, await realm.job(job))


async def _view(realm: Realm, job: Job) -> bodies.JobView:
    (view,) = await _views(realm, [job])
    return view


async def _views(realm: Realm, jobs: Sequence[Job], offered: _Offers | None = None) -> list[bodies.JobView]:
    """Jobs as they are shown: asked for together, however many."""
    reception, organisation = realm.office.reception, realm.visitor.organisation
    progress = await realm.desk.jobs.progress(realm.organisation_id, [one.id for one in jobs])
    known = await _offers(realm, jobs) if offered is None else offered
    now = reception.now()
    return [
        job_view(
            one,
            progress[one.id],
            organisation,
            known.currency,
            now,
            known.models.get((one.data_class, one.model)),
        )
        for one in jobs
    ]


class _Offers(NamedTuple):
    """What estimates of jobs need: (class, model) -> its prices."""

    models: Mapping[tuple[str, str], Offered]
    currency: str


async def _offers(realm: Realm, jobs: Sequence[Job]) -> _Offers:
    reception = realm.office.reception
    found = {
        (data_class, one.name): one
        for data_class in sorted({job.data_class for job in jobs if job.model})
        for one in await reception.models(realm.organisation_id, data_class)
    }
    return _Offers(found, await reception.currency())


async def start_job(realm: DocumentsRealm, job: int) -> bodies.JobView:
    """All files are there: go on to what costs money. A second time changes nothing."""
    found = await realm.job(job)
    if found.state == "open":
        await _go(realm, found, ("open",))
    elif found.state == "cancelled":
        raise refuse(409, f"job {job} was cancelled; make a new one", "job_state")
    return await show_job(realm, job)


async def resume_job(realm: DocumentsRealm, job: int, body: bodies.ResumeBody) -> bodies.JobView:
    """Go on with a paused job, if with another budget; try again what failed in one that is done."""
    found = await realm.job(job)
    if found.state == "cancelled":
        raise refuse(409, f"job {job} was cancelled; make a new one", "job_state")
    if body.budget is not None:
        await realm.desk.jobs.set_budget(realm.organisation_id, job, parse_money(body.budget))
        found = await realm.job(job)
    again = await realm.desk.files.retry(realm.organisation_id, job)
    if found.state == "paused" or (found.state == "done" and again):
        await _go(realm, found, ("paused", "done"))
    elif found.state == "running":
        await _guard(realm, found)
    return await show_job(realm, job)


async def reopen_job(realm: DocumentsRealm, job: int) -> bodies.JobView:
    """Take more files into a job that is done."""
    found = await realm.job(job)
    if found.state == "cancelled":
        raise refuse(409, f"job {job} was cancelled; make a new one", "job_state")
    await realm.desk.jobs.move(realm.organisation_id, job, ("done",), "open")
    return await show_job(realm, job)


async def _go(realm: Realm, job: Job, states: tuple[str, ...]) -> None:
    """Run: with a key that opens, and a model that may still see the data."""
    organisation, keys = realm.organisation_id, realm.office.keys
    made: int | None = None
    if job.model:
        offered = await realm.office.reception.models(organisation, job.data_class)
        _permitted(job.model, next((one for one in offered if one.name == job.model), None), job.data_class)
        if not await _guard(realm, job):
            made, text = await keys.make(
                organisation, job.project_id, f"documents {job.id}", await _left(realm, job), job.data_class
            )
            try:
                sealed = realm.office.vault.seal(organisation, f"key/{job.id}", text)
                await realm.desk.jobs.keep_key(organisation, job.id, made, sealed)
            except BaseException:
                await keys.revoke(organisation, made)  # nobody would know that it opens something
                raise
    moved = await realm.desk.jobs.move(organisation, job.id, states, "running")
    if not moved and made is not None:
        await keys.revoke(organisation, made)  # somebody else was quicker, with a key of his own
    elif await realm.desk.queue.finish(organisation, job.id):
        await end_keys(realm.desk, keys, organisation, job.id)
    realm.office.wanted()


async def _guard(realm: Realm, job: Job) -> bool:
    """Bring the budget of the job's living key up to date; False when it has none."""
    living = await realm.desk.jobs.living_keys(realm.organisation_id, job.id)
    for key in living:
        budget = await _left(realm, job, among=key)
        await realm.office.keys.guard(realm.organisation_id, job.project_id, key, budget)
    return bool(living)


async def _left(realm: Realm, job: Job, among: int | None = None) -> int | None:
    """What a key of the job may spend: the budget less what the job's other keys have spent."""
    if job.budget is None:
        return None
    spent = await realm.desk.jobs.spent(realm.organisation_id, job.id, among)
    return max(0, job.budget - spent)


async def pause_job(realm: DocumentsRealm, job: int) -> bodies.JobView:
    """Begin no more documents; those in hand come to their end."""
    found = await realm.job(job)
    if found.state != "paused" and not await realm.desk.jobs.move(
        realm.organisation_id, job, ("running",), "paused"
    ):
        raise refuse(409, f"job {job} is {found.state}, not running", "job_state")
    return await show_job(realm, job)


async def cancel_job(realm: DocumentsRealm, job: int) -> bodies.JobView:
    """End a job before its end; what was found stays, its key opens nothing any more."""
    found = await realm.job(job)
    moved = await realm.desk.jobs.move(realm.organisation_id, job, ("open", "running", "paused"), "cancelled")
    if not moved and found.state != "cancelled":
        raise refuse(409, f"job {job} is {found.state} already", "job_state")
    await end_keys(realm.desk, realm.office.keys, realm.organisation_id, job)
    return await show_job(realm, job)


async def delete_job(realm: DocumentsRealm, job: int) -> bodies.DeletedView:
    """Delete a job with its files, texts, values and decisions; its calls stay in the books."""
    found = await realm.job(job)
    if found.state == "running":
        raise refuse(409, f"job {job} is running; cancel it first", "job_state")
    await end_keys(realm.desk, realm.office.keys, realm.organisation_id, job)
    count = await realm.desk.jobs.delete(realm.organisation_id, job, realm.visitor.key_name)
    return bodies.DeletedView(job=job, documents=count or 0)


async def follow_job(realm: DocumentsRealm, job: int) -> StreamingResponse:
    """The job as server-sent events, one whenever it has changed, until it has ended or pauses."""
    offered = await _offers(realm, [await realm.job(job)])

    async def events() -> AsyncIterator[bytes]:
        before, quiet = "", 0
        while True:
            found = await realm.desk.jobs.job(realm.organisation_id, job)
            if found is None:
                yield b"event: deleted\ndata: {}\n\n"
                return
            (shown,) = await _views(realm, [found], offered)
            seen = shown.model_dump_json(by_alias=True, exclude={"seconds_left"})
            if seen != before:
                before, quiet = seen, 0
                yield f"event: progress\ndata: {shown.model_dump_json(by_alias=True)}\n\n".encode()
            elif (quiet := quiet + 1) % _ALIVE == 0:
                yield b": alive\n\n"
            if found.state in ENDED | {"paused"}:
                return
            await asyncio.sleep(_LOOK)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})


@cache
def document_routes() -> tuple[BaseRoute, ...]:
    """All routes of documents, made once."""
    router = APIRouter(prefix=PREFIX)
    add = router.add_api_route
    jobs: list[str | Enum] = ["document jobs"]
    files: list[str | Enum] = ["documents"]
    add("/jobs", list_jobs, methods=["GET"], tags=jobs)
    add("/jobs", create_job, methods=["POST"], status_code=201, tags=jobs)
    add("/jobs/{job}", show_job, methods=["GET"], tags=jobs)
    add("/jobs/{job}", delete_job, methods=["DELETE"], tags=jobs)
    add("/jobs/{job}/start", start_job, methods=["POST"], tags=jobs)
    add("/jobs/{job}/pause", pause_job, methods=["POST"], tags=jobs)
    add("/jobs/{job}/resume", resume_job, methods=["POST"], tags=jobs)
    add("/jobs/{job}/reopen", reopen_job, methods=["POST"], tags=jobs)
    add("/jobs/{job}/cancel", cancel_job, methods=["POST"], tags=jobs)
    add("/jobs/{job}/events", follow_job, methods=["GET"], tags=jobs)
    add("/files/{document}/kind", set_kind, methods=["POST"], tags=files)
    add_file_routes(router)
    add_choice_routes(router)
    add_schema_routes(router)
    add_export_routes(router)
    add_review_routes(router)
    add_facts_routes(router)
    add_clash_routes(router)
    add_known_routes(router)
    add_learning_routes(router)
    return tuple(router.routes)
