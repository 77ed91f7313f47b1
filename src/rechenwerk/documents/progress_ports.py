"""How far jobs of documents are: what storage tells and views show."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Asking(msgspec.Struct, frozen=True):
    """A document about which a model is asked, and how many answers there are."""

    document_id: int
    document: str
    answers: int


class Reading(msgspec.Struct, frozen=True):
    """A document that is being read, and how many of its pages were read and kept."""

    document_id: int
    document: str
    read: int
    pages: int


class Progress(msgspec.Struct, frozen=True):
    """How far a job is.

    Attributes:
        documents: state -> how many.
        pages: read so far.
        read: documents that need not be read any more.
        characters: of text read so far.
        values: state -> how many.
        calls: booked under the job's keys, failed ones too; `cost` what they were charged, `held` what calls
            under way may cost at most; nano-units.
        waits_for: what a document that has to wait waits for; empty when none has to.
        kinds: kind -> how many documents are of it; '' for those whose kind cannot be told.
        answers: of a model, about documents that are done.
        asking: the documents in hand whose text was read.
        reading: those in hand that are being read, once it is known how many pages they have.
    """

    documents: Mapping[str, int]
    read: int
    pages: int
    characters: int
    values: Mapping[str, int]
    calls: int
    cost: int
    held: int
    waits_for: str = ""
    kinds: Mapping[str, int] = {}
    answers: int = 0
    asking: tuple[Asking, ...] = ()
    reading: tuple[Reading, ...] = ()
