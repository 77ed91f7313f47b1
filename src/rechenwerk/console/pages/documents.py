"""Documents: jobs, their files, and the values that were found in them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer, Problem
from rechenwerk.console.figures import share
from rechenwerk.console.listing import Column, ordered, sort_of, whole_csv
from rechenwerk.console.pages.projects import CLASSES, amount_of, count_of
from rechenwerk.console.visit import Visit, page, with_query

PATH = "/console/documents"
API = "/documents"
STATES = ("open", "running", "paused", "done", "cancelled")
FILE_STATES = ("waiting", "running", "done", "refused", "failed", "duplicate", "unpacked")
VALUE_STATES = ("unproven", "proven", "absent", "accepted", "corrected", "rejected")
ACTIONS = ("start", "pause", "resume", "reopen", "cancel")
LIMIT = 50
_VALUES = 100
_REFUSED = 20
_AT_ONCE = 500
"""Rows of a file that the API is asked for at once."""
_PIECE = 262_144
_FILES = 500

COLUMNS = (
    Column("id"),
    Column("name"),
    Column("schema"),
    Column("state"),
    Column("made_by"),
    Column("made_at"),
    Column("documents", lambda row: sum(row["documents"].values()), number=True),
    Column("done", lambda row: row["documents"]["done"], number=True),
    Column("unproven", lambda row: row["values"]["unproven"], number=True),
    Column("cost", number=True),
    Column("budget", number=True),
)

FILES = (
    *(Column(name) for name in ("id", "name", "state", "reason", "kind", "schema")),
    *(Column(name, number=True) for name in ("size", "pages")),
    *(
        Column(name, lambda row, name=name: row["values"][name], number=True)  # type: ignore[misc]
        for name in ("proven", "unproven", "absent", "accepted", "corrected", "rejected")
    ),
)
VALUES = (
    *(Column(name) for name in ("document", "document_name", "field", "title", "text", "state", "origin")),
    Column("page", lambda row: (row["evidence"] or {}).get("page", "")),
    Column("quote", lambda row: (row["evidence"] or {}).get("quote", "")),
)
JOB_ORDERS = ("made_at", "name", "state", "cost")
FILE_ORDERS = ("made_at", "name", "state", "size", "pages", "unproven")
VALUE_ORDERS = ("made_at", "-made_at", "name", "-name", "state", "-state")
_BORDER = re.compile(r"[A-Za-z0-9_.\-]{1,4000}")


def number_of(visit: Visit, name: str) -> int:
    """A number of the page's path."""
    found: int = visit.request.path_params[name]
    return found


def ended(job: Mapping[str, Any]) -> int:
    """Documents of a job that need nothing any more."""
    return sum(count for state, count in job["documents"].items() if state not in {"waiting", "running"})


def whole(job: Mapping[str, Any]) -> int:
    """All documents of a job."""
    return sum(job["documents"].values())


def state_of(visit: Visit, known: Sequence[str]) -> str:
    """The state that a list is narrowed to; '' for all."""
    state = visit.query.get("state", "")
    return state if state in known else ""


def border_of(visit: Visit, name: str = "after") -> str:
    """The number at which a list goes on; '' for its begin."""
    border = visit.query.get(name, "")
    fits = _BORDER.fullmatch(border) if visit.query.get("sort") else border.isdecimal()
    return border if fits else ""


def turns(
    path: str, asked: Mapping[str, Any], found: Answer, border: str, name: str = "after"
) -> dict[str, Any]:
    """To a list's begin and to what comes next; '' where there is no such way.

    Args:
        path: of the page.
        asked: what narrows the list.
        found: what the API said; its `next` is where the list goes on.
        border: where this part of it began.
        name: that borders have in the address.
    """
    follows = found.part("next", None)
    ahead = with_query(path, **asked, **{name: follows}) if follows else ""
    return {"first": with_query(path, **asked) if border else "", "next": ahead}


async def job_page(
    visit: Visit, template: str, job: Answer, found: Answer | None = None, **more: Any
) -> Response:
    """A page about one job, with its head; the problem where there is no such job, or not what it shows."""
    if not job.ok:
        return visit.failed(job)
    if found is not None and not found.ok:
        return visit.failed(found)
    return visit.render(
        template,
        section="documents",
        job=job.body,
        path=f"{PATH}/jobs/{job.body['id']}",
        ended=ended(job.body),
        whole=whole(job.body),
        direct=lambda path, **query: visit.direct(f"{API}{path}", **query),
        **more,
    )


