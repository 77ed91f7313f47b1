"""Articles: planted contradictions that are found, and reported ones that are none."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from bench.documents import articles
from bench.documents.articles import Named
from bench.results import Metric, metric
from rechenwerk.documents import facts
from rechenwerk.documents.facts import Contradiction
from rechenwerk.documents.parsing.parsers import Parsers

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "documents_articles"


@dataclass
class Found:
    """What was reported over a set of cases.

    Args:
        hits: planted cases that were reported, with both figures.
        missed: planted cases that were not.
        false: what was reported and is no contradiction, by the kind of its case.
        lines: one each for what is missed or false, of the tuning half.
    """

    hits: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)
    false: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        planted = len(self.hits) + len(self.missed)
        return len(self.hits) / planted if planted else 0.0

    @property
    def precision(self) -> float:
        reported = len(self.hits) + self.false.total()
        return len(self.hits) / reported if reported else 0.0


async def read(cases: list[Named]) -> list[facts.Article]:
    """The articles as the product reads them: plain text files."""
    found = []
    async with Parsers() as parsers:
        for one in cases:
            for letter, article in (("a", one.case.a), ("b", one.case.b)):
                name = f"{one.name}-{letter}"
                parsed = await parsers.parse(articles.text_of(article).encode(), f"{name}.txt")
                day = dt.date.fromisoformat(article.date)
                found.append(facts.Article(name, parsed.text, parsed.language, day))
    return found


def about(reported: Contradiction, one: Named) -> bool:
    """Whether it is the planted one: both documents, each with its figure."""
    sides = {reported.left.document: reported.left, reported.right.document: reported.right}
    if sides.keys() != {f"{one.name}-a", f"{one.name}-b"}:
        return False
    wanted = {f"{one.name}-a": one.case.value_a, f"{one.name}-b": one.case.value_b}
    return all(sides[name].amount.low == Decimal(value) for name, value in wanted.items())


def judged(cases: list[Named], reported: tuple[Contradiction, ...]) -> Found:
    """Hits, misses and false alarms; a pair that is reported a second time counts as false then."""
    by_name = {one.name: one for one in cases}
    found = Found()
    for each in reported:
        name = each.left.document.removesuffix("-a").removesuffix("-b")
        one = by_name[name]
        if one.case.planted and one.name not in found.hits and about(each, one):
            found.hits.add(one.name)
            continue
        kind = one.case.kind if one.case.kind != "contradiction" else "beside a contradiction"
        found.false[kind] += 1
        if one.half == "tuning":
            found.lines.append(f"{one.name} ({kind}) reported: {each.why}")
    for one in cases:
        if one.case.planted and one.name not in found.hits:
            found.missed.add(one.name)
            if one.half == "tuning":
                case = one.case
                found.lines.append(f"{one.name} missed: {case.what}: {case.said_a} / {case.said_b}")

    return found


def of_half(cases: list[Named], half: str) -> list[Named]:
    return [one for one in cases if one.half == half]


def reconciled(texts: list[facts.Article]) -> tuple[Contradiction, ...]:
    """What the product reports over all articles at once."""
    return facts.contradictions(facts.extract_all(texts), texts)


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """All articles in one set, as a clerk would hand them in."""
    del crew
    count = articles.ALL if lab.full else articles.ROUTINE
    cases = articles.cases(count)
    lab.say(f"reading {4 * count} articles")
    texts = asyncio.run(read(cases))
    begun = time.perf_counter()
    reported = reconciled(texts)
    seconds = time.perf_counter() - begun
    whole = judged(cases, reported)
    for line in whole.lines[:30]:
        lab.remark(f"{NAME}: {line}")
    lines = [
        metric(NAME, "contradictions planted", "pairs", [count]),
        metric(NAME, "lookalikes among the articles", "pairs", [count]),
        metric(NAME, "recall", "1", [whole.recall]),
        metric(NAME, "precision", "1", [whole.precision]),
        metric(NAME, "reported that are none", "pairs", [whole.false.total()]),
        metric(NAME, "time per article", "ms", [seconds * 1000 / len(texts)]),
    ]
    for half in ("tuning", "held"):
        part = of_half(cases, half)
        names = {one.name for one in part}
        own = tuple(each for each in reported if each.left.document[:-2] in names)
        score = judged(part, own)
        lines.append(metric(NAME, f"recall, {half} half", "1", [score.recall]))
        lines.append(metric(NAME, f"precision, {half} half", "1", [score.precision]))
    return lines
