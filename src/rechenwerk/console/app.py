"""The console: pages at /console over the documented API, in this process, with nothing private."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import jinja2
from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rechenwerk.base.clock import Clock
from rechenwerk.console.api import Problem
from rechenwerk.console.assets import read_assets
from rechenwerk.console.pages import (
    audit,
    bills,
    books,
    chat,
    closing,
    contracts,
    document_review,
    document_training,
    documents,
    journal,
    keys,
    people,
    plan,
    preferences,
    pricing,
    profile,
    projects,
    provider_add,
    providers,
    sign_in,
    spending,
    start,
)
from rechenwerk.console.visit import Console, Visit
from rechenwerk.console.words import LANGUAGES, Words

PAGES = (
    start,
    chat,
    projects,
    keys,
    people,
    sign_in,
    profile,
    journal,
    books,
    provider_add,
    closing,
    spending,
    bills,
    pricing,
    providers,
    contracts,
    plan,
    documents,
    document_review,
    document_training,
    audit,
    preferences,
)
"""Modules of pages; each brings its routes."""

_POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' data:; "
    "connect-src 'self'; "
    "font-src 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'"
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
)
"""Of every answer."""


class Number(IntegerConvertor):
    """A number in a page's path, of at most as many digits as the database has in its own."""

    regex = "[0-9]{1,18}"


class Guarded:
    """Headers on every answer.

    Args:
        app: what comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded)


async def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    visit = Visit(request)
    if visit.key is not None:
        await visit.enter()
    if error.status_code == 404:
        problem = Problem(404, "no_page", visit.t("problem.no_page"))
    else:
        problem = Problem(error.status_code, "", str(error.detail))
    return visit.render("problem.html", problem=problem)


async def _broken(request: Request, _: Exception) -> Response:
    visit = Visit(request)
    return visit.render("problem.html", problem=Problem(500, "", visit.t("problem.broken")))


def templates() -> jinja2.Environment:
    """Everything that people wrote is escaped; a name that is not there is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("rechenwerk.console", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def create_console(office: ASGIApp, clock: Clock, gateway_port: int) -> Starlette:
    """The pages, to be mounted at /console.

    Args:
        office: who serves the API; pages know nothing but what it tells the visitor.
        clock: wall time, for "three days ago".
        gateway_port: where models are called, for what people paste into their clients.
    """
    register_url_convertor("number", Number())
    assets = read_assets()
    app = Starlette(
        routes=[
            Route("/static/{name}", assets.serve),
            *(route for module in PAGES for route in module.routes()),
        ],
        middleware=[Middleware(Guarded), Middleware(GZipMiddleware, minimum_size=1000)],
        exception_handlers={HTTPException: _missing, Exception: _broken},
    )
    words = {language: Words(language) for language in LANGUAGES}
    app.state.console = Console(office, clock, templates(), assets, MappingProxyType(words), gateway_port)
    return app
