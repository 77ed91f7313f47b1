"""What tables of a plan's file share: numbers, and where a figure comes from."""

from __future__ import annotations

from typing import Literal

import msgspec

Number = int | float | str
"""12, 0.5 or "20%"."""
Status = Literal[
    "reported", "estimated", "contracted", "conditional", "announced", "letter-of-intent", "target", "assumed"
]
STATUSES: tuple[str, ...] = Status.__args__  # type: ignore[attr-defined]


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a figure comes from, from when it is, and how firm it is."""

    source: str = ""
    date: str = ""
    status: Status = "assumed"
