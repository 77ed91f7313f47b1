"""Language, theme and organisation of a visitor."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.visit import LANGUAGE, ORGANISATION, ROOT, THEME, THEMES, Visit, page, public
from rechenwerk.console.words import LANGUAGES

_YEAR = 365 * 86400


@page
async def change_organisation(visit: Visit) -> Response:
    """Go on in another organisation: a person with another session, the operator with the same."""
    name = (await visit.form()).get("organisation", "")
    changed = await visit.send("PUT", "/me/organisation", {"organisation": name})
    answer = visit.go(ROOT)
    answer.delete_cookie(ORGANISATION, path=ROOT)
    if changed.ok:
        answer.headers.append("set-cookie", changed.headers["set-cookie"])
    elif visit.me is not None and visit.me.may("operator"):
        answer.set_cookie(ORGANISATION, quote(name), max_age=_YEAR, path=ROOT, httponly=True, samesite="lax")
    else:
        return visit.failed(changed)
    return answer


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
    return [
        Route("/preferences", choose, methods=["POST"]),
        Route("/organisation", change_organisation, methods=["POST"]),
    ]
