"""Commands: docs facts, docs contradictions. What the documents of a job say together."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from rechenwerk.cli.docs_clashes import period_of, told_side, verdict, what_of
from rechenwerk.cli.docs_remote import DocumentRemote
from rechenwerk.cli.docs_run import JobNumber, Language, words_of
from rechenwerk.cli.docs_words import DocumentWords
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, print_json, table


def facts(
    context: typer.Context,
    job: JobNumber,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show each fact of a job's documents once; what only one source says is marked with 1."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.pages(f"/jobs/{job}/facts", "facts", "copies")
    if as_json:
        print_json(found)
        return
    _unless_fresh(found, say)
    if not found["facts"]:
        console().print(say("no facts yet"), markup=False)
        return
    rows = [
        (
            one["who"],
            f"{what_of(one, say)} ({one['part']})" if one["part"] else what_of(one, say),
            period_of(one["period"]),
            say(one["status"]),
            "\n".join(dict.fromkeys(fact["quote"] for fact in one["facts"])),
            Text(str(one["sources"]), style="yellow" if one["single"] else "green"),
        )
        for one in found["facts"]
    ]
    columns = [say(name) for name in ("who", "what", "period", "status", "amount", "sources")]
    table(say("Facts of job {job}", job=job), columns, rows, right=[say("sources")])


def _unless_fresh(found: Any, say: DocumentWords) -> None:
    if not found["fresh"]:
        text = say("documents have changed; a worker compares them anew, this is how it was before")
        Console(stderr=True, highlight=False).print(text, markup=False)


def contradictions(
    context: typer.Context,
    job: JobNumber,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show what documents contradict each other about: all sides with quotes, and what was decided."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.pages(f"/jobs/{job}/contradictions", "items", "contradictions")
    if as_json:
        print_json(found)
        return
    _unless_fresh(found, say)
    if not found["items"]:
        console().print(say("no contradictions"), markup=False)
        return
    rows = [
        (
            f"{one['who']}: {what_of(one, say)}\n{period_of(one['period'])}",
            say("side {number}", number=side["number"] + 1),
            Text("\n").join(told_side(fact, say, fact["job"]) for fact in side["facts"]),
            verdict(one, say) if not side["number"] else "",
        )
        for one in found["items"]
        for side in one["sides"]
    ]
    columns = [say(name) for name in ("who", "side", "document", "decision")]
    table(say("Contradictions in job {job}", job=job), columns, rows)
