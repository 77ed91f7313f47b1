"""Decoding where nothing may be overlooked: what is unknown is refused with its name and place."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from rechenwerk.wire.talk import UntranslatableError

Value = TypeVar("Value")

_PLACE = re.compile(r"(.*?)(?: - at `\$\.?([^`]*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_ODD = ("Invalid enum value", "Invalid value", "Expected `null`")
"""How msgspec begins when a value is none of those that mean something here."""


def decode(decoder: msgspec.json.Decoder[Value], data: bytes | msgspec.Raw, at: str = "") -> Value:
    """Decode into Structs that forbid unknown fields.

    A field of type ``None`` is one that may be sent but has no counterpart; a ``Literal`` lists all values
    that have one.

    Args:
        decoder: of the Struct.
        data: JSON.
        at: where the data stands in the client's body, such as ``input[2]``.

    Raises:
        UntranslatableError: a field or value that is not known.
        msgspec.ValidationError: a value of the wrong type or out of range.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: no JSON that can be read.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        found = _PLACE.fullmatch(str(error))
        assert found is not None  # everything in the pattern is optional
        what, path = found.group(1), join(at, found.group(2) or "")
        unknown = _UNKNOWN.fullmatch(what)
        if unknown is not None:
            raise UntranslatableError(
                join(path, unknown.group(1)), "This field is not known here; leave it out."
            ) from None
        if what.startswith(_ODD):
            raise UntranslatableError(path, f"{what}; this cannot be passed on to every provider.") from None
        raise msgspec.ValidationError(f"{what} - at `$.{path}`" if path else what) from None


def join(at: str, name: str) -> str:
    """The path of a member."""
    return f"{at}.{name}" if at and name and not name.startswith("[") else at + name
