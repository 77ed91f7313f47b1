"""People of an organisation: who is in, with which role, and who was invited."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Problem
from rechenwerk.console.listing import Column, as_csv, ask
from rechenwerk.console.pages.projects import count_of
from rechenwerk.console.visit import Visit, page

PATH = "/console/people"
ROLES = ("member", "reviewer", "controller", "auditor", "owner", "operator")
COLUMNS = (
    Column("email"),
    Column("name"),
    Column("role"),
    Column("project"),
    Column("seen_at"),
    Column("made_at"),
)


@page
async def index(visit: Visit) -> Response:
    """All people, and open invitations."""
    (listing, people), invitations = await asyncio.gather(
        ask(visit, PATH, "/people", "people", COLUMNS, visit.query, ("role", "project"), "email"),
        visit.get("/invitations"),
    )
    if not people.ok:
        return visit.failed(people)
    if visit.query.get("download"):
        return as_csv("people", COLUMNS, listing.rows)
    return visit.render(
        "people.html",
        section="people",
        list=listing,
        roles=ROLES,
        projects=people.body["projects"],
        invitations=invitations.part("invitations", []),
    )


async def _projects(visit: Visit) -> list[str]:
    answer = await visit.get("/projects")
    return [one["name"] for one in answer.part("projects", [])]


def _roles(visit: Visit) -> list[str]:
    """Those that this visitor may give, as far as the page knows; the API decides."""
    return [one for one in ROLES if one != "operator" or visit.may()]


@page
async def invite(visit: Visit) -> Response:
    """Make a link, and show it once."""
    form = await visit.form() if visit.request.method == "POST" else {}
    problem: Problem | None = None
    if form:
        body: dict[str, Any] = {"role": form.get("role", ""), "project": form.get("project", "")}
        if form.get("email", "").strip():
            body["email"] = form["email"]
        days = form.get("days", "").strip()
        if days:
            body["days"] = count_of(days)
        answer = await visit.send("POST", "/invitations", body)
        if answer.ok:
            url = visit.request.url
            link = f"{url.scheme}://{url.netloc}{answer.body['path']}"
            return visit.render("invited.html", section="people", invitation=answer.body, link=link)
        problem = answer.problem
    return visit.render(
        "invite.html",
        section="people",
        form=form,
        problem=problem,
        roles=_roles(visit),
        projects=await _projects(visit),
    )


@page
async def uninvite(visit: Visit) -> Response:
    """Take an invitation back."""
    answer = await visit.send("DELETE", f"/invitations/{visit.request.path_params['id']}")
    return visit.go(PATH, "uninvited") if answer.ok else visit.failed(answer)


@page
async def show(visit: Visit) -> Response:
    """A person: another role, another project."""
    email = visit.request.path_params["email"]
    form = await visit.form() if visit.request.method == "POST" else {}
    problem: Problem | None = None
    if form:
        body = {"role": form.get("role"), "project": form.get("project")}
        answer = await visit.send("PUT", f"/people/{quote(email, safe='')}", body)
        if answer.ok:
            return visit.go(PATH, "role_changed", email)
        problem = answer.problem
    people = await visit.get("/people", q=email)
    person = next((one for one in people.part("people", []) if one["email"] == email), None)
    if person is None:
        return (
            visit.failed(people)
            if not people.ok
            else visit.render("problem.html", problem=visit.no("person", email))
        )
    return visit.render(
        "person.html",
        section="people",
        person=person,
        form=form,
        problem=problem,
        roles=_roles(visit),
        projects=await _projects(visit),
    )


@page
async def remove(visit: Visit) -> Response:
    """End a membership."""
    email = visit.request.path_params["email"]
    answer = await visit.send("DELETE", f"/people/{quote(email, safe='')}")
    return visit.go(PATH, "person_removed", email) if answer.ok else visit.failed(answer)


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/people", index, methods=["GET"]),
        Route("/people/invite", invite, methods=["GET", "POST"]),
        Route("/people/invitations/{id:number}/end", uninvite, methods=["POST"]),
        Route("/people/{email}", show, methods=["GET", "POST"]),
        Route("/people/{email}/remove", remove, methods=["POST"]),
    ]
