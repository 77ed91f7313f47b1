"""Errors in Anthropic's dialect.

Shapes: the API reference's page on errors, and the SDK's ``ErrorResponse`` and ``ErrorType``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.openai import read_error

_KINDS: tuple[tuple[str, int, str, str | None], ...] = (
    ("invalid_request_error", 400, "invalid_request_error", None),
    ("authentication_error", 401, "invalid_request_error", "invalid_api_key"),
    ("billing_error", 402, "insufficient_quota", "insufficient_quota"),
    ("permission_error", 403, "invalid_request_error", "permission_denied"),
    ("not_found_error", 404, "invalid_request_error", "not_found"),
    ("conflict_error", 409, "invalid_request_error", "conflict"),
    ("request_too_large", 413, "invalid_request_error", "request_too_large"),
    ("rate_limit_error", 429, "rate_limit_error", "rate_limit_exceeded"),
    ("api_error", 500, "server_error", None),
    ("overloaded_error", 503, "server_error", "overloaded"),
    ("timeout_error", 504, "server_error", "timeout"),
    ("overloaded_error", 529, "server_error", "overloaded"),
)
"""Anthropic's type, its status, our words of type and code. Of two for a type the last is Anthropic's."""


class _Details(msgspec.Struct, gc=False):
    error_code: str | None = None


class _Error(msgspec.Struct, gc=False):
    type: str
    message: str
    details: _Details | None = None


class _ErrorBody(msgspec.Struct, gc=False):
    error: _Error


_error_body = msgspec.json.Decoder(_ErrorBody)
_error = msgspec.json.Decoder(_Error)


def error_body(refusal: Refusal) -> bytes:
    """The body of an error answer."""
    kind = next((kind for kind, status, _, _ in _KINDS if status == refusal.status), None)
    if kind is None:
        kind = "api_error" if refusal.status >= 500 else "invalid_request_error"
    error: dict[str, Any] = {"type": kind, "message": refusal.message}
    if refusal.code is not None:
        error["details"] = {"error_code": refusal.code}
    return msgspec.json.encode({"type": "error", "error": error})


def error_event(refusal: Refusal) -> bytes:
    """The same as an event that ends a stream."""
    return b"event: error\ndata: %b\n\n" % error_body(refusal)


def error_refusal(status: int, body: bytes) -> Refusal:
    """A provider's error in our words; one that is not Anthropic's is read as any other."""
    try:
        seen = _error_body.decode(body).error
    except (ValueError, RecursionError):
        return read_error(status, body)
    return _refusal(seen, status)


def stream_refusal(error: bytes | msgspec.Raw) -> Refusal:
    """An error inside of a stream, which has no status of its own but that of its type."""
    try:
        seen = _error.decode(bytes(error))
    except (ValueError, RecursionError):
        return Refusal(502, "server_error", None, "The provider ended the stream with an error.")
    return _refusal(seen, None)


def _refusal(error: _Error, status: int | None) -> Refusal:
    known = next((one for one in reversed(_KINDS) if one[0] == error.type), None)
    if known is None:
        kind = "invalid_request_error" if status is not None and status < 500 else "server_error"
        known = (error.type, 502, kind, None)
    _, usual, kind, code = known
    code = (error.details and error.details.error_code) or code
    return Refusal(status or usual, kind, code, error.message)
