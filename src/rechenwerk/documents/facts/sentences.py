"""Sentences and clauses, with figures that must not be cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from rechenwerk.documents.values import Figure

_END = re.compile(r"[.!?][\"“”»«')\]]*(?=\s+[\"„“»(]?[A-ZÄÖÜ0-9])|\n\s*\n|\n(?=[A-ZÄÖÜ•*-])|$")
_SHORT = re.compile(
    r"(?:\b(?:Mrd|Mio|Mill|Tsd|ca|bzw|z\.B|u\.a|d\.h|Dr|Prof|Nr|Str|St|vgl|inkl|zzgl|Inc|Corp|Ltd|Co"
    r"|Mr|Mrs|Ms|vs|approx"
    r"|No|U\.S|Jan|Feb|Aug|Sept|Okt|Oct|Nov|Dez|Dec)|\b[A-Z])\.$"
)
_CLAUSE = re.compile(
    r"[;:]\s|,\s|\s[-\u2013]\s|\s(?:und|and|während|while|but|aber|sowie|whereas|wobei|nach|after"
    r"|gegenüber|compared)\s",
    re.IGNORECASE,
)


class Sentence(NamedTuple):
    """A sentence: offsets, and those of its clauses."""

    start: int
    end: int
    clauses: tuple[tuple[int, int], ...]


def _inside(at: int, figures: Sequence[Figure]) -> bool:
    return any(figure.start < at < figure.end for figure in figures)


def sentences(text: str, figures: Sequence[Figure]) -> list[Sentence]:
    """The sentences of a text.

    Args:
        text: of a document.
        figures: all of it, in order; a full stop within one ends nothing.
    """
    found = []
    begin, at = 0, 0
    for end in _END.finditer(text):
        stop = end.end()
        while at < len(figures) and figures[at].end <= end.start():
            at += 1
        if _inside(end.start() + 1, figures[at : at + 2]) or (
            text[end.start() : end.start() + 1] == "."
            and _SHORT.search(text, max(0, end.start() - 8), end.start() + 1)
        ):
            continue
        if text[begin:stop].strip():
            lead = len(text[begin:stop]) - len(text[begin:stop].lstrip())
            found.append(_split(text, begin + lead, stop, figures))
        begin = stop
    return found


def _split(text: str, start: int, end: int, figures: Sequence[Figure]) -> Sentence:
    """A sentence with its clauses."""
    cuts = [start]
    cuts += [
        cut.start() for cut in _CLAUSE.finditer(text, start, end) if not _inside(cut.start() + 1, figures)
    ]
    cuts.append(end)
    return Sentence(start, end, tuple(pairwise(cuts)))
