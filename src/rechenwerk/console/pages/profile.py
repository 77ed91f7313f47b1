"""What people may change about themselves."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Problem
from rechenwerk.console.visit import LANGUAGE, ROOT, Visit, page
from rechenwerk.console.words import LANGUAGES

PATH = "/console/profile"


def _shown(visit: Visit, form: dict[str, str], problem: Problem | None = None) -> Response:
    return visit.render("profile.html", section="profile", form=form, problem=problem, languages=LANGUAGES)


@page
async def index(visit: Visit) -> Response:
    """Name and language."""
    form = await visit.form() if visit.request.method == "POST" else {}
    if not form:
        return _shown(visit, {})
    answer = await visit.send("PATCH", "/me", {"name": form.get("name"), "language": form.get("language")})
    if not answer.ok:
        return _shown(visit, form, answer.problem)
    saved = visit.go(PATH, "saved")
    saved.delete_cookie(LANGUAGE, path=ROOT)  # what is said here counts from now on
    return saved


@page
async def password(visit: Visit) -> Response:
    """Another password."""
    form = await visit.form()
    body = {"current": form.get("current", ""), "new": form.get("new", "")}
    answer = await visit.send("PUT", "/me/password", body)
    return visit.go(PATH, "password", cookies=answer) if answer.ok else _shown(visit, {}, answer.problem)


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/profile", index, methods=["GET", "POST"]),
        Route("/profile/password", password, methods=["POST"]),
    ]
