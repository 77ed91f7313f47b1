"""The documented API as a page calls it: in this process, over ASGI, with the visitor's own key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from rechenwerk.console.words import Words

PREFIX = "/api/v1"


class Problem(msgspec.Struct, frozen=True):
    """Why the API did not do it: its one line, and the field at fault if one is."""

    status: int
    code: str
    message: str
    param: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """What the API said: a body, or a problem."""

    status: int
    body: Any
    problem: Problem | None
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.problem is None

    def part(self, name: str, otherwise: Any) -> Any:
        """A part of the body; the other thing where there is a problem."""
        return otherwise if self.problem is not None else self.body[name]


class Api:
    """Calls of one visitor. No cookie is kept and none leaves here: every request is its own.

    Args:
        app: who serves the API.
        key: what the visitor's session holds; None for nobody.
        came: the request that a browser made: from where, and to which address.
        organisation: that the visitor works in, where it is another than the key's own.
        words: the visitor's language: problems are told in it where the API or their code can.
    """

    def __init__(
        self,
        app: ASGIApp,
        key: str | None,
        came: Request,
        organisation: str | None = None,
        words: Words | None = None,
    ) -> None:
        self.words = words
        client = (came.client.host, came.client.port) if came.client is not None else ("", 0)
        self._transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=client)
        self._address = f"{came.url.scheme}://{came.url.netloc}{PREFIX}"
        self._key = key
        self._organisation = organisation

    async def get(self, path: str, **query: object) -> Answer:
        """Read. `organisation=None` asks beyond the organisation that the visitor works in."""
        return self._read(await self.raw("GET", path, None, query))

    async def send(self, method: str, path: str, body: object = None, **query: object) -> Answer:
        """Change something."""
        return self._read(await self.raw(method, path, body, query))

    async def raw(self, method: str, path: str, body: object, query: Mapping[str, object]) -> httpx2.Response:
        """The answer as it came: for files."""
        asked = {"organisation": self._organisation, **query}
        parameters: list[tuple[str, str | int | float | bool | None]] = [
            (name, str(one))
            for name, value in asked.items()
            for one in (value if isinstance(value, list) else [value])
            if one not in (None, "")
        ]
        headers = {} if self._key is None else {"authorization": f"Bearer {self._key}"}
        content = b""
        if method != "GET":
            content = msgspec.json.encode(body)
            headers |= {"content-type": "application/json"}
        try:
            request = httpx2.Request(
                method, f"{self._address}{path}", params=parameters, headers=headers, content=content
            )
        except httpx2.InvalidURL as error:  # a name or a filter that no address has room for
            return httpx2.Response(414, content=msgspec.json.encode({"error": {"message": str(error)}}))
        answer = await self._transport.handle_async_request(request)
        await answer.aread()
        return answer

    async def upload(self, path: str, pieces: AsyncIterator[bytes], **query: object) -> Answer:
        """Send a file, piece after piece."""
        asked = {"organisation": self._organisation, **query}
        request = httpx2.Request(
            "POST",
            f"{self._address}{path}",
            params={name: str(value) for name, value in asked.items() if value not in (None, "")},
            headers={} if self._key is None else {"authorization": f"Bearer {self._key}"},
            content=pieces,
        )
        answer = await self._transport.handle_async_request(request)
        await answer.aread()
        return self._read(answer)

    def _read(self, answer: httpx2.Response) -> Answer:
        headers = dict(answer.headers)
        try:
            body = msgspec.json.decode(answer.content) if answer.content else None
        except msgspec.DecodeError:
            body = None
        if answer.status_code < 400:
            return Answer(answer.status_code, body, None, headers)
        whole = body if isinstance(body, dict) else {}
        told = whole.get("error")
        told = told if isinstance(told, dict) else {}
        problem = Problem(
            answer.status_code,
            str(told.get("code") or ""),
            self._said(whole, told) or f"HTTP {answer.status_code}",
            told.get("param"),
        )
        return Answer(answer.status_code, body, problem, headers)

    def _said(self, whole: Mapping[str, Any], told: Mapping[str, Any]) -> str:
        """What went wrong: as the API says it in the visitor's language, by its code, or in English."""
        english = str(told.get("message") or "")
        if self.words is None:
            return english
        said = whole.get(f"message_{self.words.language}")
        return str(said or self.words.error(str(told.get("code") or ""), english))
