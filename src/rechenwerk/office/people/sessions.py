"""Sessions in browsers: a cookie that holds a key, and the guard against requests from other sites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rechenwerk.base.errors import Refusal
from rechenwerk.office.errors import answer

COOKIE = "rw_session"
PAGES = "/console/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Sessions:
    """Makes a session's cookie as good as its key in `Authorization`, for requests of our own pages.

    A request that changes something and comes with the cookie has to come from the same origin: browsers say
    so in Sec-Fetch-Site, older ones in Origin (OWASP's cheat sheet on CSRF, "Fetch Metadata headers"). Pages
    are guarded without a cookie too: nobody is signed in as somebody else by a link.

    Args:
        app: what comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] == "http":
            send = _guarded(scope["path"], send)
            headers = Headers(scope=scope)
            if not _HOST.fullmatch(headers.get("host", "")):
                await answer(_NO_HOST)(scope, receive, send)
                return
            key = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
            by_cookie = bool(key) and "authorization" not in headers
            guarded = by_cookie or scope["path"].startswith(PAGES)
            if guarded and scope["method"] not in _SAFE and not same_origin(headers):
                await answer(_CROSS_SITE)(scope, receive, send)
                return
            if by_cookie:
                bearer = (b"authorization", b"Bearer " + key.encode("latin-1", "replace"))
                scope = {**scope, "headers": [*scope["headers"], bearer]}
        await self._app(scope, receive, send)


def _guarded(path: str, send: Send) -> Send:
    """Answers of the API are no pages: nothing in them runs, is framed, guessed at or kept by a browser."""
    if not path.startswith(_API):
        return send

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return guarded


_API = "/api/"
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
    }
)
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_NO_HOST = Refusal(
    400,
    "invalid_request_error",
    "host_wrong",
    "the header Host names no host; send that of the address",
)
_CROSS_SITE = Refusal(
    403,
    "invalid_request_error",
    "cross_site",
    "this came from another site; open the console itself, or send a key as 'Authorization: Bearer rw-…'",
)


def same_origin(headers: Headers) -> bool:
    """Whether a browser says that a request comes from a page of ours."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")
