"""Charts of a plan, on light and on dark ground."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import matplotlib as mpl
import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rechenwerk.planner.engine import Values
from rechenwerk.planner.outputs import ByYear
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import Outcome
from rechenwerk.planner.sensitivity import Bar, Index
from rechenwerk.planner.showing import series
from rechenwerk.planner.words import Words

# Told apart by people with any colour vision (Okabe and Ito 2008); the first is ours.
COLOURS = ("#2a78b5", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c00", "#7f7f7f")
GOOD, BAD = "#009e73", "#d55e00"
_SIZE = (4.4, 3.1)
"""Inches: its letters can be read on a telephone, and two stand side by side on a page."""
_MOST = 10
"""Bars of a tornado and steps of a bridge that are drawn; the rest is in the tables."""


class Ground(msgspec.Struct, frozen=True):
    """What a chart stands on."""

    ink: str
    soft: str


LIGHT = Ground("#1b2430", "#c9d2db")
DARK = Ground("#e6ebf0", "#46525f")
Draw = Callable[[Axes, Ground], None]


class Chart(msgspec.Struct, frozen=True):
    """A chart that can be drawn.

    Args:
        title: above it.
        said: the same for who does not see it.
        draw: onto axes.
    """

    title: str
    said: str
    draw: Draw


def picture(chart: Chart, ground: Ground, form: str, dots: int = 200) -> bytes:
    """A chart as ``svg`` or ``png``; the same chart gives the same bytes."""
    with mpl.rc_context(
        {
            "text.parse_math": False,
            "svg.hashsalt": "rechenwerk",
            "svg.fonttype": "none",
            "font.size": 9,
            "axes.edgecolor": ground.soft,
            "axes.labelcolor": ground.ink,
            "text.color": ground.ink,
            "xtick.color": ground.ink,
            "ytick.color": ground.ink,
        }
    ):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        chart.draw(axes, ground)
        file = io.BytesIO()
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(file, format=form, transparent=True, dpi=dots, metadata=metadata)
    return file.getvalue()


def times(plan: Plan) -> np.ndarray:
    """(periods,) their ends in years."""
    return np.asarray((plan.axis.first + plan.axis.months * (np.arange(plan.axis.count) + 1)) / 12)


def fan(plan: Plan, outcome: Outcome, words: Words) -> Chart:
    """Quantiles of cash."""
    bands = outcome.bands["cash"].quantiles / plan.money.scale

    def draw(axes: Axes, ground: Ground) -> None:
        for low in range(len(outcome.levels) // 2):
            label = f"{words.share(outcome.levels[low], 0)}-{words.share(outcome.levels[-1 - low], 0)}"
            axes.fill_between(
                times(plan), bands[low], bands[-1 - low], color=COLOURS[0], alpha=0.28, lw=0, label=label
            )
        axes.plot(times(plan), bands[len(bands) // 2], color=COLOURS[0], label=words("median"))
        axes.axhline(0, color=ground.ink, lw=0.8)
        _calendar(axes, plan)
        axes.legend(frameon=False, fontsize=8)

    said = words("Cash over {paths} paths, seed {seed} ({unit})", **_run(plan, outcome, words))
    return Chart(said, said, draw)


def _run(plan: Plan, outcome: Outcome, words: Words) -> dict[str, object]:
    paths = words.number(outcome.paths, 0)
    return {"paths": paths, "seed": outcome.seed, "unit": plan.written.head.shown_in}


def ruin(plan: Plan, outcome: Outcome, words: Words) -> Chart:
    """The probability that cash has run out."""

    def draw(axes: Axes, _: Ground) -> None:
        axes.plot(times(plan), outcome.ruined * 100, color=BAD)
        axes.fill_between(times(plan), outcome.ruined * 100, color=BAD, alpha=0.2, lw=0)
        axes.set_ylim(0, max(5.0, float(outcome.ruined[-1]) * 115))
        _calendar(axes, plan)

    title = words("Probability that the cash has run out (%)")
    return Chart(title, title, draw)


def course(plan: Plan, values: Values, words: Words) -> Chart:
    """Revenue, its cost and free cash flow as expected."""

    def draw(axes: Axes, ground: Ground) -> None:
        for index, name in enumerate(("revenue", "cost_of_revenue", "free_cash_flow")):
            axes.plot(
                times(plan),
                series(plan, values, name),
                color=COLOURS[index],
                label=words(plan.lines[name].title),
            )
        axes.axhline(0, color=ground.ink, lw=0.8)
        _calendar(axes, plan)
        axes.legend(frameon=False, fontsize=8)

    title = words("Each period, as expected ({unit})", unit=plan.written.head.shown_in)
    return Chart(title, title, draw)


def owed(plan: Plan, values: Values, found: ByYear, words: Words) -> Chart:
    """What must be paid in any case, by year, beside revenue."""
    revenue, of = series(plan, values, "revenue"), np.asarray(plan.axis.years)

    def draw(axes: Axes, ground: Ground) -> None:
        places = np.arange(len(found.years))
        below = np.zeros(len(places))
        for index, (name, cells) in enumerate(found.rows):
            heights = np.asarray(cells[:-1])
            axes.bar(
                places, heights, bottom=below, color=COLOURS[index % len(COLOURS)], width=0.7, label=name
            )
            below = below + heights
        sums = [revenue[of == year].sum() for year in found.years]
        axes.plot(places, sums, color=ground.ink, ls="--", marker="o", ms=3, label=words("revenue"))
        axes.set_xticks(places, [str(year) for year in found.years])
        if len(places) > 8:
            axes.tick_params(axis="x", rotation=45)
        axes.legend(frameon=False, fontsize=8)

    title = words("Must be paid in any case, by year ({unit})", unit=plan.written.head.shown_in)
    return Chart(title, title, draw)


def tornado(title: str, bars: Sequence[Bar], usual: float, scale: float, words: Words) -> Chart:
    """Each driver alone from its first to its last decile."""

    def draw(axes: Axes, ground: Ground) -> None:
        shown = list(bars)[:_MOST][::-1]
        for index, one in enumerate(shown):
            for value, colour, label in ((one.low, COLOURS[1], "low"), (one.high, COLOURS[0], "high")):
                axes.barh(
                    index,
                    (value - usual) / scale,
                    left=usual / scale,
                    color=colour,
                    height=0.6,
                    label=words(label) if index == 0 else None,
                )
        axes.axvline(usual / scale, color=ground.ink, lw=0.8)
        axes.set_yticks(range(len(shown)), [one.driver for one in shown])
        axes.legend(frameon=False, fontsize=8)

    return Chart(title, title, draw)


def variance(indices: Sequence[Index], words: Words) -> Chart:
    """Shares of the variance with their intervals."""

    def draw(axes: Axes, ground: Ground) -> None:
        shown = list(indices)[:_MOST][::-1]
        places = np.arange(len(shown))
        for offset, colour, label, found in (
            (0.2, COLOURS[0], "alone", [(one.first, one.first_error) for one in shown]),
            (-0.2, COLOURS[1], "with all others", [(one.total, one.total_error) for one in shown]),
        ):
            axes.barh(
                places + offset,
                [value for value, _ in found],
                height=0.36,
                color=colour,
                xerr=[error for _, error in found],
                ecolor=ground.ink,
                label=words(label),
            )
        axes.set_yticks(places, [one.driver for one in shown])
        axes.legend(frameon=False, fontsize=8)

    title = words("Share of the variance (Sobol)")
    return Chart(title, title, draw)


def sides(found: Sequence[tuple[str, Plan, Values]], words: Words) -> Chart:
    """Cash of several plans as expected."""
    unit = found[0][1].written.head.shown_in

    def draw(axes: Axes, ground: Ground) -> None:
        for index, (name, plan, values) in enumerate(found):
            style = "-" if index < len(COLOURS) else "--"
            cash = series(plan, values, "cash")
            axes.plot(times(plan), cash, style, color=COLOURS[index % len(COLOURS)], label=name)
        axes.axhline(0, color=ground.ink, lw=0.8)
        _calendar(axes, found[0][1])
        axes.legend(frameon=False, fontsize=7.5)

    title = words("Cash of the scenarios, as expected ({unit})", unit=unit)
    return Chart(title, title, draw)


def waterfall(
    title: str, ends: tuple[tuple[str, float], tuple[str, float]], steps: Sequence[tuple[str, float]]
) -> Chart:
    """From one amount to another, step by step."""

    def draw(axes: Axes, ground: Ground) -> None:
        shown = list(steps)[:_MOST]
        rest = sum(effect for _, effect in list(steps)[_MOST:])
        if rest:
            shown.append(("…", rest))
        names = [ends[0][0], *(name for name, _ in shown), ends[1][0]]
        axes.bar(0, ends[0][1], color=COLOURS[0], width=0.6)
        at = ends[0][1]
        for index, (_, effect) in enumerate(shown, start=1):
            axes.bar(index, effect, bottom=at, color=GOOD if effect >= 0 else BAD, width=0.6)
            axes.plot([index - 0.7, index + 0.3], [at, at], color=ground.soft, lw=0.8)
            at += effect
        axes.bar(len(names) - 1, ends[1][1], color=COLOURS[0], width=0.6)
        axes.axhline(0, color=ground.ink, lw=0.8)
        axes.use_sticky_edges = False
        axes.margins(y=0.06)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)

    return Chart(title, title, draw)


def _calendar(axes: Axes, plan: Plan) -> None:
    """Whole years below."""
    first, last = plan.axis.first / 12, (plan.axis.first + plan.axis.months * plan.axis.count) / 12
    years = np.arange(np.ceil(first), np.floor(last) + 1)
    step = max(1, len(years) // 6)
    axes.set_xlim(first, last)
    axes.set_xticks(years[::step], [f"{year:.0f}" for year in years[::step]])
