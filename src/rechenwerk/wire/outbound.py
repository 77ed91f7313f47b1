"""What the dialects of providers that are not OpenAI's share: turns joined by side, arguments, refusals."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.talk import (
    Failed,
    Part,
    Piece,
    Reported,
    Talk,
    Text,
    ToolUse,
    UntranslatableError,
)

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding a provider's body can raise."""

NULL = msgspec.Raw(b"null")
"""A union of Raw and None would decode null only, so null is the value of a missing member."""

Value = TypeVar("Value")

_MOST = 1 << 40
_THEIRS = frozenset({408, 424})
"""Statuses below 500 with which Bedrock says that its model was too slow or broke."""

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(decoder: msgspec.json.Decoder[Value], data: bytes | msgspec.Raw) -> Value:
    """A provider's JSON.

    Raises:
        ValueError: it cannot be read; nesting without end included.
    """
    try:
        return decoder.decode(data)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


class Side(msgspec.Struct, frozen=True):
    """Successive turns of one side; each part with its place in the conversation."""

    role: Literal["user", "assistant"]
    parts: list[tuple[str, Part]]


def sides(talk: Talk, provider: str) -> tuple[list[str], list[Side]]:
    """The system's words, and the turns, successive ones of a side joined; empty words are left out.

    Raises:
        UntranslatableError: the system speaks after somebody else did.
    """
    system: list[str] = []
    found: list[Side] = []
    for at, turn in enumerate(talk.turns):
        if turn.role == "system":
            if found:
                raise UntranslatableError(
                    f"messages[{at}]", f"{provider} hears the system first only; move it to the front."
                )
            system += [part.text for part in turn.parts if isinstance(part, Text) and part.text]
            continue
        if not found or found[-1].role != turn.role:
            found.append(Side(turn.role, []))
        found[-1].parts.extend(
            (f"messages[{at}].content[{nth}]", part)
            for nth, part in enumerate(turn.parts)
            if not (isinstance(part, Text) and not part.text)
        )
    return system, [side for side in found if side.parts]


def arguments(part: ToolUse, field: str) -> dict[str, msgspec.Raw]:
    """The arguments of a tool call; no text at all means none.

    Raises:
        UntranslatableError: they are no JSON object.
    """
    try:
        return _object.decode(part.arguments.strip() or "{}")
    except UNREADABLE as error:
        raise UntranslatableError(field, "The arguments of a tool call must be a JSON object.") from error


def reported(raw: msgspec.Raw, *buckets: int, tier: str = "") -> Reported | None:
    """Usage in the first buckets' order; None when the counts make no sense."""
    if min(buckets) < 0 or max(buckets) > _MOST:
        return None
    return Reported(Usage(*buckets), bytes(raw).decode("utf-8", "replace"), tier)


def whole(pieces: list[Piece]) -> list[Piece]:
    """The same pieces.

    Raises:
        ValueError: the last says that the model failed: this is no answer.
    """
    match pieces[-1]:
        case Failed(told):
            raise ValueError(told.message)
    return pieces


def refusal(status: int, code: str | None, message: str | None, retry_after: int | None = None) -> Refusal:
    """A provider's error in our words of type; `code` is the provider's own, its message is kept."""
    kind = "server_error" if status >= 500 or status in _THEIRS else "invalid_request_error"
    return Refusal(
        status,
        "rate_limit_error" if status == 429 else kind,
        code,
        message or f"The provider answered with status {status}.",
        None,
        retry_after,
    )


def excerpt(body: bytes) -> str | None:
    """The beginning of an error body in no known shape."""
    return body[:300].decode("utf-8", "replace").strip() or None
