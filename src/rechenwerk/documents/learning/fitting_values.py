"""What an extractor learns from."""

from __future__ import annotations

import msgspec

from rechenwerk.documents.learning.examples import Span
from rechenwerk.documents.values import Word


class Marked(msgspec.Struct, frozen=True):
    """A document whose values are known.

    Args:
        words: with boxes, where the format has pages.
        spans: the values; fields that a document does not have are taken as absent.
        source: where it came from.
    """

    text: str
    spans: tuple[Span, ...]
    words: tuple[Word, ...] = ()
    source: str = ""
