"""Commands: docs. Documents in, a checked table out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.docs_facts import contradictions, facts
from rechenwerk.cli.docs_known import add_known
from rechenwerk.cli.docs_remote import DocumentRemote
from rechenwerk.cli.docs_review import review
from rechenwerk.cli.docs_run import JobNumber, Language, form_of, resume, run, watch, words_of
from rechenwerk.cli.docs_train import add_training
from rechenwerk.cli.files import write
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, answer, console, moment, print_json, table
from rechenwerk.main import run_document_worker

_COLOURS = {
    "done": "green",
    "proven": "green",
    "accepted": "green",
    "corrected": "green",
    "running": "yellow",
    "unproven": "yellow",
    "paused": "red",
    "failed": "red",
    "refused": "red",
    "rejected": "dim",
    "absent": "dim",
}.items()


def jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """List jobs: how far they are and what they cost."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.ask("GET", "/jobs", limit=limit)
    if as_json:
        print_json(found)
        return
    colours = dict(_COLOURS)
    rows = [
        (
            one["id"],
            one["name"],
            one["schema"],
            Text(say(one["state"]), style=colours.get(one["state"], "")),
            f"{say.count(_ended(one))}/{say.count(sum(one['documents'].values()))}",
            say.count(one["pages"]),
            say.count(one["values"]["unproven"]),
            say.money(one["cost"], one["currency"]),
            "" if one["budget"] is None else say.money(one["budget"], one["currency"]),
            moment(one["made_at"]),
            one["reason"],
        )
        for one in found["jobs"]
    ]
    names = (
        "job",
        "name",
        "schema",
        "state",
        "files",
        "pages",
        "to review",
        "cost",
        "budget",
        "begun",
        "reason",
    )
    columns = [say(name) for name in names]
    right = [say(name) for name in ("job", "files", "pages", "to review", "cost", "budget")]
    table(say("Jobs of documents"), columns, rows, right=right)


def _ended(job: Any) -> int:
    counts = job["documents"]
    return int(sum(counts.values()) - counts["waiting"] - counts["running"])


