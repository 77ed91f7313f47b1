"""The truth about figures, read from `tests/golden/figures`, and who is right about it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from rechenwerk.documents.figures import find
from rechenwerk.documents.values import Amount, Days, Figure

GOLDEN = Path(__file__).parent.parent / "golden" / "figures"
FILES = ("german.txt", "english.txt")


class Case(NamedTuple):
    """A line of the truth.

    Args:
        line: as it stands.
        held: whether it belongs to the half that nobody looks at while tuning.
        language, today, text: what is read.
        expected: the figures, or what must not be found.
        kind: of the first figure; 'nothing' for negative cases.
    """

    line: str
    held: bool
    language: str
    today: date | None
    text: str
    expected: tuple[Figure, ...]
    forbidden: frozenset[str]
    kind: str


def held(line: str) -> bool:
    """A stable half of the lines."""
    return hashlib.sha256(line.encode()).digest()[0] % 2 == 1


def _figure(start: int, end: int, words: list[str]) -> Figure:
    kind, value, *rest = words
    low, _, high = value.partition("..")
    if kind in {"date", "period"}:
        days = Days(date.fromisoformat(low), date.fromisoformat(high or low))
        return Figure(start, end, kind, days=days)
    qualifier = next((q for q in QUALIFIERS if " ".join(rest).endswith(q)), "")
    unit = " ".join(rest).removesuffix(qualifier).strip()
    amount = Amount(Decimal(low), Decimal(high or low), unit, qualifier)
    return Figure(start, end, kind, amount=amount)


QUALIFIERS = ("about", "at least", "at most", "more than", "less than", "range")


def parse(line: str) -> Case:
    """One line of the truth."""
    head, _, rest = line.partition(" | ")
    marked, _, wanted = rest.rpartition(" => ")
    language, _, today = head.partition(" ")
    spans: list[tuple[int, int]] = []
    text = ""
    for part in re.split(r"(\[[^\]]*\])", marked):
        if part.startswith("["):
            spans.append((len(text), len(text) + len(part) - 2))
            text += part[1:-1]
        else:
            text += part
    negative = wanted == "-" or wanted.startswith("!")
    texts = [] if negative else wanted.split(" ; ")
    assert len(texts) == len(spans), line
    figures = tuple(_figure(*span, words.split(" ")) for span, words in zip(spans, texts, strict=True))
    return Case(
        line=line,
        held=held(line),
        language="" if language == "-" else language,
        today=date.fromisoformat(today) if today else None,
        text=text,
        expected=figures,
        forbidden=frozenset(wanted[1:].split(",")) if wanted.startswith("!") else frozenset(),
        kind=figures[0].kind if figures else "nothing",
    )


def cases() -> Iterator[Case]:
    """Every line of the truth."""
    for name in FILES:
        for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                yield parse(line)


def right(case: Case, found: tuple[Figure, ...]) -> bool:
    """Whether what was found is exactly what stands there: kind, value, unit, qualifier and place."""
    if case.forbidden:
        return not any(figure.kind in case.forbidden for figure in found)
    return found == case.expected


def powers_wrong(case: Case, found: tuple[Figure, ...]) -> bool:
    """Whether a value that was found is a true one times a power of ten, or of a thousand and the like."""
    truth = {abs(f.amount.low) for f in case.expected if f.amount} | {
        abs(f.amount.high) for f in case.expected if f.amount
    }
    for figure in found:
        for value in (figure.amount.low, figure.amount.high) if figure.amount else ():
            if not value or abs(value) in truth:
                continue
            if any(one and _digits(one) == _digits(value) for one in truth):
                return True
    return False


def _digits(value: Decimal) -> tuple[int, ...]:
    return value.normalize().as_tuple().digits


def answer(case: Case) -> tuple[Figure, ...]:
    """What the parser finds."""
    return find(case.text, language=case.language, today=case.today)
