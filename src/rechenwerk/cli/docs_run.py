"""Commands: docs run, watch, resume. A folder goes up, a checked table comes down."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.docs_remote import DocumentRemote, LocalFile, digest_of, files_of
from rechenwerk.cli.docs_words import DocumentWords, language_of
from rechenwerk.cli.files import write
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, print_json, table

FORMS = ("xlsx", "csv", "json", "parquet")
_ENDED = frozenset({"done", "cancelled", "paused"})
_POLL = 2.0
_QUIET = 15.0
"""Seconds without a worker after which a clerk is told."""
Language = Annotated[
    str | None, typer.Option("--language", help="Of messages and headings: de or en; else the terminal's.")
]
Schema = Annotated[
    str, typer.Option(help="What is to be found (`docs schemas`); auto: the kind of each document first.")
]
Mask = Annotated[bool, typer.Option("--mask", help="Mask personal data before a model sees it.")]
JobNumber = Annotated[int, typer.Argument(help="Number of the job.")]


def words_of(language: str | None) -> DocumentWords:
    """The language of a command.

    Raises:
        typer.BadParameter: there is no such language.
    """
    if language not in {None, "de", "en"}:
        raise typer.BadParameter(f"--language {language}: there are en and de")
    return DocumentWords(language or language_of())


def form_of(output: Path) -> str:
    """The form that a file's name asks for. Raises RechenwerkError: none."""
    form = output.suffix.removeprefix(".").casefold()
    if form not in FORMS:
        raise RechenwerkError(f"{output}: name a file that ends in {', '.join('.' + one for one in FORMS)}")
    return form


