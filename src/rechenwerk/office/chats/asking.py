"""The public gateway as chat calls it: over HTTP, with the caller's own key, and no other way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.ids import decode_call

_TIMEOUT = httpx2.Timeout(30.0, read=900.0)
_LARGEST_LINE = 8_000_000
_CALL = "x-request-id"
NEWS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between tries while the gateway has not heard of a key that the office knows: of a new session."""


class AskedError(RechenwerkError):
    """The gateway did not answer, or not to the end.

    Args:
        message: its one line.
        code: of its refusal, if it was one.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


Sleep = Callable[[float], Awaitable[None]]


class Gateway:
    """The public endpoint.

    Args:
        client: calls it.
        url: its address.
        sleep: how to wait between two tries.
    """

    def __init__(self, client: httpx2.AsyncClient, url: str, sleep: Sleep = asyncio.sleep) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._sleep = sleep

    async def models(self, key: str) -> list[str]:
        """What a key may call.

        Raises:
            AskedError: the gateway does not say.
        """
        async with self._asked("GET", "/v1/models", key, None) as answer:
            found = _json(await answer.aread())
        try:
            return [str(one["id"]) for one in found["data"]]
        except (KeyError, TypeError):
            raise AskedError(f"what answers at {self._url} is not a gateway") from None

    @asynccontextmanager
    async def chat(
        self, key: str, model: str, messages: Sequence[Mapping[str, Any]]
    ) -> AsyncIterator[tuple[int | None, AsyncIterator[str]]]:
        """Ask: the call's id, and the answer as it comes. Who leaves early hangs up; what came is booked.

        Raises:
            AskedError: a refusal, or the answer broke off.
        """
        body = {"model": model, "messages": messages, "stream": True}
        async with self._asked("POST", "/v1/chat/completions", key, msgspec.json.encode(body)) as answer:
            yield _call(answer.headers.get(_CALL, "")), _pieces(answer)

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, key: str, content: bytes | None
    ) -> AsyncIterator[httpx2.Response]:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        for pause in (*NEWS, None):
            request = self._client.build_request(
                method, self._url + path, headers=headers, content=content, timeout=_TIMEOUT
            )
            try:
                answer = await self._client.send(request, stream=True)
            except httpx2.HTTPError as error:
                raise AskedError(f"the gateway does not answer: {error or type(error).__name__}") from error
            try:
                if answer.status_code < 400:
                    yield answer
                    return
                code, said = _refused(answer.status_code, await answer.aread())
            except httpx2.HTTPError as error:
                raise AskedError(f"the gateway broke off: {error or type(error).__name__}") from error
            finally:
                await answer.aclose()
            if pause is None or answer.status_code != 401 or code != "invalid_api_key":
                raise AskedError(said, code)
            await self._sleep(pause)


async def _lines(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """Lines as SSE has them; a line of Unicode's is no end of one."""
    rest = b""
    async for data in answer.aiter_bytes():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _LARGEST_LINE:
            raise AskedError("the answer has a line that never ends")


async def _pieces(answer: httpx2.Response) -> AsyncIterator[str]:
    ended = False
    async for line in _lines(answer):
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            ended = True
            continue
        event = _json(data)
        if not isinstance(event, dict):
            continue
        if isinstance(event.get("error"), dict):
            told = event["error"]
            code = str(told.get("code") or "")
            raise AskedError(_line(str(told.get("message") or "the answer broke off")), code)
        for choice in event.get("choices") or ():
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield str(text)
    if not ended:
        raise AskedError("the answer broke off before its end")


def _refused(status: int, body: bytes) -> tuple[str, str]:
    found = _json(body)
    error = found.get("error") if isinstance(found, dict) else None
    error = error if isinstance(error, dict) else {}
    return str(error.get("code") or ""), _line(
        str(error.get("message") or f"the gateway answered with status {status}")
    )


def _line(text: str) -> str:
    return " ".join(text.split())[:1000]


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None


def _call(text: str) -> int | None:
    try:
        return decode_call(text)
    except RechenwerkError:
        return None
