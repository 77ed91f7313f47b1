"""Calls with an Idempotency-Key: served and booked once, however often they are sent."""

from __future__ import annotations

import hashlib

import msgspec

from rechenwerk.base.errors import RechenwerkError, Refusal, bad_request
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.ports import KeyRow, Source, Stored
from rechenwerk.gateway.refusals import BOOKS_DOWN
from rechenwerk.gateway.server import HttpRequest
from rechenwerk.identity.secrets import SecretBox, answer_context

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
_NO_KEY = bad_request(
    "The stored answer of this Idempotency-Key does not open with this gateway's RECHENWERK_SECRET_KEY; "
    "use a new key, or ask your operator.",
    code="answer_sealed",
    status=503,
)


def _key(http: HttpRequest) -> str | None:
    name = http.headers.get(b"idempotency-key")
    return None if name is None else name.decode("latin-1")


class Answers:
    """Stored answers of calls that came with an Idempotency-Key; calls without one pass untouched.

    Args:
        source: where answers are kept.
        box: seals them; None where this installation has no key: then they are kept as they are.
    """

    def __init__(self, source: Source, box: SecretBox | None = None) -> None:
        self._source = source
        self._box = box

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
            return self._opened(call.tenant.row, name, stored)
        return _RUNNING if stored.state == "running" else _REUSED

    async def keep(self, http: HttpRequest, call: Call, kind: str, body: bytes) -> None:
        """Keep the whole answer of a call that was served."""
        name = _key(http)
        if name is not None:
            row, box = call.tenant.row, self._box
            kept = body if box is None else box.seal_bytes(body, _context(row, name))
            answer = Stored("done", 200, kind, kept, call.id, sealed=box is not None)
            await self._source.keep(row, name, answer)

    async def release(self, http: HttpRequest, call: Call) -> None:
        """A call without a whole answer may be tried again under its key."""
        name = _key(http)
        if name is not None:
            await self._source.release(call.tenant.row, name)

    def _opened(self, row: KeyRow, name: str, stored: Stored) -> Stored | Refusal:
        if not stored.sealed:
            return stored
        if self._box is None:
            return _NO_KEY
        try:
            body = self._box.open_bytes(stored.body, _context(row, name))
        except RechenwerkError:
            return _NO_KEY
        return msgspec.structs.replace(stored, body=body, sealed=False)


def _context(row: KeyRow, name: str) -> bytes:
    return answer_context(row.organisation, row.project, f"once/{name}")
