"""What goes to the training process, and what comes back. msgpack over pipes."""

from __future__ import annotations

import msgspec

from rechenwerk.documents.learning.examples import Example
from rechenwerk.documents.learning.fitting_values import Marked
from rechenwerk.documents.learning.reports import Report


class Task(msgspec.Struct, frozen=True):
    """Train a classifier from examples, or an extractor from marked documents.

    Args:
        vectors: float32, a row per example; empty without an embedder.
        embedder: the model that made them.
        schema: of an extractor.
    """

    kind: str
    examples: tuple[Example, ...] = ()
    vectors: bytes = b""
    embedder: str = ""
    schema: str = ""
    documents: tuple[Marked, ...] = ()
    seed: int = 0


class Done(msgspec.Struct, frozen=True):
    """A trained model with its report, or what was wrong with the examples."""

    artefact: bytes = b""
    report: Report | None = None
    fault: str = ""
