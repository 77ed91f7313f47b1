"""Facts of sentences: the tables of `tests/golden/facts.txt` (single ones) and `facts_prose.txt` (news)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from rechenwerk.documents.facts import Article, Fact, extract
from rechenwerk.documents.figures import read

GOLDEN = Path(__file__).parent.parent / "golden"


class Case(NamedTuple):
    language: str
    day: date
    text: str
    facts: tuple[str, ...]


def parse(line: str) -> Case:
    head, _, rest = line.partition(" | ")
    text, _, wanted = rest.rpartition(" => ")
    language, _, day = head.partition(" ")
    return Case(language, date.fromisoformat(day), text, () if wanted == "-" else tuple(wanted.split(" ; ")))


CASES = tuple(
    parse(line)
    for table in ("facts.txt", "facts_prose.txt")
    for line in (GOLDEN / table).read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)


def told(fact: Fact) -> tuple[object, ...]:
    value = f"{fact.amount.low} {fact.amount.unit}".strip()
    return fact.entity, fact.what, value, fact.status, fact.period, fact.other


def wanted(words: str) -> tuple[object, ...]:
    who, what, value, status, period, *whom = words.split(", ")
    figure = None if period == "-" else read(period, "period", language="de")
    assert period == "-" or figure, period
    return who, what, value, status, figure.days if figure else None, whom[0] if whom else ""


@pytest.mark.parametrize("case", CASES, ids=[case.text[:50] for case in CASES])
def test_the_facts_of_a_sentence(case: Case) -> None:
    found = extract(Article("a", case.text, case.language, case.day))
    assert [told(fact) for fact in found] == [wanted(words) for words in case.facts]
    for fact in found:
        assert case.text[fact.evidence.start : fact.evidence.end] == fact.evidence.quote
        assert case.text[fact.evidence.label_start : fact.evidence.label_end]
