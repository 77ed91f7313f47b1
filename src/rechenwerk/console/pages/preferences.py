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
    if changed.ok:
        answer = visit.go(ROOT, cookies=changed)
        answer.delete_cookie(ORGANISATION, path=ROOT)
        return answer
    if changed.status == 422 or not visit.may("operator"):
        return visit.failed(changed)
    answer = visit.go(ROOT)
    _keep(answer, ORGANISATION, quote(name))
    return answer


def _keep(answer: Response, name: str, value: str) -> None:
    answer.set_cookie(name, value, max_age=_YEAR, path=ROOT, httponly=True, samesite="lax")


@public
async def choose(visit: Visit) -> Response:
    """Keep a choice and go back to where it was made."""
    form = await visit.form()
    answer = visit.go(form.get("back", ""))
    for name, field, known in ((LANGUAGE, "language", LANGUAGES), (THEME, "theme", THEMES)):
        if form.get(field) in known:
            _keep(answer, name, form[field])
    return answer


def routes() -> list[Route]:
    """Of this page."""
    return [
        Route("/preferences", choose, methods=["POST"]),
        Route("/organisation", change_organisation, methods=["POST"]),
    ]
