"""The picture of a plan: the fan of its cash, revenue against cost, and what must be paid in any case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.engine import Values
from rechenwerk.planner.outputs import obligations
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import Outcome

# Told apart by people with any colour vision (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c00", "#7f7f7f")


def draw(file: Path, plan: Plan, values: Values, outcome: Outcome) -> None:
    """Write it as PNG, SVG or PDF, as the name says.

    Raises:
        PlanError: the file cannot be written, or its name says no kind of picture.
    """
    figure = Figure(figsize=(11, 8), layout="constrained")
    figure.suptitle(plan.written.head.title)
    axes = figure.subplots(2, 2)
    _fan(axes[0][0], plan, outcome)
    _ruin(axes[0][1], plan, outcome)
    _profit(axes[1][0], plan, values)
    _owed(axes[1][1], plan, values)
    try:
        figure.savefig(file)
    except (OSError, ValueError) as error:
        raise PlanError(f"{file} cannot be drawn: {error}; name it FILE.png, FILE.svg or FILE.pdf") from error


def _times(plan: Plan) -> np.ndarray:
    return (plan.axis.first + plan.axis.months * (np.arange(plan.axis.count) + 1)) / 12


def _fan(axes: Axes, plan: Plan, outcome: Outcome) -> None:
    times, bands = _times(plan), outcome.bands["cash"].quantiles / plan.money.scale
    for low in range(len(outcome.levels) // 2):
        label = f"{outcome.levels[low]:.0%} to {outcome.levels[-1 - low]:.0%}"
        axes.fill_between(
            times, bands[low], bands[-1 - low], color=_COLOURS[0], alpha=0.25, lw=0, label=label
        )
    axes.plot(times, bands[len(bands) // 2], color=_COLOURS[0], label="median")
    axes.axhline(0, color="black", lw=0.8)
    axes.set_title(f"Cash ({plan.written.head.shown_in})")
    axes.legend(frameon=False)


def _ruin(axes: Axes, plan: Plan, outcome: Outcome) -> None:
    axes.plot(_times(plan), outcome.ruined * 100, color=_COLOURS[5])
    axes.set_ylim(0, 100)
    axes.set_title("Paths whose cash has run out (%)")


def _profit(axes: Axes, plan: Plan, values: Values) -> None:
    times = _times(plan)
    for index, name in enumerate(("revenue", "cost_of_revenue", "gross_profit", "free_cash_flow")):
        series = np.broadcast_to(values[name][:, 0], plan.axis.count) / plan.money.scale
        axes.plot(times, series, color=_COLOURS[index], label=plan.lines[name].title)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_title(f"Each period, as expected ({plan.written.head.shown_in})")
    axes.legend(frameon=False)


def _owed(axes: Axes, plan: Plan, values: Values) -> None:
    found = obligations(plan, values)
    below = np.zeros(len(found.years))
    for index, (name, cells) in enumerate(found.rows):
        heights = np.asarray(cells[:-1])
        axes.bar(found.years, heights, bottom=below, color=_COLOURS[index % len(_COLOURS)], label=name)
        below = below + heights
    of = np.asarray(plan.axis.years)
    revenue = np.broadcast_to(values["revenue"][:, 0], plan.axis.count) / plan.money.scale
    axes.plot(found.years, [revenue[of == year].sum() for year in found.years], "k--", label="revenue")
    axes.set_title(f"Must be paid in any case, by year ({plan.written.head.shown_in})")
    axes.legend(frameon=False)
