"""What was learnt from documents: models trained from corrections and examples, and their versions."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer, Problem
from rechenwerk.console.listing import Column, arrange, as_csv
from rechenwerk.console.pages.documents import API, PATH, title
from rechenwerk.console.visit import Visit, page

TRAINING = f"{PATH}/training"
COLUMNS = (
    Column("name"),
    Column("kind"),
    Column("schema_name"),
    Column("active", number=True),
    Column("examples", number=True),
    Column("made_at"),
)
_MOST = 2000


def _path(name: str) -> str:
    return f"{TRAINING}/{quote(name, safe='')}"


def _at(name: str) -> str:
    return f"{API}/trained/{quote(name or ' ', safe='')}"


async def _index(
    visit: Visit, failed: Problem | None = None, form: Mapping[str, str] | None = None
) -> Response:
    models, schemas = await asyncio.gather(visit.get(f"{API}/trained"), visit.get(f"{API}/schemas"))
    if not models.ok:
        return visit.failed(models)
    listing = arrange(TRAINING, models.body["models"], COLUMNS, visit.query, ("name",), ("kind",), "name")
    if visit.query.get("download"):
        return as_csv("trained", COLUMNS, listing.rows)
    return visit.render(
        "documents_training.html",
        section="documents",
        tab="training",
        list=listing,
        schemas=schemas.part("schemas", []),
        form=form or {},
        problem=failed,
        title=lambda schema: title(schema, visit.language),
    )


@page
async def index(visit: Visit) -> Response:
    """All trained models."""
    return await _index(visit)


@page
async def learn(visit: Visit) -> Response:
    """Train: from corrections, from kinds that people said, or from labelled examples."""
    form = await visit.form()
    name, source = form.get("name", "").strip(), form.get("source", "")
    answer: Answer | None = None
    if source == "examples":
        answer = await visit.send("POST", f"{_at(name)}/examples", {"examples": _examples(form)})
    if answer is None or answer.ok:
        body = _wanted(source, form.get("schema", ""))
        answer = await visit.send("POST", f"{_at(name)}/train", body)
    if answer.problem is not None:
        return await _index(visit, answer.problem, form)
    return visit.go(_path(name), "trained", str(answer.body["version"]))


def _wanted(source: str, schema: str) -> dict[str, Any]:
    if source == "corrections":
        return {"kind": "extractor", "schema": schema}
    return {"kind": "classifier", "kinds": source == "kinds"}


def _examples(form: Mapping[str, str]) -> list[dict[str, str]]:
    """Lines as people paste them: the label, then the text, as a spreadsheet has them."""
    text = form.get("examples", "").strip()
    head = text.partition("\n")[0]
    separator = max("\t;,", key=head.count)
    found = []
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=separator), 1):
            if len(row) > 1:
                said = {"label": row[0].strip(), "text": separator.join(row[1:]).strip()}
                found.append({**said, "source": f"line {number}"})
    except csv.Error as error:
        raise HTTPException(422, str(error)) from error
    return found[:_MOST]


async def _show(visit: Visit, failed: Answer | None = None) -> Response:
    name = visit.request.path_params["name"]
    answer = await visit.get(_at(name))
    if not answer.ok:
        return visit.failed(answer)
    versions = list(reversed(answer.body["versions"]))
    return visit.render(
        "documents_model.html",
        section="documents",
        model=answer.body,
        versions=versions,
        path=_path(name),
        problem=failed.problem if failed else None,
    )


@page
async def show(visit: Visit) -> Response:
    """One model: how well each version did, what it takes for what, which one answers."""
    return await _show(visit)


@page
async def change(visit: Visit) -> Response:
    """Let another version answer, train again, or delete the model."""
    name, what = visit.request.path_params["name"], visit.request.path_params["what"]
    form = await visit.form()
    if what == "activate":
        text = form.get("version", "")
        version = int(text) if text.isdecimal() and len(text) < 9 else None
        answer = await visit.send("POST", f"{_at(name)}/rollback", {"version": version})
        done = "version_active"
    elif what == "train":
        body = _wanted(form.get("source", ""), form.get("schema", ""))
        answer = await visit.send("POST", f"{_at(name)}/train", body)
        done = "trained"
    elif what == "delete":
        answer = await visit.send("DELETE", _at(name))
        return await _show(visit, answer) if not answer.ok else visit.go(TRAINING, "model_deleted", name)
    else:
        raise HTTPException(404)
    if not answer.ok:
        return await _show(visit, answer)
    return visit.go(_path(name), done, str(answer.body["version"]))


def routes() -> list[Route]:
    """Of this page."""
    return [
        Route("/documents/training", index, methods=["GET"]),
        Route("/documents/training", learn, methods=["POST"]),
        Route("/documents/training/{name}", show, methods=["GET"]),
        Route("/documents/training/{name}/{what}", change, methods=["POST"]),
    ]
