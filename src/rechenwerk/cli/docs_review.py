"""Command: docs review. One value after the other: its quote in its place, why it is in doubt, a key."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.docs_clashes import decide_clash, show_clash, show_sides
from rechenwerk.cli.docs_pages import DPI, open_page
from rechenwerk.cli.docs_remote import DocumentRemote
from rechenwerk.cli.docs_run import JobNumber, Language, words_of
from rechenwerk.cli.docs_words import DocumentWords
from rechenwerk.cli.remote import explain, remote
from rechenwerk.cli.show import Json, Organisation, console, print_json


def review(
    context: typer.Context,
    job: JobNumber,
    show_pages: Annotated[
        bool, typer.Option("--pages", help="Open each page in the browser, with the place marked.")
    ] = False,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Decide what could not be proven, and what documents contradict each other about, one by one."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.ask("GET", f"/jobs/{job}/review", limit=500, language=say.language)
    if as_json:
        print_json(found)
        return
    out = console()
    for one in found["kinds"]:
        line = "the kind of {name} cannot be told: rechenwerk docs kind {job} {document} SCHEMA"
        out.print(say(line, name=one["name"], job=job, document=one["id"]), markup=False)
    if not found["values"] and not found["contradictions"]:
        if not found["kinds"]:
            out.print(say("nothing is left to review in job {job}", job=job), markup=False)
        return
    with tempfile.TemporaryDirectory(prefix="rechenwerk-") as folder:  # only its owner can read it
        decided = 0
        for done in _decisions(there, found, say, out, folder, pages=show_pages):
            if done is None:
                break
            decided += done
    left = there.ask("GET", f"/jobs/{job}/review", limit=1)
    text = say("decided: {decided}, left: {left}", decided=decided, left=left["left"])
    if found["contradictions"]:
        text += say(", contradictions: {left}", left=left["contradictions_left"])
    out.print(text, markup=False)


def _decisions(
    there: DocumentRemote, found: Any, say: DocumentWords, out: Console, folder: str, *, pages: bool
) -> Iterator[int | None]:
    """One item after the other: 1 where it was decided, 0 where not, None when the person ends."""
    for at, value in enumerate(found["values"], 1):
        show_value(out, value, say, at, found["left"])
        if pages:
            _open(there, value, say, out, folder)
        yield _decide(there, value, say, out, folder)
    for at, clash in enumerate(found["contradictions"], 1):
        show_clash(out, clash, say, at, found["contradictions_left"])
        if pages:
            show_sides(there, clash, say, out, folder)
        yield decide_clash(there, clash, say, out, folder)


def show_value(out: Console, value: Any, say: DocumentWords, number: int, left: int) -> None:
    """One value with its surroundings."""
    out.rule(say("{number} of {left}", number=number, left=left))
    out.print(Text.assemble((value["document_name"], "dim"), "  ", (value["title"], "bold")))
    evidence = value["evidence"]
    out.print(Text.assemble("  ", (value["text"] or "-", "bold yellow"), f"   ({say(value['origin'])})"))
    if evidence is None:
        out.print(Text(f"  {say('nothing was found for it in the document')}", style="dim"))
    else:
        before = " ".join(value["before"].split())[-110:]
        after = " ".join(value["after"].split())[:110]
        quote = " ".join(evidence["quote"].split())
        shown = Text(f"  {say('page')} {evidence['page']}: ... {before} ", style="dim")
        shown.append(quote, style="bold black on yellow")
        shown.append(f" {after} ...", style="dim")
        out.print(shown)
    for reason in value["reasons"]:
        out.print(Text(f"  ! {reason}", style="red"))
    if value["options"]:
        out.print(Text("  " + say("one of: {options}", options=", ".join(value["options"]))))


def _decide(there: DocumentRemote, value: Any, say: DocumentWords, out: Console, folder: str) -> int | None:
    """Ask until there is a decision: 1, 0 for none, None to end."""
    keys = say(
        "{a} accept  {c} correct  {r} reject  {s} skip  {p} page  {q} quit",
        **{key: f"[{key}]" for key in "acrspq"},
    )
    out.print(Text(f"  {keys}", style="cyan"))
    while True:
        key = typer.prompt(say("choose"), default="s", show_default=False).strip().casefold()[:1]
        if key == "q":
            return None
        if key == "s":
            return 0
        if key == "p":
            _open(there, value, say, out, folder)
            continue
        if key not in {"a", "c", "r"}:
            continue
        body: dict[str, Any] = {
            "action": {"a": "accept", "c": "correct", "r": "reject"}[key],
            "version": value["version"],
        }
        if key == "c":
            asked = say("right value (empty: it is not in the document)")
            body["value"] = typer.prompt(asked, default="", show_default=False)
        path = f"/files/{value['document']}/values/{value['field']}/decision"
        answered = there.try_ask("POST", path, body)
        if answered.status == 409:
            out.print(say("somebody else decided meanwhile; here is the next one"), markup=False)
            return 0
        if answered.status < 400:
            return 1
        out.print(Text(explain(answered.status, answered.body, "")[:300], style="red"))


def _open(there: DocumentRemote, value: Any, say: DocumentWords, out: Console, folder: str) -> None:
    """The page in the browser, with the place marked; its file lies in the folder."""
    if not value["image"]:
        out.print(say("there is no image of this page"), markup=False)
        return
    try:
        image = there.fetch(value["image"], dpi=DPI)
    except RechenwerkError as error:
        out.print(str(error), markup=False)
        return
    open_page(value["document_name"], image, value["evidence"]["boxes"], folder)
