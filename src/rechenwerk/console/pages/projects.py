"""Projects: made, paid for, limited and classified."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.figures import share
from rechenwerk.console.listing import Column, Row, as_csv, ask
from rechenwerk.console.visit import Visit, page

PATH = "/console/projects"
CLASSES = ("public", "internal", "confidential", "restricted")
PERIODS = ("day", "week", "month", "quarter", "year", "total")
SERVICES = ("critical", "standard", "batch")
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent_calls")
_KEYS = 50
"""Of a project, that its page shows; the list of keys has all."""
_DIGITS = 14
"""Of a count; with as many it is none that the API takes, and more may be none that JSON can carry."""


def used(row: Row) -> int | None:
    """How full the fullest budget of a project or a key is, in percent."""
    found = [share(one["posted"], one["amount"]) for one in row["budgets"]]
    return max((percent for percent in found if percent is not None), default=None)


COLUMNS = (
    Column("name"),
    Column("data_class"),
    Column("service_class"),
    Column("keys", number=True),
    Column("used", used, number=True),
    Column("created_at"),
)


@page
async def index(visit: Visit) -> Response:
    """All projects."""
    query, known = visit.query, {"data_class": CLASSES, "service_class": SERVICES}
    query = {name: value for name, value in query.items() if value in known.get(name, (value,))}
    listing, answer = await ask(visit, PATH, "/projects", "projects", COLUMNS, query, tuple(known), "name")
    if not answer.ok:
        return visit.failed(answer)
    if visit.query.get("download"):
        return as_csv("projects", COLUMNS, listing.rows)
    return visit.render(
        "projects.html", section="projects", list=listing, classes=CLASSES, services=SERVICES, used=used
    )


@page
async def new(visit: Visit) -> Response:
    """The form for a new one, and what it sends."""
    form: dict[str, str] = {}
    answer: Answer | None = None
    if visit.request.method == "POST":
        form = await visit.form()
        body = {
            "name": form.get("name", "").strip(),
            "data_class": form.get("data_class") or "internal",
        }
        answer = await visit.send("POST", "/projects", body)
        if answer.ok:
            return visit.go(_path(body["name"]), "project_made", body["name"])
    return visit.render(
        "project_new.html",
        section="projects",
        form=form,
        classes=CLASSES,
        problem=answer.problem if answer else None,
    )


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


async def _show(visit: Visit, name: str, failed: Answer | None = None, about: str = "") -> Response:
    path = f"/projects/{quote(name, safe='')}"
    project, keys, budgets = await asyncio.gather(
        visit.get(path),
        visit.get("/keys", project=name, state="active", sort="name", limit=_KEYS),
        visit.get("/budgets", project=name, shared="true"),
    )
    if project.status in (404, 422):
        return visit.render("problem.html", problem=visit.no("project", name))
    if not project.ok:
        return visit.failed(project)
    return visit.render(
        "project.html",
        section="projects",
        project=project.body,
        lines=budgets.part("budgets", []),
        keys=keys.part("keys", []),
        all_keys=keys.part("total", 0),
        path=_path(name),
        periods=PERIODS,
        classes=CLASSES,
        services=SERVICES,
        limits=LIMITS,
        problem=failed.problem if failed else None,
        about=about,
    )


@page
async def show(visit: Visit) -> Response:
    """One project."""
    return await _show(visit, visit.request.path_params["name"])


@page
async def change(visit: Visit) -> Response:
    """Change a project's budget, limits, class or service."""
    name, what = visit.request.path_params["name"], visit.request.path_params["what"]
    if what not in ("budget", "limits", "data-class", "service"):
        raise HTTPException(404)
    form = await visit.form()
    body: dict[str, Any]
    if what == "budget":
        body = budget_of(form)
    elif what == "limits":
        body = limits_of(form)
    elif what == "data-class":
        body = {"data_class": form.get("data_class")}
    else:
        body = {"service_class": form.get("service_class"), "weight": count_of(form.get("weight", ""))}
    answer = await visit.send("PUT", f"/projects/{quote(name, safe='')}/{what}", body)
    if not answer.ok:
        return await _show(visit, name, answer, what)
    return visit.go(_path(name), "saved")


def budget_of(form: dict[str, str]) -> dict[str, Any]:
    """The body of a budget; no amount removes it."""
    amount = amount_of(form.get("amount", ""))
    return {"period": form.get("period"), "amount": amount or None, "hard": form.get("hard") == "yes"}


def amount_of(text: str) -> str:
    """An amount as the API has it: with the comma that Germans write."""
    text = text.strip().replace("\u00a0", "").replace(" ", "")
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def count_of(text: str) -> int | str:
    """A count as the API has it; what is none, or no such number, goes as it is: the API says so."""
    return int(text) if text.isdecimal() and len(text) < _DIGITS else text


def limits_of(form: dict[str, str]) -> dict[str, int | str | None]:
    """The body of limits; an empty one is none."""
    found: dict[str, int | str | None] = {}
    for name in LIMITS:
        text = form.get(name, "").strip()
        found[name] = count_of(text) if text else None
    return found


def routes() -> list[Route]:
    """Of this page."""
    return [
        Route("/projects", index, methods=["GET"]),
        Route("/projects/new", new, methods=["GET", "POST"]),
        Route("/projects/{name}", show, methods=["GET"]),
        Route("/projects/{name}/{what}", change, methods=["POST"]),
    ]
