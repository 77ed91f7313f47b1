"""Calls with an Idempotency-Key: served and booked once, however often they are sent."""

from __future__ import annotations

import hashlib

from rechenwerk.base.errors import RechenwerkError, Refusal, bad_request
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.ports import Source, Stored
from rechenwerk.gateway.refusals import BOOKS_DOWN
from rechenwerk.gateway.server import HttpRequest

_MAX_KEY = 255
_RUNNING = bad_request(
    "A call with this Idempotency-Key is still running; wait for it.",
    code="idempotency_in_progress",
    status=409,
)
_REUSED = bad_request(
    "This Idempotency-Key was used with another body; use a new key.",
    code="idempotency_key_reused",
    status=422,
)


def _key(http: HttpRequest) -> str | None:
    name = http.headers.get(b"idempotency-key")
    return None if name is None else name.decode("latin-1")


class Answers:
    """Stored answers of calls that came with an Idempotency-Key; calls without one pass untouched.

    Args:
        source: where answers are kept.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    async def claim(self, http: HttpRequest, call: Call) -> Stored | Refusal | None:
        """The stored answer of a repeated call, why it gets none, or None when it is to be served."""
        name = _key(http)
        if name is None:
            return None
        if not 1 <= len(name) <= _MAX_KEY:
            return bad_request(
                f"An Idempotency-Key has 1 to {_MAX_KEY} characters, not {len(name)}.",
                code="idempotency_key_invalid",
            )
        digest = hashlib.sha256(call.endpoint.encode() + b"\0" + http.body).digest()
        try:
            stored = await self._source.claim(call.tenant.row, name, digest)
        except (OSError, RechenwerkError):
            return BOOKS_DOWN
        if stored.state == "mine":
            return None
        if stored.state == "done":
            return stored
        return _RUNNING if stored.state == "running" else _REUSED

    async def keep(self, http: HttpRequest, call: Call, kind: str, body: bytes) -> None:
        """Keep the whole answer of a call that was served."""
        name = _key(http)
        if name is not None:
            await self._source.keep(call.tenant.row, name, Stored("done", 200, kind, body, call.id))

    async def release(self, http: HttpRequest, call: Call) -> None:
        """A call without a whole answer may be tried again under its key."""
        name = _key(http)
        if name is not None:
            await self._source.release(call.tenant.row, name)
