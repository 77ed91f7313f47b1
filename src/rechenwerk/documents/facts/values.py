"""Facts of documents, what they come to together, and where they contradict each other."""

from __future__ import annotations

from datetime import date

import msgspec

from rechenwerk.documents.values import Amount, Days, Evidence

STATUSES = ("reported", "contracted", "planned", "target", "estimated", "conditional")


class Article(msgspec.Struct, frozen=True):
    """A document that facts are taken from.

    Args:
        document: its id.
        text: as it was parsed; offsets of evidence count in it.
        language: 'de', 'en' or '' where unknown.
        date: of the document, for 'im vergangenen Jahr'.
        title: its headline, where that does not stand in the text.
        page_ends: offsets behind its pages; empty for one page.
    """

    document: str
    text: str
    language: str = ""
    date: date | None = None
    title: str = ""
    page_ends: tuple[int, ...] = ()


class Fact(msgspec.Struct, frozen=True):
    """What a document says: who, what, how much, for when, and how firm it is.

    Args:
        document: its id.
        who: as it stands in the text; '' where nobody is named.
        what: the topic ('revenue', 'loss', 'commitment'), or the head word as it stands, normalised.
        kind: 'money', 'number' or 'percent'.
        amount: with its qualifier.
        status: one of STATUSES.
        evidence: quote of the figure, and the word that says what it is as its label.
        period: None where the document does not say.
        whom: the other party ('Oracle' of a commitment), as it stands; ''.
        part: what the figure is restricted to ('davon in Deutschland'), normalised; ''.
        negated: the document says that it is not so.
        sentence: where the figure stands, for showing.
        entity, other: who and whom as one name for all documents, once they are resolved.
    """

    document: str
    who: str
    what: str
    kind: str
    amount: Amount
    status: str
    evidence: Evidence
    period: Days | None = None
    whom: str = ""
    part: str = ""
    negated: bool = False
    sentence: str = ""
    entity: str = ""
    other: str = ""


class Statement(msgspec.Struct, frozen=True):
    """The same fact in all documents that have it.

    Args:
        entity, other, what, kind, part, period: what it is about; `period` None where no document says.
        status: of the first.
        facts: every document's, copies of one text beside each other.
        sources: how many documents say so, copies of one text counted once.
    """

    entity: str
    what: str
    kind: str
    facts: tuple[Fact, ...]
    sources: int
    status: str
    other: str = ""
    part: str = ""
    period: Days | None = None

    @property
    def single(self) -> bool:
        """Whether only one source has it."""
        return self.sources == 1


class Contradiction(msgspec.Struct, frozen=True):
    """The same fact with values that cannot both be true.

    Args:
        statement: what it is about.
        left, right: one fact of each side; their evidence are the quotes to show side by side.
        why: one line.
    """

    statement: Statement
    left: Fact
    right: Fact
    why: str


class Reconciled(msgspec.Struct, frozen=True):
    """What a set of documents says together.

    Args:
        statements: each fact once.
        contradictions: pairs that cannot both be true.
        copies: groups of documents that are copies of one text, the first one leading.
    """

    statements: tuple[Statement, ...]
    contradictions: tuple[Contradiction, ...]
    copies: tuple[tuple[str, ...], ...] = ()