# -- jobs -----------------------------------------------------------------------------------------


def asked_of(visit: Visit, states: Sequence[str], orders: Sequence[str]) -> dict[str, str]:
    """What narrows a list, and its order."""
    sort = sort_of(visit.query, {one.removeprefix("-") for one in orders})
    return {"state": state_of(visit, states), "q": visit.query.get("q", "")[:200], "sort": sort}


@page
async def index(visit: Visit) -> Response:
    """All jobs, the newest first, or as the address says."""
    before = border_of(visit, "before")
    asked = asked_of(visit, STATES, JOB_ORDERS)
    if visit.query.get("download"):
        return await whole_csv(
            visit, f"{API}/jobs", "jobs", "before", COLUMNS, "document-jobs", limit=_AT_ONCE, **asked
        )
    answer = await visit.get(f"{API}/jobs", limit=LIMIT, before=before, **asked)
    if not answer.ok:
        return visit.failed(answer)
    jobs = answer.body["jobs"]
    return visit.render(
        "documents.html",
        section="documents",
        tab="jobs",
        jobs=jobs,
        states=STATES,
        query={**asked, "before": before},
        **turns(PATH, asked, answer, before, "before"),
        list=ordered(PATH, asked, "-made_at"),
        download=with_query(PATH, **asked, download="csv"),
        here=with_query(PATH, **asked, before=before),
        live=any(one["state"] == "running" for one in jobs),
        ended=ended,
        whole=whole,
        share=share,
    )


@page
async def new(visit: Visit) -> Response:
    """The form for a new job, and what it sends."""
    form: dict[str, str] = {}
    answer: Answer | None = None
    if visit.request.method == "POST":
        form = await visit.form()
        answer = await visit.send("POST", f"{API}/jobs", _job(form))
        if answer.ok:
            return visit.go(f"{PATH}/jobs/{answer.body['id']}")
    may = visit.may("keys")
    schemas, choices = await asyncio.gather(
        visit.get(f"{API}/schemas"), visit.get(f"{API}/choices", data_class=_class(form))
    )
    if not schemas.ok:
        return visit.failed(schemas)
    projects = await visit.get("/projects") if may else None
    return visit.render(
        "documents_new.html",
        section="documents",
        form=form,
        schemas=schemas.body["schemas"],
        models=choices.part("models", []),
        currency=choices.part("currency", ""),
        own_class=choices.part("data_class", ""),
        projects=[] if projects is None else [one["name"] for one in projects.part("projects", [])],
        project=form.get("project") or choices.part("project", ""),
        classes=CLASSES,
        problem=answer.problem if answer else None,
        title=lambda schema: title(schema, visit.language),
    )


def title(schema: Mapping[str, Any], language: str) -> str:
    """What people call a schema or a field."""
    names: Mapping[str, str] = schema["title"]
    return names.get(language) or names.get("en") or str(schema["name"])


def _class(form: Mapping[str, str]) -> str:
    return form.get("data_class", "") if form.get("data_class") in CLASSES else ""


def _job(form: Mapping[str, str]) -> dict[str, Any]:
    """The body of a new job."""
    model = form.get("model", "usual")
    days = form.get("keep_days", "").strip()
    return {
        "schema": form.get("schema") or None,
        "name": form.get("name", "").strip(),
        "project": form.get("project") or None,
        "data_class": form.get("data_class") or None,
        "model": None if model == "usual" else "" if model == "none" else model.removeprefix("model:"),
        "budget": amount_of(form.get("budget", "")) or None,
        "mask": form.get("mask") == "yes",
        "keep_days": count_of(days) if days else None,
    }


@page
async def show(visit: Visit) -> Response:
    """A job: how far it is, what it costs, which files could not be read; where files are dropped."""
    return await _show(visit)


