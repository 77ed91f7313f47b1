"""A visit: one request of a browser, with who asks, in which language, and how pages answer."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import jinja2
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rechenwerk.base.clock import Clock
from rechenwerk.base.reasons import german
from rechenwerk.console.api import PREFIX, Answer, Api, Problem
from rechenwerk.console.assets import Assets
from rechenwerk.console.figures import Figures
from rechenwerk.console.navigation import Entry, entries
from rechenwerk.console.words import Words, choose

SESSION = "rw_session"
LANGUAGE = "rw_language"
THEME = "rw_theme"
ORGANISATION = "rw_organisation"
FLASH = "rw_flash"
ROOT = "/console"
SIGN_IN = f"{ROOT}/sign-in"
THEMES = ("auto", "light", "dark")
_LARGEST_FORM = 1_100_000
_FIELDS = 500
_NAMED = frozenset({"data_class"})
"""Values of reasons that people call otherwise."""


class Me(msgspec.Struct, frozen=True):
    """Who visits.

    Attributes:
        email: None for a program's key.
        name: of the person; of a key, where it is no person's session.
        organisation: that is worked in.
        organisations: that can be changed to.
        role: empty for a key.
        project: pays for what is asked of models.
        language: that was chosen for all visits; empty for the browser's.
    """

    email: str | None
    name: str
    organisation: str
    organisations: Sequence[str]
    role: str
    project: str
    scopes: Sequence[str]
    language: str
    has_password: bool

    def may(self, *scopes: str) -> bool:
        """Whether one of these is there; the operator may everything."""
        return "operator" in self.scopes or not set(scopes).isdisjoint(self.scopes)


class Console(msgspec.Struct, frozen=True):
    """What all visits share."""

    office: Any
    """The API's ASGI application."""
    clock: Clock
    templates: jinja2.Environment
    assets: Assets
    words: Mapping[str, Words]
    gateway_port: int
    """Where models are called, on the host that the console is seen at."""


def here(path: str) -> str:
    """A path to go back to, if it is one of the console's own pages; else its first one."""
    parts = urlsplit(path)
    way = unquote(unquote(parts.path))
    own = parts.path == ROOT or parts.path.startswith(f"{ROOT}/")
    # As it stands, not as it was read: reading drops blanks before it.
    plain = path.startswith("/") and "\\" not in path and path.isprintable()
    plain = plain and not parts.scheme and not parts.netloc
    return path if own and plain and "/../" not in f"{way}/" and "\\" not in way else f"{ROOT}/"


def with_query(path: str, /, **query: object) -> str:
    """An address; what is empty is left out, a list is said several times."""
    text = urlencode({name: one for name, one in query.items() if one not in (None, "", [])}, doseq=True)
    return f"{path}?{text}" if text else path


