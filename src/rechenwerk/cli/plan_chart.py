"""The pictures of a plan: what `plan run --chart` and `plan sensitivity --chart` draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from rechenwerk.base.errors import PlanError
from rechenwerk.planner import showing
from rechenwerk.planner.engine import Values
from rechenwerk.planner.outputs import obligations
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.reporting import charts
from rechenwerk.planner.reporting.charts import LIGHT, Chart
from rechenwerk.planner.running import Outcome
from rechenwerk.planner.sensitivity import Bar, Index
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.words import Words


def draw(file: Path, plan: Plan, values: Values, outcome: Outcome, words: Words) -> None:
    """The fan of cash, when it runs out, revenue against cost, and what must be paid in any case.

    Raises:
        PlanError: the file cannot be written, or its name says no kind of picture.
    """
    shown = (
        charts.fan(plan, outcome, words),
        charts.ruin(plan, outcome, words),
        charts.course(plan, values, words),
        charts.owed(plan, values, obligations(plan, values), words),
    )
    _write(file, plan.written.head.title, shown, 2)


def draw_sensitivity(
    file: Path,
    plan: Plan,
    looked: tuple[str, str, float],
    bars: Sequence[Bar],
    indices: Sequence[Index],
    words: Words,
) -> None:
    """The tornado, and Sobol's shares where there are any.

    Args:
        file: PNG, SVG or PDF, as its name says.
        plan: as built.
        looked: line, period, and its value as expected in base units.
        bars: of the tornado.
        indices: Sobol's.
        words: the language.

    Raises:
        PlanError: the file cannot be written, or its name says no kind of picture.
    """
    line, period, usual = looked
    title = showing.tornado_title(plan, line, period, words)
    shown = [charts.tornado(title, bars, usual, shown_unit(plan, line)[1], words)]
    if indices:
        shown.append(charts.variance(indices, words))
    _write(file, plan.written.head.title, shown, len(shown))


def _write(file: Path, title: str, shown: Sequence[Chart], columns: int) -> None:
    rows = -(-len(shown) // columns)
    with picture(file, 5.5 * columns, 4 * rows) as figure:
        figure.suptitle(title)
        for index, chart in enumerate(shown):
            axes = figure.add_subplot(rows, columns, index + 1)
            axes.set_title(chart.title, fontsize=10)
            chart.draw(axes, LIGHT)


@contextmanager
def picture(file: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches that is written when all is drawn; a $ in a text is no formula.

    Raises:
        PlanError: the file cannot be written, or its name says no kind of picture.
    """
    with mpl.rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        try:
            figure.savefig(file)
        except (OSError, ValueError) as error:
            said = f"{file} cannot be drawn: {error}; name it FILE.png, FILE.svg or FILE.pdf"
            raise PlanError(said) from error