def run(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder with documents, or one file.")],
    schema: Schema = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result: .xlsx, .csv, .json, .parquet.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask; else the usual one.")] = None,
    without_model: Annotated[
        bool, typer.Option("--without-model", help="Ask no model: rules and what was trained only.")
    ] = False,
    budget: Annotated[str | None, typer.Option(help="What the job may cost at most, such as 5.00.")] = None,
    data_class: Annotated[
        str | None, typer.Option(help="public, internal, confidential or restricted; else the project's.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="The project that pays; else the key's own.")] = None,
    keep_days: Annotated[
        int | None, typer.Option(min=1, help="Delete it so many days after its end.")
    ] = None,
    webhook: Annotated[str, typer.Option(help="Address that is told when the job has ended.")] = "",
    mask: Mask = False,
    new: Annotated[
        bool, typer.Option("--new", help="Begin anew instead of going on with this folder.")
    ] = False,
    ask_first: Annotated[
        bool, typer.Option("--estimate", help="Read everything first, say what it will cost, and ask.")
    ] = False,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Read all documents of a folder, find values in them, and write a checked table.

    Interrupted, the same command goes on where it was.
    """
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    if output is not None:
        form_of(output)
    files = files_of(folder)
    body = {
        "schema": schema,
        "name": folder.resolve().name,
        "source": f"{socket.gethostname()}:{folder.resolve()}",
        "new": new,
        "project": project,
        "model": "" if without_model else model,
        "data_class": data_class,
        "budget": budget,
        "keep_days": keep_days,
        "webhook": webhook,
        "mask": mask,
    }
    job = there.ask("POST", "/jobs", body)
    err = Console(stderr=True, highlight=False)
    if not as_json and job["found"]:
        err.print(say("going on with job {job}; --new begins another", job=job["id"]), markup=False)
    if job.get("webhook_secret") and not as_json:
        err.print(f"webhook: {job['webhook_secret']}", markup=False)
    began = time.monotonic()
    refused = _send_missing(there, job, files, say, quiet=as_json)
    if ask_first and not _agreed(there, job["id"], say, as_json=as_json):
        raise typer.Exit(1)
    found = there.ask("GET", f"/jobs/{job['id']}")
    if found["state"] == "paused":
        found = there.ask("POST", f"/jobs/{job['id']}/resume", {"budget": budget})
    elif found["state"] in {"open", "done"}:
        verb = "start" if found["state"] == "open" else "resume"
        found = there.ask("POST", f"/jobs/{job['id']}/{verb}", {})
    found = follow(there, found, say, quiet=as_json)
    finish(there, found, say, output, seconds=time.monotonic() - began, refused=refused, as_json=as_json)


def _send_missing(
    there: DocumentRemote, job: Any, files: list[LocalFile], say: DocumentWords, *, quiet: bool
) -> list[tuple[str, str]]:
    """Send what the job does not have yet; returns the files that were not taken, with the reason."""
    known = {(one["name"], one["sha256"]) for one in there.documents(job["id"])}
    refused: list[tuple[str, str]] = []
    with _bars(quiet=quiet) as bars:
        task = bars.add_task(say("sending files"), total=len(files), note="")
        reopened = job["state"] != "done"
        for file in files:
            try:
                if (file.name, digest_of(file.path)) not in known:
                    if not reopened:
                        there.ask("POST", f"/jobs/{job['id']}/reopen")
                        reopened = True
                    there.send(job["id"], file)
            except RechenwerkError as error:
                refused.append((file.name, str(error).removeprefix(f"{file.name}: ")))
            bars.advance(task)
    if len(refused) == len(files):
        raise RechenwerkError(f"no file could be sent; the first: {refused[0][0]}: {refused[0][1]}")
    return refused


def _agreed(there: DocumentRemote, job: int, say: DocumentWords, *, as_json: bool) -> bool:
    """Wait until everything was read, and ask whether to go on."""
    while True:
        found = there.ask("GET", f"/jobs/{job}")
        if found["state"] != "open" or found["read"] == sum(found["documents"].values()):
            break
        time.sleep(_POLL / 4)
    if as_json:
        return True
    if not found["model"]:
        text = say("it costs nothing: no model is asked")
    elif found["estimate"] is None:
        text = say("what it will cost cannot be told")
    else:
        text = say(
            "several short questions per document: about {amount} {currency}, a guess; --budget is the bound",
            amount=found["estimate"],
            currency=found["currency"],
        )
    console().print(text, markup=False)
    return typer.confirm(say("Go on?"))


def _bars(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )


def follow(there: DocumentRemote, job: Any, say: DocumentWords, *, quiet: bool) -> Any:
    """Show how a job goes until it has ended or pauses; returns it."""
    with _bars(quiet=quiet) as bars:
        reading = bars.add_task(say("reading"), total=None, note="")
        finding = bars.add_task(say("finding values"), total=None, note="")
        last, began = job, time.monotonic()
        _move(bars, (reading, finding), last, say, 0.0)
        while last["state"] not in _ENDED:
            for last in there.follow(job["id"]):
                _move(bars, (reading, finding), last, say, time.monotonic() - began)
    return last


def _move(bars: Progress, tasks: tuple[TaskID, TaskID], job: Any, say: DocumentWords, waited: float) -> None:
    counts = job["documents"]
    total = sum(counts.values())
    ended = total - counts["waiting"] - counts["running"]
    note = f"{say('cost')} {say.money(job['cost'], job['currency'])}"
    if job["seconds_left"] is not None:
        note += f"  ~{say.seconds(job['seconds_left'])}"
    if job["model"] and job["asking"]:
        one = job["asking"][0]
        note += "  " + say("asking about {name}: {count} answers", name=one["name"], count=one["answers"])
    if job["reason"]:
        note = say("waiting: {reason}", reason=job["reason"])
    if waited > _QUIET and not counts["running"] and not ended:
        note = say("no worker has begun yet; the operator starts one with `rechenwerk serve`")
    pages = f"{job['pages']} {say('pages')}"
    parts = 0.0
    for one in job["reading"]:
        parts += one["read"] / one["pages"]
        pages += "  " + say("{name}: page {read} of {pages}", **one)
    bars.update(tasks[0], total=total, completed=min(total, job["read"] + parts), note=pages)
    bars.update(tasks[1], total=total, completed=ended, note=note)


def finish(
    there: DocumentRemote,
    job: Any,
    say: DocumentWords,
    output: Path | None,
    *,
    seconds: float,
    refused: list[tuple[str, str]],
    as_json: bool,
) -> None:
    """Write the result, and say what came of the job; ends with 1 where it pauses or was cancelled."""
    number = job["id"]
    if output is not None:
        data = there.fetch(f"/jobs/{number}/export/{form_of(output)}", language=say.language)
        write(output, data)
    bad = there.documents(number, "refused", "failed")
    clashes = 0 if as_json else there.ask("GET", f"/jobs/{number}/review", limit=1)["contradictions_left"]
    if as_json:
        print_json({**job, "not_sent": [{"name": name, "reason": why} for name, why in refused]})
    else:
        _summary(job, bad, refused, clashes, say, seconds)
        out = console()
        if output is not None:
            out.print(say("written: {file}", file=output), markup=False)
        if job["values"]["unproven"] or job["kinds"].get("") or clashes:
            text = say("look at what is to be reviewed: rechenwerk docs review {job}", job=number)
            out.print(text, markup=False)
    if job["state"] == "paused":
        err = Console(stderr=True, highlight=False)
        err.print(say("job {job} is paused: {reason}", job=number, reason=job["reason"]), markup=False)
        text = say("go on with: rechenwerk docs resume {job} --budget AMOUNT", job=number)
        err.print(text, markup=False)
    if job["state"] != "done":
        raise typer.Exit(1)


def _summary(
    job: Any, bad: list[Any], refused: list[tuple[str, str]], clashes: int, say: DocumentWords, seconds: float
) -> None:
    files, values = job["documents"], job["values"]
    decided = values["accepted"] + values["corrected"] + values["rejected"]
    rows = [
        (say("files done"), say.count(files["done"])),
        (say("files refused"), say.count(files["refused"] + len(refused))),
        (say("files failed"), say.count(files["failed"])),
        (say("files twice"), say.count(files["duplicate"])),
        (say("archives unpacked"), say.count(files["unpacked"])),
        (say("pages read"), say.count(job["pages"])),
        (say("values proven"), say.count(values["proven"])),
        (say("values to review"), say.count(values["unproven"])),
        (say("values not in the document"), say.count(values["absent"])),
        (say("values decided by people"), say.count(decided)),
        (say("contradictions to review"), say.count(clashes)),
        (say("calls to a model"), say.count(job["calls"])),
        (say("cost"), say.money(job["cost"], job["currency"])),
        (say("time"), say.seconds(seconds)),
    ]
    always = {say("files done"), say("values proven"), say("values to review"), say("cost"), say("time")}
    shown = [row for row in rows if row[0] in always or row[1] != "0"]
    named = [(name or say("kind not told"), count) for name, count in job["kinds"].items()]
    shown += [(say("documents: {kind}", kind=name), say.count(count)) for name, count in named]
    title = say("Summary of job {job}: {name}", job=job["id"], name=job["name"])
    table(title, (say("what"), say("how many")), shown, right=(say("how many"),))
    key = "reason_de" if say.language == "de" else "reason"
    missed = [(one["name"], say(one["state"]), one[key]) for one in bad]
    missed += [(name, say("refused"), why) for name, why in refused]
    if missed:
        table(say("Files that were not read"), (say("file"), say("state"), say("why")), missed)


def resume(
    context: typer.Context,
    job: JobNumber,
    budget: Annotated[str | None, typer.Option(help="A new budget for all of the job.")] = None,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Go on with a paused job, and try again what failed."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    began = time.monotonic()
    found = there.ask("POST", f"/jobs/{job}/resume", {"budget": budget})
    found = follow(there, found, say, quiet=as_json)
    finish(there, found, say, None, seconds=time.monotonic() - began, refused=[], as_json=as_json)


def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder: whatever comes into it is worked on.")],
    schema: Schema = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result after each round.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask; else the usual one.")] = None,
    budget: Annotated[str | None, typer.Option(help="What the job may cost at most, such as 5.00.")] = None,
    mask: Mask = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
    language: Language = None,
    organisation: Organisation = None,
) -> None:
    """Watch a folder: send what is new in it, and keep the table up to date; Ctrl-C ends."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    if not folder.is_dir():
        raise RechenwerkError(f"there is no folder {folder}")
    out = console()
    body = {
        "schema": schema,
        "name": folder.resolve().name,
        "source": f"{socket.gethostname()}:{folder.resolve()}",
        "model": model,
        "budget": budget,
        "mask": mask,
    }
    job = there.ask("POST", "/jobs", body)["id"]
    known = {(one["name"], one["sha256"]) for one in there.documents(job)}
    sizes: dict[str, int] = {}
    out.print(say("watching {folder}; Ctrl-C ends", folder=folder), markup=False)
    while True:
        sent = _look(there, job, folder, known, sizes, say, settle=not once)
        state = there.ask("GET", f"/jobs/{job}")["state"]
        if state == "open":
            there.ask("POST", f"/jobs/{job}/start")
        if output is not None and (sent or once):
            follow(there, there.ask("GET", f"/jobs/{job}"), say, quiet=True)
            write(output, there.fetch(f"/jobs/{job}/export/{form_of(output)}", language=say.language))
        if once:
            return
        time.sleep(every)


def _look(
    there: DocumentRemote,
    job: int,
    folder: Path,
    known: set[tuple[str, str]],
    sizes: dict[str, int],
    say: DocumentWords,
    *,
    settle: bool,
) -> int:
    """Send what is new; a file that still grows waits for the next look. How many were sent."""
    sent = 0
    try:
        files = files_of(folder)
    except RechenwerkError:
        return 0
    for file in files:
        size = file.path.stat().st_size
        if settle and sizes.get(file.name) != size:
            sizes[file.name] = size
            continue
        place = (file.name, digest_of(file.path))
        if place in known:
            continue
        if there.ask("GET", f"/jobs/{job}")["state"] == "done":
            there.ask("POST", f"/jobs/{job}/reopen")
        there.send(job, file)
        known.add(place)
        console().print(say("{name}: sent", name=file.name), markup=False)
        sent += 1
    return sent
