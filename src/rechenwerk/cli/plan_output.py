"""Where a plan comes from and where its results go: files of every kind; loaded only by commands on plans."""

from __future__ import annotations

from pathlib import Path

import typer

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli import files
from rechenwerk.planner.engine import Values
from rechenwerk.planner.exporting import as_csv, as_parquet, entries
from rechenwerk.planner.loading import Loaded, load
from rechenwerk.planner.running import Outcome
from rechenwerk.planner.workbook import workbook

KINDS = (".xlsx", ".csv", ".parquet")


def loaded(file: Path, scenario: str = "") -> Loaded:
    """A plan's file, whatever it is written in.

    Raises:
        RechenwerkError: it cannot be read, or something in it is wrong.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RechenwerkError(f"cannot read {file}: {error.strerror}") from None
    return load(file.name, data, scenario)


def fitting(output: Path | None) -> None:
    """See that results can be written to a file of this name, before anything is calculated.

    Raises:
        typer.BadParameter: its ending says nothing that is known.
    """
    if output is not None and output.suffix.lower() not in KINDS:
        raise typer.BadParameter(
            f"--output {output}: its name ends with {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        )


def write(output: Path, plan: Loaded, values: Values, outcome: Outcome, language: str) -> None:
    """The results as a file; its name says of which kind. All of it is there, or nothing.

    Raises:
        RechenwerkError: it cannot be written.
    """
    match output.suffix.lower():
        case ".xlsx":
            data = workbook(plan.plan, plan.source, "de" if language == "de" else "en")
        case ".csv":
            data = as_csv(entries(plan.plan, values, outcome))
        case _:
            data = as_parquet(entries(plan.plan, values, outcome), plan.plan, outcome)
    files.write(output, data)
