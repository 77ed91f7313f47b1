"""Which jobs, values and decisions are wanted of storage."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Chosen(msgspec.Struct, frozen=True):
    """Which values of a job, in the order of the documents and their schema.

    Attributes:
        states: only these; empty for all.
        factual: only those that facts are made of: the documents' dates and rows of figures.
        after: document and place of the last one seen.
        until: the last document; None for the job's last.
        limit: how many at most; None for all.
        named: only of documents with this in their name.
    """

    states: Sequence[str] = ()
    factual: bool = False
    after: tuple[int, int] = (0, 0)
    until: int | None = None
    limit: int | None = None
    named: str = ""


EVERY = Chosen()


class Wanted(msgspec.Struct, frozen=True):
    """Which jobs of an organisation, newest first.

    Attributes:
        before: older than this one; None from the newest on.
        state: only these; None for all.
        named: only those with this in their name.
        limit: how many at most.
    """

    before: int | None = None
    state: str | None = None
    named: str = ""
    limit: int = 50


class Stretch(msgspec.Struct, frozen=True):
    """Which decisions, oldest first.

    Attributes:
        after: those with a greater id.
        limit: how many at most; None for all.
        newest: whether a limit keeps the newest of them, instead of the oldest.
    """

    after: int = 0
    limit: int | None = None
    newest: bool = False


ALL = Stretch()
