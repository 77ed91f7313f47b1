"""Invoices: accepted values that are wrong, and fields that need no person; by rules and with each model."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bench.documents import endpoint, invoices, papers, plain_json
from bench.documents.papers import Paper
from bench.documents.scoring import Given, Judged, Score, judge, judge_rows
from bench.results import Metric, metric
from rechenwerk.documents.extracting.extract import extract
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.values import Parsed

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "documents_invoices"
MODELS = "RECHENWERK_MODELS_DIR"
COUNT = "RECHENWERK_BENCH_COUNT"
CHOICE = "RECHENWERK_BENCH_MODELS"
RULES = "rules only"
PLAIN = "plain JSON"


@dataclass
class Tally:
    """What one way of extracting has reached over a set."""

    header: Score = field(default_factory=Score)
    cells: Score = field(default_factory=Score)
    both: Score = field(default_factory=Score)
    held: Score = field(default_factory=Score)
    tuning: Score = field(default_factory=Score)
    scans: Score = field(default_factory=Score)
    plain: Score = field(default_factory=Score)
    parse_s: list[float] = field(default_factory=list)
    extract_s: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
    wrong: list[Judged] = field(default_factory=list)

    def add(self, paper: Paper, header: list[Judged], cells: list[Judged]) -> None:
        self.header.add(header)
        self.cells.add(cells)
        for score in (self.both, self.held if paper.half == "held" else self.tuning):
            score.add(header + cells)
        if paper.scanned:
            self.scans.add(header + cells)
        if paper.half == "tuning":
            self.wrong += [one for one in header + cells if one.verdict == "wrong"]


def tessdata() -> Path | None:
    """The folder with the OCR's data, where it was fetched."""
    named = os.environ.get(MODELS, "")
    folder = Path(named) / "tessdata"
    return folder if named and folder.is_dir() else None


async def values(parsed: Parsed, asker: endpoint.Asker | None) -> dict[str, Given]:
    """What the product extracts."""
    found = await extract(parsed, ready("invoice"), asker)
    return {one.field: Given(one.value, one.state, one.origin, one.reasons) for one in found}


async def one_set(
    found: Iterable[Paper],
    parsers: Parsers,
    asker: endpoint.Asker | None,
    say: Callable[[str], None],
    plain: int = 0,
) -> Tally:
    """Every document of a set; the peer on the first so many."""
    tally = Tally()
    for number, paper in enumerate(found):
        say(f"{paper.name}{f' with {asker.model}' if asker else ''}")
        begun = time.perf_counter()
        parsed = await parsers.parse(paper.data, f"{paper.name}.pdf")
        tally.parse_s.append(time.perf_counter() - begun)
        calls = asker.calls if asker else 0
        begun = time.perf_counter()
        given = await values(parsed, asker)
        tally.extract_s.append(time.perf_counter() - begun)
        tally.calls.append((asker.calls if asker else 0) - calls)
        header = judge(paper.name, given, paper.said, paper.derived, paper.xml, paper.fields)
        cells = [] if paper.rows is None else judge_rows(paper.name, given, paper.rows, paper.currency)
        tally.add(paper, header, cells)
        if asker and number < plain:
            theirs = await plain_json.asked(asker, paper.name, parsed.text, paper.currency)
            tally.plain.add(
                judge(
                    paper.name,
                    theirs,
                    paper.said,
                    paper.derived,
                    paper.xml,
                    tuple(name for name in paper.fields if name not in plain_json.LEFT_OUT),
                )
            )
    return tally


