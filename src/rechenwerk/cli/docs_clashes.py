"""Contradictions in the terminal: all sides with their quotes, a number for the side that is right."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.docs_pages import DPI, open_page
from rechenwerk.cli.docs_remote import DocumentRemote
from rechenwerk.cli.docs_words import DocumentWords
from rechenwerk.cli.remote import explain


def what_of(one: Any, say: DocumentWords) -> str:
    """What a fact or contradiction is about, in the language."""
    return str(one["what_de"] if say.language == "de" else one["what"])


def period_of(period: Any) -> str:
    """A period, or the one day that it is."""
    if period is None:
        return ""
    return str(period["from"]) if period["from"] == period["to"] else f"{period['from']} - {period['to']}"


def told_side(fact: Any, say: DocumentWords, job: int | None = None) -> Text:
    """What one document says: the quote in its sentence, and where it stands."""
    sentence, quote = " ".join(fact["sentence"].split()), " ".join(fact["quote"].split())
    before, _, after = (sentence if quote in sentence else quote).partition(quote)
    place = f"{fact['document_name']}, {say('page')} {fact['page']}"
    if job is not None:
        place += f", {say('job')} {job}"
    return Text.assemble(before, (quote, "bold red"), after, "\n", (place, "dim"))


def verdict(one: Any, say: DocumentWords) -> str:
    """What was decided about a contradiction, by whom and when; '' where nothing was."""
    if one["state"] == "open":
        return say("gone") if one["gone"] else say("open")
    said = {
        "side": say("side {number} is right", number=(one["side"] or 0) + 1),
        "both": say("both stand"),
        "rejected": say("none is right"),
    }[one["state"]]
    text = f"{said}\n{one['decided_by']}, {str(one['decided_at'])[:10]}"
    return f"{text}\n{one['note']}" if one["note"] else text


def show_clash(out: Console, one: Any, say: DocumentWords, number: int, left: int) -> None:
    """One contradiction with all its sides."""
    out.rule(say("contradiction {number} of {left}", number=number, left=left))
    about = [one["who"], what_of(one, say), one["part"] or "", period_of(one["period"])]
    out.print(Text("  ".join(part for part in about if part), style="bold"))
    for side in one["sides"]:
        for at, fact in enumerate(side["facts"]):
            mark = f"  [{side['number'] + 1}] " if not at else "      "
            out.print(Text(mark, style="cyan"), told_side(fact, say, fact["job"]))


def decide_clash(
    there: DocumentRemote, one: Any, say: DocumentWords, out: Console, folder: str
) -> int | None:
    """Ask until there is a decision: 1, 0 for none, None to end."""
    keys = say(
        "{n} this side is right  {b} both stand  {r} none is right  {s} skip  {p} pages  {q} quit",
        n=f"[1-{len(one['sides'])}]",
        **{key: f"[{key}]" for key in "brspq"},
    )
    out.print(Text(f"  {keys}", style="cyan"))
    while True:
        key = typer.prompt(say("choose"), default="s", show_default=False).strip().casefold()
        if key.startswith("q"):
            return None
        if key.startswith("s"):
            return 0
        if key.startswith("p"):
            show_sides(there, one, say, out, folder)
            continue
        body: dict[str, Any] = {"version": one["version"]}
        if key.isdecimal() and 1 <= int(key) <= len(one["sides"]):
            body |= {"action": "side", "side": int(key) - 1}
        elif key[:1] in {"b", "r"}:
            body["action"] = "both" if key[:1] == "b" else "reject"
        else:
            continue
        answered = there.try_ask("POST", f"/contradictions/{one['id']}/decision", body)
        if answered.status == 409:
            out.print(say("somebody else decided meanwhile; here is the next one"), markup=False)
            return 0
        if answered.status < 400:
            return 1
        out.print(Text(explain(answered.status, answered.body, "")[:300], style="red"))


def show_sides(there: DocumentRemote, one: Any, say: DocumentWords, out: Console, folder: str) -> None:
    """The pages of all sides in the browser, each with its place marked."""
    facts = [fact for side in one["sides"] for fact in side["facts"]]
    shown = [fact for fact in facts if fact["image"]]
    if not shown:
        out.print(say("there is no image of this page"), markup=False)
    for fact in shown:
        try:
            image = there.fetch(fact["image"], dpi=DPI)
        except RechenwerkError as error:
            out.print(str(error), markup=False)
            continue
        open_page(fact["document_name"], image, fact["boxes"], folder)
