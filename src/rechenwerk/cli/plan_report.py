"""What `plan report` calculates and writes; loaded only by it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.cli.files import beside
from rechenwerk.cli.plan_run import load
from rechenwerk.cli.show import console, progress_bar
from rechenwerk.planner.reporting.content import compose
from rechenwerk.planner.reporting.page import page
from rechenwerk.planner.reporting.sheets import sheets
from rechenwerk.planner.words import Words


class Wanted(msgspec.Struct, frozen=True):
    """What the command line said."""

    file: Path
    out: Path
    scenario: str = ""
    paths: int = 0
    workers: int = 1
    language: str = "en"


def report_command(wanted: Wanted) -> None:
    """`plan report`.

    Raises:
        PlanError: the name says no kind of report, or the file cannot be written.
    """
    words = Words(wanted.language)
    form = wanted.out.suffix
    if form not in {".html", ".pdf"}:
        raise PlanError(f"{wanted.out} is no report; name it FILE.html or FILE.pdf")
    plan = load(wanted.file, wanted.scenario)
    with progress_bar(quiet=False) as bar:
        task = bar.add_task(words("calculating"), total=1.0)
        report = compose(
            plan,
            wanted.scenario,
            wanted.paths,
            wanted.workers,
            words,
            lambda done: bar.update(task, completed=done),
        )
        bar.remove_task(task)
        task = bar.add_task(words("drawing"), total=1.0)
        render = page if form == ".html" else sheets
        made = render(report, lambda done: bar.update(task, completed=done))
    try:
        with beside(wanted.out) as out:
            out.write(made)
    except OSError as error:
        raise PlanError(f"{wanted.out} cannot be written: {error.strerror}; name another place") from error
    console().print(words("Written: {file}", file=wanted.out), markup=False)