async def _show(
    visit: Visit, failed: Answer | None = None, told: list[tuple[str, str]] | None = None
) -> Response:
    at = f"{API}/jobs/{number_of(visit, 'job')}"
    job, refused, choices = await asyncio.gather(
        visit.get(at), visit.get(f"{at}/files", state="refused", limit=_REFUSED), visit.get(f"{API}/choices")
    )
    return await job_page(
        visit,
        "documents_job.html",
        job,
        tab="overview",
        refused=refused.part("documents", []),
        largest=choices.part("largest", 0),
        problem=None if failed is None else failed.problem,
        told=told or [],
        follows=job.ok and job.body["state"] in {"open", "running"},
    )


@page
async def change(visit: Visit) -> Response:
    """Start, pause, resume, reopen, cancel or delete a job."""
    job, what = number_of(visit, "job"), visit.request.path_params["what"]
    form = await visit.form()
    at = f"{API}/jobs/{job}"
    if what == "delete":
        answer = await visit.send("DELETE", at)
        return await _show(visit, answer) if not answer.ok else visit.go(PATH, "job_deleted", str(job))
    if what not in ACTIONS:
        raise HTTPException(404)
    body = {"budget": amount_of(form.get("budget", "")) or None} if what == "resume" else None
    answer = await visit.send("POST", f"{at}/{what}", body)
    return await _show(visit, answer) if not answer.ok else visit.go(f"{PATH}/jobs/{job}")


@page
async def upload(visit: Visit) -> Response:
    """Files of a form, for browsers without scripts: each goes on to the API, none is kept in memory."""
    job = number_of(visit, "job")
    told = []
    try:
        async with visit.request.form(max_files=_FILES, max_fields=_FILES) as form:
            files = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
            for file in files:
                name = str(file.filename)
                answer = await visit.api.upload(f"{API}/jobs/{job}/files", _pieces(file), name=name)
                if answer.problem is not None:
                    told.append((name, answer.problem.message))
    except MultiPartException as error:
        raise HTTPException(400, error.message) from None
    if told:
        return await _show(visit, told=told)
    return visit.go(f"{PATH}/jobs/{job}", "uploaded", str(len(files)))


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece


# -- what is in it ----------------------------------------------------------------------------------


@page
async def files(visit: Visit) -> Response:
    """What became of each file."""
    at = f"{API}/jobs/{number_of(visit, 'job')}"
    after = border_of(visit)
    asked = asked_of(visit, FILE_STATES, FILE_ORDERS)
    if visit.query.get("download"):
        name = f"files-{number_of(visit, 'job')}"
        return await whole_csv(
            visit, f"{at}/files", "documents", "after", FILES, name, limit=_AT_ONCE, **asked
        )
    job, found = await asyncio.gather(
        visit.get(at), visit.get(f"{at}/files", after=after, limit=LIMIT, **asked)
    )
    path = f"{PATH}/jobs/{number_of(visit, 'job')}/files"
    return await job_page(
        visit,
        "documents_files.html",
        job,
        found,
        tab="files",
        files=found.part("documents", []),
        states=FILE_STATES,
        query=asked,
        list_path=path,
        list=ordered(path, asked, "made_at"),
        download=with_query(path, **asked, download="csv"),
        **turns(path, asked, found, after),
    )


@page
async def values(visit: Visit) -> Response:
    """The table of values, by document, each with its evidence."""
    at = f"{API}/jobs/{number_of(visit, 'job')}"
    asked = asked_of(visit, VALUE_STATES, VALUE_ORDERS)
    if visit.query.get("download"):
        more = {"limit": _AT_ONCE, "language": visit.language}
        name = f"values-{number_of(visit, 'job')}"
        return await whole_csv(visit, f"{at}/values", "values", "after", VALUES, name, **more, **asked)
    after = visit.query.get("after", "")
    job, found = await asyncio.gather(
        visit.get(at),
        visit.get(f"{at}/values", after=after, limit=_VALUES, language=visit.language, **asked),
    )
    path = f"{PATH}/jobs/{number_of(visit, 'job')}/values"
    return await job_page(
        visit,
        "documents_values.html",
        job,
        found,
        tab="values",
        values=found.part("values", []),
        # In the order in which they come: a document whose values stand apart has several groups.
        groups=[
            (number, list(some))
            for number, some in groupby(found.part("values", []), lambda one: one["document"])
        ],
        states=VALUE_STATES,
        orders=VALUE_ORDERS,
        list=ordered(path, asked, "made_at"),
        download=with_query(path, **asked, download="csv"),
        query=asked,
        list_path=path,
        **turns(path, asked, found, after),
    )


