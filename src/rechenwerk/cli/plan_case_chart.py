"""Pictures of a plan beside what is published: cash flows by year, and the way from one gap to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from rechenwerk.base.errors import PlanError
from rechenwerk.cli.plan_chart import picture
from rechenwerk.planner.bridging import Bridge
from rechenwerk.planner.fitting import Fitted
from rechenwerk.planner.words import Words

# Told apart by people with any colour vision (Okabe and Ito 2008).
_PUBLISHED, _PLAN, _MORE, _LESS = "#bbbbbb", "#0072b2", "#d55e00", "#009e73"


def draw_fits(file: Path, title: str, fits: Mapping[str, Sequence[Fitted]], words: Words) -> None:
    """Published figures beside the plan's own, one row a fit, one panel a line that has several years.

    Raises:
        PlanError: nothing has several years, or the file cannot be written.
    """
    panels = []
    for name, rows in fits.items():
        for what in dict.fromkeys(one.title for one in rows):
            series = [one for one in rows if one.title == what and one.span.isdigit()]
            if len(series) > 1:
                panels.append((f"{name}: {words(what)}", series))
    if not panels:
        raise PlanError(
            'no [[fit.target]] has several years; a picture needs values = { "2027" = …, "2028" = … }'
        )
    columns = min(2, len(panels))
    rows_ = -(-len(panels) // columns)
    with picture(file, 6 * columns, 3.4 * rows_) as figure:
        figure.suptitle(title)
        axes = figure.subplots(rows_, columns, squeeze=False)
        for place, (name, series) in zip(axes.flat, panels, strict=False):
            _pairs(place, name, series, words)
        for place in axes.flat[len(panels) :]:
            place.set_axis_off()


def _pairs(axes: Axes, title: str, series: Sequence[Fitted], words: Words) -> None:
    at = np.arange(len(series))
    axes.bar(at - 0.2, [one.published for one in series], 0.4, color=_PUBLISHED, label=words("published"))
    axes.bar(at + 0.2, [one.model for one in series], 0.4, color=_PLAN, label=words("plan"))
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xticks(at, [one.span for one in series])
    axes.set_title(f"{title} ({series[0].unit})", fontsize="medium")
    axes.legend(frameon=False)


def draw_bridge(file: Path, one: Bridge, words: Words) -> None:
    """From the published gap to the plan's own, a bar a step.

    Raises:
        PlanError: the file cannot be written.
    """
    with picture(file, 10, 0.6 * len(one.steps) + 2.4) as figure:
        axes = figure.subplots()
        names = [
            words("published gap"),
            *(words(step.title) for step in one.steps),
            words("gap of this plan"),
        ]
        axes.barh(0, one.starts, color=_PUBLISHED)
        _number(axes, 0, one.starts, words.number(one.starts, 0))
        before = one.starts
        for at, step in enumerate(one.steps, 1):
            axes.barh(at, step.adds, left=before, color=_MORE if step.adds > 0 else _LESS)
            _number(axes, at, max(before, step.gap), words.signed(step.adds, 0))
            before = step.gap
        axes.barh(len(names) - 1, one.ends, color=_PLAN)
        _number(axes, len(names) - 1, one.ends, words.number(one.ends, 0))
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.axvline(0, color="black", lw=0.8)
        ends = [0.0, one.starts, one.ends, *(step.gap for step in one.steps)]
        room = 0.1 * (max(ends) - min(ends))
        axes.set_xlim(min(ends) - (room if min(ends) < 0 else 0), max(ends) + room)
        axes.set_title(f"{one.title} ({one.unit})")


def _number(axes: Axes, at: int, right: float, text: str) -> None:
    axes.annotate(text, (right, at), xytext=(4, 0), textcoords="offset points", va="center")
