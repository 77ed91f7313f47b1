"""What storage seals rows with, and what of a value is sealed.

Field, state, origin and place of a value stay readable: lists are filtered and ordered by them. What the
document says, its quote and the reasons (which quote it, too) do not.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from rechenwerk.documents.values import Evidence, Value


class Seal(Protocol):
    """Seals what rests; what is sealed for one row opens in no other."""

    def seal_row(self, organisation: int, what: str, data: bytes) -> bytes:
        """The data, unreadable without the installation's key. Raises SetupError: there is none."""
        ...

    def open_row(self, organisation: int, what: str, sealed: bytes) -> bytes:
        """The same, opened. Raises RechenwerkError: another key, or another row's."""
        ...


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What of a value is sealed; see `values.Value`."""

    value: Any = None
    evidence: Evidence | None = None
    reasons: tuple[str, ...] = ()


def value_place(document: int, field: str) -> str:
    """What a value's seal is bound to."""
    return f"value/{document}/{field}"


def decision_place(document: int, field: str, version: int) -> str:
    """What a decision's seal is bound to."""
    return f"decision/{document}/{field}/{version}"


def seal_said(seal: Seal, organisation: int, document: int, value: Value) -> bytes | None:
    """What a value says, sealed; None where it says nothing."""
    said = Said(value.value, value.evidence, value.reasons)
    if said == Said():
        return None
    data = msgspec.msgpack.encode(said)
    return seal.seal_row(organisation, value_place(document, value.field), data)


def open_said(seal: Seal, organisation: int, document: int, field: str, sealed: bytes | None) -> Said:
    """The same, opened."""
    if sealed is None:
        return Said()
    data = seal.open_row(organisation, value_place(document, field), sealed)
    return msgspec.msgpack.decode(data, type=Said)
