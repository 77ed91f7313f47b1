"""Commands: docs facts, docs contradictions. What documents say together, and where they disagree."""

from __future__ import annotations

import typer
from rich.text import Text

from rechenwerk.cli.docs_remote import DocumentRemote
from rechenwerk.cli.docs_run import JobNumber, Language, words_of
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, print_json, table


def facts(
    context: typer.Context,
    job: JobNumber,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show who, what, how much and for when: each fact once, with its sources."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.ask("GET", f"/jobs/{job}/facts", language=say.language)
    if as_json:
        print_json(found)
        return
    if not found["statements"]:
        console().print(say("no facts yet"), markup=False)
        return
    rows = [
        (
            one["who"],
            " ".join(part for part in (say(one["what"]), one["part"], one["whom"]) if part),
            one["amount"],
            one["period"],
            say(one["status"]),
            Text(str(one["sources"]), style="yellow" if one["single"] else "green"),
            ", ".join(dict.fromkeys(fact["document_name"] for fact in one["facts"])),
            " ".join(one["facts"][0]["evidence"]["quote"].split()),
        )
        for one in found["statements"]
    ]
    names = ("who", "what", "amount", "period", "status", "sources", "document", "quote")
    right = [say("amount"), say("sources")]
    table(say("Facts of job {job}", job=job), [say(name) for name in names], rows, right=right)


def contradictions(
    context: typer.Context,
    job: JobNumber,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show where documents disagree: the same fact with different values, side by side."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.ask("GET", f"/jobs/{job}/contradictions", language=say.language)
    if as_json:
        print_json(found)
        return
    if not found["contradictions"]:
        console().print(say("no contradictions"), markup=False)
        return
    rows = [
        (
            one["who"],
            " ".join(part for part in (say(one["what"]), one["period"]) if part),
            f"{one['left']['amount']}\n{one['right']['amount']}",
            f"{one['left']['document_name']}\n{one['right']['document_name']}",
            "\n".join(" ".join(one[side]["sentence"].split())[:160] for side in ("left", "right")),
        )
        for one in found["contradictions"]
    ]
    names = ("who", "what", "amount", "document", "quote")
    table(say("Contradictions in job {job}", job=job), [say(name) for name in names], rows)
