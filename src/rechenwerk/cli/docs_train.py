"""Commands: docs train, docs models, docs rollback. Models that learn from an organisation's own examples."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.docs_remote import DocumentRemote
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, answer, console, moment, print_json, table

Name = Annotated[str, typer.Argument(help="Name of the model; it is asked as trained/NAME.")]
_BATCH = 500
_MOST_SHOWN = 12
"""Labels up to which the whole confusion table is shown; above, the pairs that are mixed up most."""
_PAIRS = 15


def train(
    context: typer.Context,
    name: Name,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="TSV (label, text), CSV with the columns label and text, or a folder with a folder of .txt"
            " files for each label. Without any the examples that are there already are learnt from."
        ),
    ] = None,
    schema: Annotated[
        str | None, typer.Option(help="Train an extractor of this schema from reviewed documents instead.")
    ] = None,
    kinds: Annotated[
        bool,
        typer.Option("--kinds", help="Learn from documents whose kind people said or confirmed, too."),
    ] = False,
    vectors: Annotated[str, typer.Option(help="Model to embed with; none for words and letters alone.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the folds: the same gives the same model.")] = 0,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Train a model, show how well it does on examples that it was not trained on, and serve it."""
    if schema is not None and files:
        raise RechenwerkError("an extractor learns from reviewed documents: give --schema or files, not both")
    if schema is not None and kinds:
        raise RechenwerkError("--kinds trains a classifier and --schema an extractor: give one of them")
    there = DocumentRemote(remote(context), organisation)
    examples = [one for file in files or () for one in read_examples(file)]
    with console().status("training ..."):
        for at in range(0, len(examples), _BATCH):
            there.ask("POST", f"/trained/{name}/examples", {"examples": examples[at : at + _BATCH]})
        body: dict[str, Any] = {"vectors": vectors, "seed": seed, "kinds": kinds}
        if schema is not None:
            body |= {"kind": "extractor", "schema": schema}
        made = there.ask("POST", f"/trained/{name}/train", body)
    if as_json:
        print_json(made)
        return
    _show(name, made)
    console().print(
        f"It answers as trained/{name}; 'rechenwerk docs rollback {name}' goes back.", markup=False
    )


