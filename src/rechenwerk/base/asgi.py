"""The few ASGI pieces that the servers of local models share: read a body, answer JSON, answer an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from rechenwerk.base.errors import bad_request, error_document, unavailable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = b"application/json"


class BadRequestError(Exception):
    """The client's request cannot be served as it is; the message says what to change.

    Args:
        message: one line.
        param: the field at fault.
    """

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def decode(body: bytes) -> dict[str, Any]:
    """A JSON object, or BadRequestError."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise BadRequestError(f"the body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequestError("the body must be a JSON object")
    return value


async def answer(send: Send, status: int, body: bytes, content_type: bytes = JSON) -> None:
    """A whole response in one piece."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, message: str, param: str | None = None) -> None:
    """An error in OpenAI's shape."""
    why = (
        bad_request(message, param, status=status)
        if status < 500
        else unavailable(message, "model_unavailable", status)
    )
    await answer(send, status, msgspec.json.encode(error_document(why)))
