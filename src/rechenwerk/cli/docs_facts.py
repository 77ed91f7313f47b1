"""Commands: docs facts, docs contradictions. What the documents of a job say together."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

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
    found = there.ask("GET", f"/jobs/{job}/facts")
    if as_json:
        print_json(found)
        return
    if not found["facts"]:
        console().print(say("no facts yet"), markup=False)
        return
    rows = [
        (
            one["who"],
            f"{_what(one, say)} ({one['part']})" if one["part"] else _what(one, say),
            _period(one["period"]),
            say(one["status"]),
            "\n".join(dict.fromkeys(fact["quote"] for fact in one["facts"])),
            Text(str(one["sources"]), style="yellow" if one["single"] else "green"),
        )
        for one in found["facts"]
    ]
    columns = [say(name) for name in ("who", "what", "period", "status", "amount", "sources")]
    table(say("Facts of job {job}", job=job), columns, rows, right=[say("sources")])


def contradictions(
    context: typer.Context,
    job: JobNumber,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show facts of a job's documents that cannot both be true, side by side with their quotes."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.ask("GET", f"/jobs/{job}/contradictions")
    if as_json:
        print_json(found)
        return
    if not found["contradictions"]:
        console().print(say("no contradictions"), markup=False)
        return
    rows = [
        (
            f"{one['who']}: {_what(one, say)}\n{_period(one['period'])}",
            _side(one["left"], say),
            _side(one["right"], say),
        )
        for one in found["contradictions"]
    ]
    columns = [say("who"), say("document"), f"{say('document')} "]
    table(say("Contradictions in job {job}", job=job), columns, rows)


def _what(one: Any, say: DocumentWords) -> str:
    return str(one["what_de"] if say.language == "de" else one["what"])


def _period(period: Any) -> str:
    if period is None:
        return ""
    return str(period["from"]) if period["from"] == period["to"] else f"{period['from']} - {period['to']}"


def _side(fact: Any, say: DocumentWords) -> Text:
    """One side of a contradiction: the quote in its sentence, and where it stands."""
    sentence, quote = " ".join(fact["sentence"].split()), " ".join(fact["quote"].split())
    before, _, after = sentence.partition(quote)
    place = f"{fact['document_name']}, {say('page')} {fact['page']}"
    return Text.assemble(before, (quote, "bold red"), after, "\n", (place, "dim"))
