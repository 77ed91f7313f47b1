"""What extraction takes from the organisation's own training: an extractor and a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rechenwerk.documents.values import Word


class Found(Protocol):
    """A value that a trained extractor found: `text[start:end]` for a field, and how sure it is, 0 to 1."""

    @property
    def field(self) -> str:
        """The field's name."""
        ...

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def end(self) -> int:
        """Where it ends."""
        ...

    @property
    def confidence(self) -> float:
        """0 to 1."""
        ...


class Trained(Protocol):
    """An organisation's own extractor, trained on what its people labelled and corrected."""

    def find(self, text: str, words: Sequence[Word] = ()) -> Sequence[Found]:
        """Values in a text; offsets are of the text."""
        ...


class Kind(Protocol):
    """A kind of document that a trained classifier tells, and how sure it is, 0 to 1."""

    @property
    def label(self) -> str:
        """The kind's name."""
        ...

    @property
    def confidence(self) -> float:
        """0 to 1."""
        ...


class TrainedClassifier(Protocol):
    """An organisation's own classifier of documents."""

    async def classify(self, text: str) -> Sequence[Kind]:
        """All kinds that it knows, the surest first."""
        ...
