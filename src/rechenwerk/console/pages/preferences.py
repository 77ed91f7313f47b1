"""Language and theme: what a visitor chooses is kept in cookies."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.visit import LANGUAGE, ROOT, THEME, THEMES, Visit, public
from rechenwerk.console.words import LANGUAGES

_YEAR = 365 * 86400


@public
async def choose(visit: Visit) -> Response:
    """Keep a choice and go back to where it was made."""
    form = await visit.form()
    answer = visit.go(form.get("back", ""))
    chosen = []
    if form.get("language") in LANGUAGES:
        chosen.append((LANGUAGE, form["language"]))
    if form.get("theme") in THEMES:
        chosen.append((THEME, form["theme"]))
    for name, value in chosen:
        answer.set_cookie(name, value, max_age=_YEAR, path=ROOT, httponly=True, samesite="lax")
    return answer


def routes() -> list[Route]:
    """Of this page."""
    return [Route("/preferences", choose, methods=["POST"])]
