"""What the clients of each endpoint speak: how their bodies are peeked at, how they are told of errors."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.server import HttpRequest
from rechenwerk.gateway.ways import MESSAGES_IN
from rechenwerk.routing.supply import CLASSES
from rechenwerk.wire import anthropic, rerank, responses_out
from rechenwerk.wire.openai import Endpoint, Request, read_request, refuse_value, unreadable
from rechenwerk.wire.talk import UntranslatableError

_MESSAGES = frozenset({"messages", "count_tokens"})
_PLAIN = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""What a string of a header may hold as it is; anything else is percent-encoded."""
_CLASS = b"x-rechenwerk-class"
_PURPOSE = b"x-rechenwerk-purpose"
_LONGEST_PURPOSE = 200


def peek(call: Call) -> Request | Refusal:
    """What the road needs to know of a body, or why it cannot be served."""
    match call.endpoint:
        case "messages":
            return anthropic.read_peek(call.asked)
        case "rerank":
            return rerank.read_rerank(call.asked)
        case "responses":
            return responses_out.read_peek(call.asked)
    return read_request(call.asked)


def refuse_body(error: Exception) -> Refusal:
    """The refusal of a body that cannot be read, or that no provider of the model can be told."""
    if isinstance(error, UntranslatableError):
        return bad_request(f"{error.field}: {error.why}", error.field, "unsupported_parameter")
    if isinstance(error, msgspec.ValidationError):
        return refuse_value(error)
    return unreadable(error)


def forwarded(http: HttpRequest, endpoint: Endpoint) -> bytes:
    """Header lines that mean something to a provider of the client's own dialect.

    The version of Anthropic's API belongs to the body: a body that passes unchanged goes with its version.
    """
    if endpoint not in _MESSAGES:
        return b""
    version = http.headers.get(b"anthropic-version", b"2023-06-01")
    lines = b"anthropic-version: %s\r\n" % version
    beta = http.headers.get(b"anthropic-beta")
    return lines if beta is None else lines + b"anthropic-beta: %s\r\n" % beta


def service_class(http: HttpRequest, own: str) -> str | Refusal:
    """The service class of a call: its project's, or a lower one that the client asks for.

    Args:
        http: whose ``x-rechenwerk-class`` may ask for one.
        own: of the project.
    """
    asked = http.headers.get(_CLASS)
    if asked is None:
        return own
    wanted = asked.decode("ascii", "replace").strip().lower()
    if wanted not in CLASSES:
        return bad_request(
            f"There is no service class {wanted[:40]!r}; {_CLASS.decode()} is one of {', '.join(CLASSES)}.",
            _CLASS.decode(),
        )
    if CLASSES.index(wanted) < CLASSES.index(own):
        return bad_request(
            f"This project's calls are {own}; {_CLASS.decode()} can lower that, not raise it to {wanted}."
            " Ask your operator for a higher one.",
            _CLASS.decode(),
            "class_not_allowed",
            403,
        )
    return wanted


def purpose(http: HttpRequest) -> str:
    """What a call is for, as its client says: some grants are for some purposes only."""
    said = http.headers.get(_PURPOSE)
    return "" if said is None else said.decode("ascii", "replace").strip()[:_LONGEST_PURPOSE]


def name_lines(endpoint: Endpoint | None, name: str) -> bytes:
    """The header lines that name an answer. Anthropic's clients look for another one than OpenAI's."""
    text = name.encode()
    line = b"x-request-id: %s\r\n" % text
    return line + b"request-id: %s\r\n" % text if endpoint in _MESSAGES else line


def decision_line(decision: str, *, priced: bool) -> bytes:
    """The header line that says why a call went where it went: a dictionary as in RFC 8941.

    Args:
        decision: as it is kept with the call.
        priced: prices may be told: the operator asks.
    """
    kept = msgspec.json.decode(decision)
    shown = {name: kept[name] for name in ("deployment", "contract", "reason", "plan") if name in kept}
    if priced:
        shown |= {f"price-{name.replace('_', '-')}": value for name, value in kept.get("price", {}).items()}
    words = [f'{name}="{quote(str(value), safe=_PLAIN)}"' for name, value in shown.items()]
    return f"x-rechenwerk-decision: {', '.join(words)}\r\n".encode()


def error_of(endpoint: Endpoint, refusal: Refusal) -> bytes | None:
    """The body of an error in the words of an endpoint's clients; None for OpenAI's, the usual one."""
    return MESSAGES_IN.error(refusal) if endpoint in _MESSAGES else None