def models(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show this model with its versions.")] = None,
    version: Annotated[int | None, typer.Option(help="Show the evaluation of this version.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the model with its examples.")] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """List trained models, or show the versions of one with their evaluation."""
    there = DocumentRemote(remote(context), organisation)
    if name is None:
        found = there.ask("GET", "/trained")
        if as_json:
            print_json(found)
            return
        rows = [
            (
                one["model"],
                one["kind"],
                one["schema_name"],
                one["active"],
                one["examples"],
                moment(one["made_at"]),
            )
            for one in found["models"]
        ]
        columns = ("model", "kind", "schema", "active version", "examples", "made")
        table("Trained models", columns, rows, right=("active version", "examples"))
    elif remove:
        made = there.ask("DELETE", f"/trained/{name}")
        answer(made, f"trained/{name} is deleted with its examples and versions", as_json=as_json)
    else:
        _one(there.ask("GET", f"/trained/{name}"), version, as_json=as_json)


def _one(found: dict[str, Any], version: int | None, *, as_json: bool) -> None:
    versions = [one for one in found["versions"] if version in {None, one["version"]}]
    if version is not None and not versions:
        raise RechenwerkError(f"{found['name']!r} has no version {version}")
    if as_json:
        print_json(found if version is None else versions[0])
        return
    rows = [
        (
            one["version"],
            Text("active", style="green") if one["active"] else Text("kept", style="dim"),
            one["examples"],
            f"{one['accuracy']:.1%}",
            f"{one['macro_f1']:.1%}",
            one["vectors"] or "none",
            f"{one['seconds']:.1f} s",
            one["made_by"],
            moment(one["made_at"]),
        )
        for one in found["versions"]
    ]
    columns = ("version", "", "examples", "right", "F1", "vectors", "training", "by", "made")
    table(f"{found['model']} ({found['kind']})", columns, rows, right=("version", "examples", "right", "F1"))
    chosen = next((one for one in found["versions"] if one["version"] == version), None)
    if chosen is not None:
        _show(found["name"], chosen)


def rollback(
    context: typer.Context,
    name: Name,
    to: Annotated[
        int | None, typer.Option(min=1, help="Version; else the one before the active one.")
    ] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Let an earlier version of a trained model answer again; nothing is deleted."""
    there = DocumentRemote(remote(context), organisation)
    made = there.ask("POST", f"/trained/{name}/rollback", {"version": to})
    answer(made, f"trained/{name} answers with version {made['version']} from now on", as_json=as_json)


def read_examples(path: Path) -> list[dict[str, str]]:
    """Labelled texts of a file or a folder.

    Raises:
        RechenwerkError: it cannot be read; names the line.
    """
    try:
        if path.is_dir():
            return [
                {"label": folder.name, "text": file.read_text(encoding="utf-8"), "source": str(file)[-300:]}
                for folder in sorted(path.iterdir())
                if folder.is_dir()
                for file in sorted(folder.glob("*.txt"))
            ]
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RechenwerkError(f"{path} cannot be read: {error}; give UTF-8 text") from error
    if path.suffix.lower() == ".csv":
        return _of_csv(path, text)
    rows = []
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        label, mark, words = line.partition("\t")
        if not mark:
            raise RechenwerkError(f"{path}, line {at}: no tab; write the label, a tab, the text")
        rows.append({"label": label.strip(), "text": words, "source": f"{path.name}, line {at}"})
    return rows


def _of_csv(path: Path, text: str) -> list[dict[str, str]]:
    first = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=";" if ";" in first else ",")
    if not {"label", "text"} <= set(reader.fieldnames or ()):
        raise RechenwerkError(f"{path}: the first line must name the columns label and text")
    return [
        {
            "label": (row["label"] or "").strip(),
            "text": row["text"] or "",
            "source": f"{path.name}, line {at}",
        }
        for at, row in enumerate(reader, 2)
    ]


def _show(name: str, made: dict[str, Any]) -> None:
    """An evaluation: per label, and what is taken for what."""
    out = console()
    rows = [
        (one["name"], one["examples"], f"{one['precision']:.0%}", f"{one['recall']:.0%}", f"{one['f1']:.0%}")
        for one in made["scores"]
    ]
    what = "label" if made["kind"] == "classifier" else "field"
    title = f"trained/{name}, version {made['version']}: {made['folds']} parts held out, one after the other"
    columns = (what, "examples", "precision", "recall", "F1")
    table(title, columns, rows, right=columns[1:])
    if made["confusion"]:
        _confusion([one["name"] for one in made["scores"]], made["confusion"])
    skipped = f", {made['skipped']} left out" if made["skipped"] else ""
    out.print(
        f"{made['accuracy']:.1%} right over {made['examples']} examples{skipped}; {made['seconds']:.1f} s,"
        f" vectors of {made['vectors'] or 'no model'}.",
        markup=False,
    )


def _confusion(labels: list[str], counts: list[list[int]]) -> None:
    if len(labels) <= _MOST_SHOWN:
        rows = [
            (label, *(_cell(number, at == column) for column, number in enumerate(row)))
            for at, (label, row) in enumerate(zip(labels, counts, strict=True))
        ]
        table("Rows: what it is. Columns: what was said.", ("", *labels), rows, right=labels)
        return
    pairs = sorted(
        (-number, labels[at], labels[column])
        for at, row in enumerate(counts)
        for column, number in enumerate(row)
        if number and at != column
    )
    shown = [(true, said, -number) for number, true, said in pairs[:_PAIRS]]
    table("Mixed up most", ("is", "was said", "times"), shown, right=("times",))


def _cell(number: int, right: bool) -> Text:
    return Text(str(number) if number else "·", style="green" if right else "red" if number else "dim")


def add_training(docs: typer.Typer) -> None:
    """Join the commands of this page."""
    docs.command("train")(train)
    docs.command("models")(models)
    docs.command("rollback")(rollback)