class Visit:
    """One request.

    Args:
        request: of the browser.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.console: Console = request.app.state.console
        cookies = request.cookies
        self.key = cookies.get(SESSION) or None
        self.language = choose(request.headers.get("accept-language", ""), cookies.get(LANGUAGE))
        self.theme = cookies.get(THEME) if cookies.get(THEME) in THEMES else "auto"
        self.t = self.console.words[self.language]
        self.now = datetime.fromtimestamp(self.console.clock.now(), UTC)
        self.figures = Figures(self.language, self.now)
        self.me: Me | None = None
        self.elsewhere = ""
        """The organisation that the operator works in, where it is not the key's own."""
        self.api = Api(self.console.office, self.key, request, words=self.t)

    # -- asking ---------------------------------------------------------------------------------------

    async def enter(self) -> Answer:
        """Find out who visits, and in which organisation."""
        answer = await self.get("/me")
        if not answer.ok:
            return answer
        found = answer.body
        own, names = found["organisation"], [one["organisation"] for one in found["organisations"]]
        if "operator" in found["scopes"]:
            others = await self.get("/organisations")
            names += [one["name"] for one in others.part("organisations", []) if one["name"] not in names]
        wished = unquote(self.request.cookies.get(ORGANISATION, ""))
        if wished != own and wished in names and "operator" in found["scopes"]:
            self.api = Api(self.console.office, self.key, self.request, wished, self.t)
            self.elsewhere = wished
        language = found["language"]
        if language in self.console.words and LANGUAGE not in self.request.cookies:
            self.speak(language)
        facts = {**found, "organisation": self.elsewhere or own, "organisations": names}
        self.me = msgspec.convert({**facts, "role": found["role"] or ""}, Me, strict=False)
        return answer

    def speak(self, language: str) -> None:
        """Go on in another language."""
        self.language, self.t = language, self.console.words[language]
        self.api.words = self.t
        self.figures = Figures(language, self.now)

    def may(self, *scopes: str) -> bool:
        """Whether the visitor has one of these."""
        return self.me is not None and self.me.may(*scopes)

    @property
    def gateway(self) -> str:
        """The address at which models are called, as this browser would write it."""
        url = self.request.url
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        return f"{url.scheme}://{host}:{self.console.gateway_port}"

    @property
    def events(self) -> str:
        """Where a page hears that something has changed."""
        return self.direct("/events")

    @property
    def month(self) -> str:
        """The month that it is, as the books call it."""
        return self.now.strftime("%Y-%m")

    def direct(self, path: str, /, **query: object) -> str:
        """The API's own address of something that the browser asks for itself."""
        return with_query(f"{PREFIX}{path}", organisation=self.elsewhere, **query)

    @property
    def query(self) -> dict[str, str]:
        """What the address asks for."""
        return {name: value[:1000] for name, value in self.request.query_params.items()}

    async def form(self) -> dict[str, str]:
        """The fields of a form that was sent; of several with one name the last."""
        return dict(await self.fields())

    async def fields(self) -> list[tuple[str, str]]:
        """The fields of a form that was sent, in their order."""
        body = bytearray()
        async for piece in self.request.stream():
            body += piece
            if len(body) > _LARGEST_FORM:
                raise HTTPException(413, self.t("problem.too_large", most=self.figures.number(_LARGEST_FORM)))
        try:
            found = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS)
        except ValueError:
            raise HTTPException(413, self.t("problem.too_many", most=_FIELDS)) from None
        return [(name, value.replace("\r\n", "\n")) for name, value in found]

    async def get(self, path: str, **query: object) -> Answer:
        """Read from the API."""
        return await self.api.get(path, **query)

    async def send(self, method: str, path: str, body: object = None, **query: object) -> Answer:
        """Change something by the API."""
        return await self.api.send(method, path, body, **query)

    # -- answering ------------------------------------------------------------------------------------

    def render(
        self, template: str, status: int | None = None, problem: Problem | None = None, **context: object
    ) -> HTMLResponse:
        """A page; with the status of the problem that it shows, where none is given."""
        if status is None:
            status = 200 if problem is None else problem.status if problem.status < 600 else 502
        told = self.request.cookies.get(FLASH, "")
        name, _, value = unquote(told).partition("|")
        page = self.console.templates.get_template(template).render(
            t=self.t,
            f=self.figures,
            visit=self,
            me=self.me,
            asset=self.console.assets.url,
            navigation=self.navigation(),
            flash=self.t(f"flash.{name}", value=value) if self._is_flash(name) else "",
            problem=problem,
            **context,
        )
        answer = HTMLResponse(page, status)
        if told:
            answer.delete_cookie(FLASH, path=ROOT)
        return answer

    def _is_flash(self, name: str) -> bool:
        return bool(name) and bool(self.t.of("flash", name) != name)

    def navigation(self) -> list[Entry]:
        """Where this visitor may go."""
        return [] if self.me is None else [one for one in entries() if self.me.may(*one.scopes)]

    def go(self, path: str, flash: str = "", value: str = "", cookies: Answer | None = None) -> Response:
        """Go to another page of the console, with a message on it.

        Args:
            path: of the page.
            flash: name of the message; '' for none.
            value: that it names.
            cookies: an answer of the API whose cookies go to the browser.
        """
        answer = RedirectResponse(here(path), 303)
        if cookies is not None and "set-cookie" in cookies.headers:
            answer.headers.append("set-cookie", cookies.headers["set-cookie"])
        if flash:
            text = quote(f"{flash}|{value[:200]}", safe="")
            answer.set_cookie(FLASH, text, max_age=60, path=ROOT, httponly=True, samesite="lax")
        return answer

    def failed(self, answer: Answer) -> HTMLResponse:
        """A page that says why there is nothing else on it."""
        assert answer.problem is not None
        return self.render("problem.html", problem=answer.problem)

    def no(self, what: str, name: str) -> Problem:
        """There is nothing of that name."""
        return Problem(404, f"{what}_not_found", self.t(f"problem.no_{what}", name=name))

    def said(self, row: Mapping[str, Any], name: str) -> str:
        """A text of the API that may stand there in the visitor's language too."""
        return str(row.get(f"{name}_{self.language}") or row[name])

    def why(self, row: Mapping[str, Any], name: str = "reason") -> str:
        """A reason of the API in the visitor's language; in English where its codes were not kept."""
        told = row.get(f"{name}_told") or []
        named = [
            {key: self.t.of(key, value) if key in _NAMED else value for key, value in one.items()}
            for one in told
        ]
        return (german(named) if self.language == "de" else "") or str(row.get(name) or "")

    @property
    def part(self) -> str:
        """The part of the page that alone was asked for, by htmx; '' for all of it."""
        return self.request.headers.get("hx-target", "") if self.partial else ""

    @property
    def partial(self) -> bool:
        """Whether only a part of the page was asked for, by htmx."""
        return self.request.headers.get("hx-request") == "true"


Page = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def public(handler: Page) -> Endpoint:
    """A page for everybody, signed in or not."""

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        return await handler(Visit(request))

    return endpoint


def page(handler: Page) -> Endpoint:
    """A page for those who signed in; others are sent to do so, and come back."""

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        visit = Visit(request)
        answer = await visit.enter() if visit.key is not None else None
        if answer is not None and answer.ok:
            return await handler(visit)
        if answer is not None and answer.status != 401:
            return visit.failed(answer)
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = f"{SIGN_IN}?{urlencode({'to': here(back)})}" if request.method == "GET" else SIGN_IN
        if visit.partial:
            return Response(status_code=204, headers={"hx-redirect": target})
        return RedirectResponse(target, 303)

    return endpoint
