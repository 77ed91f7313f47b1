"""Whether a file is read at all, by its size and its content."""

from __future__ import annotations

from rechenwerk.documents.intake.kinds import FOREIGN, READ, kind_of
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError

MEGABYTE = 1_000_000
ARCHIVE = "zip"


def admitted(data: bytes, name: str, limits: Limits) -> str:
    """The kind of a file that a reader exists for, or that is an archive.

    Raises:
        RefusedError: too large, of a kind that nobody reads, or nothing in it.
    """
    if len(data) > limits.file_mb * MEGABYTE:
        raise RefusedError("too_large", got=len(data) // MEGABYTE, limit=limits.file_mb)
    kind = kind_of(data, name)
    if kind in FOREIGN:
        what, better = FOREIGN[kind]
        raise RefusedError("foreign_kind", what=what, better=better)
    if kind not in READ and kind != ARCHIVE:
        raise RefusedError("unknown_kind" if kind == "unknown" else kind)
    return kind