def show(
    context: typer.Context,
    job: JobNumber,
    document: Annotated[
        int | None, typer.Option("--document", help="The values of this document, by its number.")
    ] = None,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show the documents of a job, or the values of one of them with their quotes."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    if document is not None:
        _show_values(there, job, document, say.language, as_json=as_json)
        return
    listed = there.documents(job)
    if as_json:
        print_json({"job": there.ask("GET", f"/jobs/{job}"), "documents": listed})
        return
    colours = dict(_COLOURS)
    key = "reason_de" if say.language == "de" else "reason"

    def told(one: Any) -> str:
        """How its kind was told; why it was not stands in the reason."""
        return str(one[f"schema_{key}"]) if one["schema"] else ""

    rows = [
        (
            one["id"],
            one["name"],
            one["kind"],
            say.count(one["pages"]),
            Text(say(one["state"]), style=colours.get(one["state"], "")),
            say.count(sum(one["values"].values()) - one["values"]["absent"]),
            say.count(one["values"]["unproven"]),
            " ".join(
                part for part in (one["schema"], f"({say(one['schema_origin'])})") if part and one["schema"]
            ),
            "; ".join(part for part in (one[key], told(one), *one["faults"]) if part),
        )
        for one in listed
    ]
    names = ("job", "file", "type", "pages", "state", "values", "to review", "schema", "why")
    columns = ["#", *[say(name) for name in names[1:]]]
    right = ["#", say("pages"), say("values"), say("to review")]
    table(say("Documents of job {job}", job=job), columns, rows, right=right)


def kind(
    context: typer.Context,
    job: JobNumber,
    document: Annotated[int, typer.Argument(help="Number of the document.")],
    schema: Annotated[str, typer.Argument(help="What kind it is.")],
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Say what kind a document of a job is; it is extracted by that schema."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    if there.ask("GET", f"/files/{document}")["job"] != job:
        raise RechenwerkError(f"document {document} is not in job {job}")
    made = there.ask("POST", f"/files/{document}/kind", {"schema": schema})
    answer(made, say("document {document}: {kind}", document=document, kind=schema), as_json=as_json)


def _show_values(there: DocumentRemote, job: int, document: int, language: str, *, as_json: bool) -> None:
    say = words_of(language)
    one = there.ask("GET", f"/files/{document}")
    if one["job"] != job:
        raise RechenwerkError(f"document {document} is not in job {job}")
    found = there.ask("GET", f"/files/{document}/values", language=language)
    if as_json:
        print_json(found)
        return
    colours = dict(_COLOURS)
    rows = [
        (
            value["title"],
            value["text"],
            Text(say(value["state"]), style=colours.get(value["state"], "")),
            say(value["origin"]),
            value["evidence"]["page"] if value["evidence"] else "",
            " ".join(value["evidence"]["quote"].split()) if value["evidence"] else "",
            "\n".join(value["reasons"]),
        )
        for value in found["values"]
    ]
    columns = [say(name) for name in ("field", "value", "state", "origin", "page", "quote", "why")]
    table(say("Values of {name}", name=one["name"]), columns, rows, right=[say("page")])


def schemas(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show this one, with its fields and versions.")] = None,
    put: Annotated[
        str | None,
        typer.Option("--put", help="Store it: plain words, or a file with JSON Schema or with words."),
    ] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="With --put: models see such documents without personal data.")
    ] = False,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """List what can be found in documents, show it, or store an own form as NAME."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    if put is not None:
        if name is None:
            raise typer.BadParameter("--put needs a NAME")
        made = there.ask("PUT", f"/schemas/{name}", {**_schema_body(put), "mask": mask})
        if as_json:
            print_json(made)
        else:
            _show_schema(made, say.language)
        return
    found = there.ask("GET", "/schemas" if name is None else f"/schemas/{name}")
    if as_json:
        print_json(found)
    elif name is not None:
        _show_schema(found["schemas"][-1], say.language)
    else:
        rows = [
            (
                one["name"],
                one["title"].get(say.language, ""),
                one["version"] or "",
                ", ".join(field["title"].get(say.language) or field["name"] for field in one["fields"]),
            )
            for one in found["schemas"]
        ]
        columns = [say(each) for each in ("schema", "title", "version", "fields")]
        table(say("Schemas of documents"), columns, rows, right=[say("version")])


def _schema_body(put: str) -> dict[str, Any]:
    """What was given: words, or a file with words or JSON Schema."""
    text = put
    path = Path(put)
    if len(put) < 1000 and "\n" not in put and path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RechenwerkError(f"{path} cannot be read: {error}") from None
    if not text.lstrip().startswith("{"):
        return {"words": text}
    try:
        return {"json_schema": msgspec.json.decode(text)}
    except msgspec.DecodeError as error:
        raise RechenwerkError(f"{put}: it is no JSON: {error}") from None


def _show_schema(schema: Any, language: str) -> None:
    say = words_of(language)
    rows: list[tuple[object, ...]] = []
    for field in schema["fields"]:
        for depth, one in [(0, field), *((1, inner) for inner in field["fields"])]:
            rows.append(
                (
                    "  " * depth + one["name"],
                    one["title"].get(language) or one["title"].get("en", ""),
                    one["type"],
                    say("yes") if one["required"] else "",
                    ", ".join(one["options"]),
                )
            )
    columns = [say(each) for each in ("field", "title", "type", "required", "values")]
    table(say("Schema {name}", name=schema["name"]), columns, rows)


def export(
    context: typer.Context,
    job: JobNumber,
    output: Annotated[Path, typer.Option("--output", "-o", help="A file: .xlsx, .csv, .json or .parquet.")],
    contradictions_only: Annotated[
        bool, typer.Option("--contradictions", help="In .csv and .parquet: contradictions, not values.")
    ] = False,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Write a job's values with their evidence, and its contradictions, into a file."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    asked = "contradictions" if contradictions_only else "values"
    data = there.fetch(f"/jobs/{job}/export/{form_of(output)}", language=say.language, table=asked)
    write(output, data)
    made = {"job": job, "file": str(output), "bytes": len(data)}
    answer(made, say("written: {file}", file=output), as_json=as_json)


def delete(
    context: typer.Context,
    job: JobNumber,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Delete a job with its files, texts, values and decisions; its calls stay in the books."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    if not yes and not typer.confirm(say("Delete job {job} with all its documents and decisions?", job=job)):
        raise typer.Exit(1)
    made = there.ask("DELETE", f"/jobs/{job}")
    text = say("job {job} and its {count} documents are deleted", job=job, count=made["documents"])
    answer(made, text, as_json=as_json)


def pause(
    context: typer.Context, job: JobNumber, organisation: Organisation = None, as_json: Json = False
) -> None:
    """Begin no more documents of a job; `docs resume` goes on."""
    _act(context, job, "pause", organisation, as_json=as_json)


def cancel(
    context: typer.Context, job: JobNumber, organisation: Organisation = None, as_json: Json = False
) -> None:
    """End a job before its end; what was found stays."""
    _act(context, job, "cancel", organisation, as_json=as_json)


def _act(context: typer.Context, job: int, action: str, organisation: str | None, *, as_json: bool) -> None:
    say = words_of(None)
    made = DocumentRemote(remote(context), organisation).ask("POST", f"/jobs/{job}/{action}")
    answer(made, f"{say('job')} {job}: {say(made['state'])}", as_json=as_json)


def worker(
    context: typer.Context,
    database_url: Annotated[
        str, typer.Option(envvar="RECHENWERK_DATABASE_URL", help="PostgreSQL of the installation.")
    ],
) -> None:
    """Start one more worker for documents, here or on another host, over an installation's database."""
    console().file.flush()
    raise typer.Exit(run_document_worker(database_url, remote(context).url))


def add_docs(app: typer.Typer) -> None:
    """Join the commands of this page."""
    docs = typer.Typer(help="Documents in, a checked table out.", no_args_is_help=True)
    for name, command in (
        ("run", run),
        ("jobs", jobs),
        ("show", show),
        ("review", review),
        ("kind", kind),
        ("facts", facts),
        ("contradictions", contradictions),
        ("schemas", schemas),
        ("export", export),
        ("pause", pause),
        ("resume", resume),
        ("cancel", cancel),
        ("delete", delete),
        ("watch", watch),
        ("worker", worker),
    ):
        docs.command(name)(command)
    add_training(docs)
    add_known(docs)
    app.add_typer(docs, name="docs")
