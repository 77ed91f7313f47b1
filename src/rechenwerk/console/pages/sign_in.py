"""Sign-in, sign-out, and the page that an invitation's link opens."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Problem
from rechenwerk.console.visit import ROOT, SESSION, SIGN_IN, Visit, here, public

_PROBLEMS = frozenset(
    {
        "sign_in_lost",
        "single_sign_on_refused",
        "single_sign_on_failed",
        "address_not_verified",
        "address_taken",
        "invitation_not_found",
        "not_invited",
        "no_membership",
    }
)
"""What the way back from single sign-on may say; anything else in the address is nobody's word."""


@public
async def sign_in(visit: Visit) -> Response:
    """The form, and what it sends."""
    form = await visit.form() if visit.request.method == "POST" else {}
    to = here(form.get("to") or visit.query.get("to", ""))
    problem: Problem | None = None
    if form:
        body = {"email": form.get("email", ""), "password": form.get("password", "")}
        answer = await visit.send("POST", "/sign-in", body)
        if answer.ok:
            return visit.go(to, cookies=answer)
        problem = answer.problem
    told = visit.query.get("problem", "")
    ways = await visit.get("/sign-in")
    return visit.render(
        "sign_in.html",
        form=form,
        to=to,
        problem=problem,
        told=visit.t(f"sign_in.problem.{told}") if told in _PROBLEMS else "",
        single_sign_on=ways.part("single_sign_on", None),
        single_path=f"/api/v1/sign-in/single?{urlencode({'to': to})}",
    )


@public
async def sign_out(visit: Visit) -> Response:
    """End the session."""
    answer = await visit.send("POST", "/sign-out")
    leaving = visit.go(SIGN_IN, "signed_out", cookies=answer)
    leaving.delete_cookie(SESSION, httponly=True, samesite="lax")
    return leaving


@public
async def welcome(visit: Visit) -> Response:
    """Accept an invitation."""
    form = await visit.form() if visit.request.method == "POST" else {}
    token = form.get("token") or visit.query.get("token", "")
    problem: Problem | None = None
    if form:
        body = {name: form.get(name, "") for name in ("token", "email", "name", "password")}
        answer = await visit.send("POST", "/invitations/accept", body)
        if answer.ok:
            return visit.go(ROOT + "/", "welcome", cookies=answer)
        problem = answer.problem
    invited = await visit.get(f"/invitations/by-token/{quote(token, safe='')}") if token else None
    if invited is None or not invited.ok:
        return visit.render("welcome_over.html", 404)
    ways = await visit.get("/sign-in")
    return visit.render(
        "welcome.html",
        invitation=invited.body,
        token=token,
        form=form,
        problem=problem,
        single_sign_on=ways.part("single_sign_on", None),
        single_path=f"/api/v1/sign-in/single?{urlencode({'to': ROOT + '/', 'token': token})}",
    )


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/sign-in", sign_in, methods=["GET", "POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/welcome", welcome, methods=["GET", "POST"]),
    ]