def metrics(tally: Tally, who: str) -> list[Metric]:
    """A tally's lines."""
    both = tally.both
    wrong = {PLAIN: [tally.plain.wrong]} if tally.plain.accepted else {}
    share = {PLAIN: [tally.plain.share]} if tally.plain.accepted else {}
    n = {PLAIN: [tally.plain.accepted]} if tally.plain.accepted else {}
    lines = [
        metric(NAME, f"accepted values that are wrong, {who}", "1", [both.wrong], wrong),
        metric(NAME, f"95 % upper bound of it, {who}", "1", [both.wrong_at_most]),
        metric(NAME, f"accepted values, {who}", "values", [both.accepted], n),
        metric(NAME, f"fields accepted without a person, {who}", "1", [tally.header.share], share),
        metric(NAME, f"fields printed but reported absent, {who}", "1", [tally.header.unseen]),
        metric(NAME, f"extraction per document, {who}", "s", tally.extract_s),
        metric(NAME, f"calls per document, {who}", "calls", tally.calls),
    ]
    if tally.cells.counts["said"]:
        lines.append(metric(NAME, f"table cells accepted without a person, {who}", "1", [tally.cells.share]))
    for part, score in (("tuning half", tally.tuning), ("held half", tally.held), ("scans", tally.scans)):
        if score.accepted:
            lines.append(metric(NAME, f"accepted values that are wrong, {who}, {part}", "1", [score.wrong]))
            lines.append(metric(NAME, f"fields and cells accepted, {who}, {part}", "1", [score.share]))
    return lines


@dataclass(frozen=True)
class Size:
    """How many documents, how many of them with a model, how many for the peer."""

    rules: int
    models: int
    plain: int


def size(lab: Lab) -> Size:
    """How many; `RECHENWERK_BENCH_COUNT` bounds the documents that a model is asked about."""
    many = Size(invoices.ROUTINE, invoices.ROUTINE, 12)
    if lab.full:
        many = Size(invoices.ALL, invoices.ALL, invoices.ROUTINE)
    elif lab.quick:
        many = Size(12, 2, 2)
    bound = int(os.environ.get(COUNT, "0")) or many.models
    return Size(many.rules, min(many.models, bound), min(many.plain, bound))


def chosen(models: set[str]) -> dict[str, bool]:
    """The models to be asked, and whether they are there; `RECHENWERK_BENCH_MODELS` leaves some out."""
    named = os.environ.get(CHOICE, ",".join(endpoint.SHOWN.values())).split(",")
    return {model: model in models for model, short in endpoint.SHOWN.items() if short in named}


async def measured(lab: Lab, asked: endpoint.Endpoint, models: set[str]) -> list[Metric]:
    """Rules, then each model, then the e-invoices of others by rules."""
    many = size(lab)
    if tessdata() is None:
        lab.remark(f"{NAME}: scans were not read: no tessdata below {MODELS}")
    async with Parsers(tessdata()) as parsers:
        tally = await one_set(papers.own(many.rules), parsers, None, lab.say)
        found = metrics(tally, RULES)
        found.append(metric(NAME, "parsing per document", "s", tally.parse_s))
        shown(lab, tally, RULES)
        other = await one_set(islice(papers.others(), 12 if lab.quick else None), parsers, None, lab.say)
        if other.both.accepted:
            found += metrics(other, f"{RULES}, e-invoices of others")
            shown(lab, other, "others")
        else:
            lab.remark(f"{NAME}: no e-invoices of others: name their folder in RECHENWERK_BENCH_INVOICES")
        for model, there in chosen(models).items():
            if not there:
                lab.remark(f"{NAME}: {model} is not installed: rechenwerk model pull {model}")
                continue
            async with endpoint.Asker(asked, model) as asker:
                tally = await one_set(papers.own(many.models), parsers, asker, lab.say, many.plain)
            found += metrics(tally, endpoint.SHOWN[model])
            shown(lab, tally, endpoint.SHOWN[model])
    return found


def shown(lab: Lab, tally: Tally, who: str) -> None:
    """The wrong values of the tuning half, by field, so that one knows where to look."""
    for one in tally.wrong[:20] if lab.quick or lab.full else ():
        given = one.given.value if one.given else None
        lab.remark(f"{who}: {one.document} {one.field}: {given!r} instead of {one.truth!r}")


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """The product is started with the models that are there; model calls go through its gateway."""
    del crew
    lab.say("starting rechenwerk with its models")
    asked = endpoint.started(lab, os.environ.get(MODELS, ""))
    return asyncio.run(measured(lab, asked, endpoint.offered(asked)))