@page
async def document(visit: Visit) -> Response:
    """One document: its values, and where on its pages they stand."""
    number = number_of(visit, "document")
    at = f"{API}/files/{number}"
    job, about, found = await asyncio.gather(
        visit.get(f"{API}/jobs/{number_of(visit, 'job')}"),
        visit.get(at),
        visit.get(f"{at}/values", language=visit.language),
    )
    if job.ok and not about.ok:
        return visit.failed(about)
    if job.ok and about.body["job"] != job.body["id"]:
        raise HTTPException(404)
    rows = found.part("values", [])
    wanted = visit.query.get("field") or next((one["field"] for one in rows if one["evidence"]), "")
    chosen, decisions = await asyncio.gather(
        _value(visit, at, wanted),
        visit.get(f"{API}/jobs/{number_of(visit, 'job')}/decisions", document=number),
    )
    return await job_page(
        visit,
        "documents_document.html",
        job,
        tab="files",
        document=about.body,
        values=rows,
        chosen=chosen,
        decisions=list(reversed(decisions.part("decisions", []))),
        schemas=await _kinds(visit, job),
        title=lambda schema: title(schema, visit.language),
    )


async def _value(visit: Visit, at: str, field: str) -> dict[str, Any] | None:
    if not field:
        return None
    answer = await visit.get(f"{at}/values/{quote(field, safe='')}", language=visit.language)
    return answer.body if answer.ok else None


async def _kinds(visit: Visit, job: Answer) -> list[dict[str, Any]]:
    """What a document of a job of several kinds can be."""
    if not job.ok or not str(job.body["schema"]).startswith("auto"):
        return []
    found: list[dict[str, Any]] = (await visit.get(f"{API}/schemas")).part("schemas", [])
    return found


# -- forms ------------------------------------------------------------------------------------------


@page
async def forms(visit: Visit) -> Response:
    """What can be looked for: the ready schemas and one's own; a new one in words or as JSON Schema."""
    form: dict[str, str] = {}
    answer: Answer | None = None
    if visit.request.method == "POST":
        form = await visit.form()
        name = form.get("name", "").strip()
        try:
            answer = await visit.send("PUT", f"{API}/schemas/{quote(name or ' ', safe='')}", _schema(form))
        except msgspec.DecodeError as error:
            problem = Problem(422, "invalid_json", visit.t("documents.no_json", why=error), "words")
            answer = Answer(422, None, problem, {})
        if answer.ok:
            return visit.go(f"{PATH}/forms", "form_kept", name)
    found = await visit.get(f"{API}/schemas")
    if not found.ok:
        return visit.failed(found)
    return visit.render(
        "documents_forms.html",
        section="documents",
        tab="forms",
        schemas=found.body["schemas"],
        form=form,
        problem=answer.problem if answer else None,
        title=lambda schema: title(schema, visit.language),
    )


def _schema(form: Mapping[str, str]) -> dict[str, Any]:
    """The body of a schema: JSON where the text is an object, else words."""
    text = form.get("words", "").strip()
    about = {"about": form.get("about", "").strip(), "mask": form.get("mask") == "yes"}
    if not text.startswith("{"):
        return {"words": text, **about}
    return {"json_schema": msgspec.json.decode(text), **about}


def routes() -> list[Route]:
    """Of this page."""
    job = "/documents/jobs/{job:number}"
    return [
        Route("/documents", index, methods=["GET"]),
        Route("/documents/new", new, methods=["GET", "POST"]),
        Route("/documents/forms", forms, methods=["GET", "POST"]),
        Route(job, show, methods=["GET"]),
        Route(f"{job}/files", files, methods=["GET"]),
        Route(f"{job}/files", upload, methods=["POST"]),
        Route(f"{job}/values", values, methods=["GET"]),
        Route(f"{job}/documents/{{document:number}}", document, methods=["GET"]),
        Route(f"{job}/do/{{what}}", change, methods=["POST"]),
    ]
