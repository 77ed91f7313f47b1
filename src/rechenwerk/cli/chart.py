"""The picture of a simulation: cost by policy, what commitments were drawn, load by supplier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.routing.contest import Course, Summary
from rechenwerk.routing.worlds import Case

Array = NDArray[np.float64]

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c00", "#7f7f7f")
"""Told apart by people with any colour vision (Okabe and Ito 2008), and two more."""
GREY, REFUSED = "#b8b8b8", "#000000"
NOTHING = 1e-6
"""Of the highest load: less is rounding."""
POINTS = 168
"""About so many steps along the time axis of the load; an hour each in a week."""
COMMITMENTS = 4
"""So many commitments are drawn, the largest."""
DATED = 946_684_800.0
"""Times before 2000 are counted from the beginning of a trace without dates."""
DAY = 86400.0
"""Dates on an axis are days since 1970."""


class Picture(msgspec.Struct, frozen=True):
    """What is drawn.

    Attributes:
        case: the simulation whose course is drawn.
        courses: of every policy in it.
        summaries: of every policy, over all simulations.
        shown: the policy whose load is drawn and whose draw stands out.
        title: which simulation's course is drawn.
        trace: name of its file.
        runs: simulations in `summaries`.
    """

    case: Case
    courses: tuple[Course, ...]
    summaries: tuple[Summary, ...]
    shown: str
    title: str
    trace: str
    runs: int


def draw(picture: Picture, file: Path) -> None:
    """Write it as PNG or SVG, as the name says."""
    commitments = _commitments(picture.case)
    rows = 3 if commitments else 2
    heights = [0.55 + 0.22 * len(picture.summaries), *([2.2] if commitments else []), 2.6]
    figure = Figure(figsize=(11, 1.4 + sum(heights)), layout="constrained")
    grid = figure.add_gridspec(rows, 1, height_ratios=heights)
    _bars(figure.add_subplot(grid[0]), picture)
    if commitments:
        inner = grid[1].subgridspec(1, len(commitments))
        for at, one in enumerate(commitments):
            _draws(figure.add_subplot(inner[at]), picture, one, legend=at == 0)
    _load(figure.add_subplot(grid[rows - 1]), picture)
    figure.suptitle(
        f"{picture.trace}; courses: {picture.title}", fontsize=11, x=0.01, ha="left", color="#555555"
    )
    try:
        figure.savefig(file, dpi=130, metadata={"Date": None} if file.suffix == ".svg" else None)
    except OSError as error:
        raise RechenwerkError(f"cannot write {file}: {error.strerror}; name another file") from None


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=10, loc="left", fontweight="bold")


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _bars(axes: Axes, picture: Picture) -> None:
    """Mean cost over the bound; a line to the worst where there are several simulations."""
    ranked = sorted(picture.summaries, key=lambda one: -one.ratio)
    finite = [one.ratio for one in ranked if math.isfinite(one.ratio)]
    top = max(finite, default=1.0)
    for at, one in enumerate(ranked):
        ratio = one.ratio if math.isfinite(one.ratio) else top
        colour = COLOURS[0] if one.policy == picture.shown else GREY
        axes.barh(at, ratio - 1, left=1, color=colour, height=0.7)
        if picture.runs > 1 and math.isfinite(one.worst):
            axes.plot([ratio, one.worst], [at, at], color="#555555", linewidth=1)
        end = max(ratio, one.worst if picture.runs > 1 and math.isfinite(one.worst) else ratio)
        axes.annotate(
            f"{one.ratio:.2f}", (end, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.set_yticks(range(len(ranked)), [one.policy for one in ranked])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.margins(x=0.08)
    axes.set_xlim(left=1)
    several = f", mean of {picture.runs} simulations, line to the worst" if picture.runs > 1 else ""
    _title(axes, f"Cost over the least that it could have been (1 = bound){several}")
    _plain(axes)


class _Commitment(msgspec.Struct, frozen=True):
    name: str
    amount: float
    supplies: tuple[int, ...]
    ends_at: float
    word: str


def _commitments(case: Case) -> list[_Commitment]:
    """Minimums and credits, the largest first."""
    found = [
        _Commitment(one.name, one.amount - one.drawn, one.supplies, one.ends_at, "minimum")
        for one in case.world.minimums
    ]
    found += [
        _Commitment(one.name, one.left, one.supplies, one.ends_at, "credit") for one in case.world.credits
    ]
    found = [one for one in found if one.amount > 0]
    return sorted(found, key=lambda one: -one.amount)[:COMMITMENTS]


def _draws(axes: Axes, picture: Picture, one: _Commitment, *, legend: bool) -> None:
    """Cumulative charges against the amount and its linear course."""
    case = picture.case
    places = [at for at, supply in enumerate(case.world.supplies) if supply.id in one.supplies]
    top = 0.0
    for course in sorted(picture.courses, key=lambda course: course.policy == picture.shown):
        charged = course.charges[:, places].sum(axis=1)
        step = (case.world.ends_at - case.world.begins_at) / len(charged)
        open_ = case.world.begins_at + step * (np.arange(len(charged)) + 0.5) < one.ends_at
        drawn = np.concatenate([[0.0], np.cumsum(np.where(open_, charged, 0.0))])
        if one.word == "credit":
            drawn = np.minimum(drawn, one.amount)
        mine = course.policy == picture.shown
        label = course.policy if mine else None
        colour, width = (COLOURS[0], 2.0) if mine else (GREY, 0.9)
        when = (case.world.begins_at + step * np.arange(len(drawn))) / DAY
        axes.plot(when, drawn, color=colour, linewidth=width, label=label)
        top = max(top, float(drawn[-1]))
    begin, end = case.world.begins_at / DAY, min(one.ends_at, case.world.ends_at) / DAY
    axes.plot(
        [begin, end], [0, one.amount], color=COLOURS[5], linewidth=1, linestyle="--", label="linear course"
    )
    axes.axhline(one.amount, color=COLOURS[5], linewidth=1)
    if legend:
        axes.plot([], [], color=GREY, label="the others")
        axes.legend(fontsize=8, loc="best", framealpha=0.85, edgecolor="none")
    axes.set_ylim(0, 1.08 * max(top, one.amount))
    _title(axes, f"{one.name}: drawn of its {one.word} of {one.amount:,.0f}")
    _times(axes, case)
    _plain(axes)


def _times(axes: Axes, case: Case) -> None:
    """Days, or hours of a short simulation."""
    world = case.world
    dated = world.begins_at > DATED
    locator: Any = dates.AutoDateLocator(minticks=3, maxticks=8, tz=UTC)  # type: ignore[no-untyped-call]
    form: Any = dates.ConciseDateFormatter(locator, tz=UTC, show_offset=dated)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(form)
    axes.xaxis.get_offset_text().set_fontsize(8)
    axes.set_xlim(world.begins_at / DAY, world.ends_at / DAY)


def _load(axes: Axes, picture: Picture) -> None:
    """Volume by supplier over time, stacked, refused work on top in black."""
    case = picture.case
    course = next(one for one in picture.courses if one.policy == picture.shown)
    group = max(1, round(len(course.volumes) / POINTS))
    volumes = _summed(np.column_stack([course.volumes, course.refused]), group)
    per_hour = volumes / (group * case.window / 3600)
    moments = case.world.begins_at + group * case.window * np.arange(len(per_hour) + 1)
    when = np.minimum(moments, case.world.ends_at) / DAY
    names = [*(one.name for one in case.world.supplies), "refused"]
    colours = [*(COLOURS[at % len(COLOURS)] for at in range(len(case.world.supplies))), REFUSED]
    base = np.zeros(len(per_hour))
    for name, colour, load in zip(names, colours, per_hour.T, strict=True):
        if load.max(initial=0.0) > NOTHING * per_hour.max(initial=0.0):
            low, high = _stairs(base), _stairs(base + load)
            axes.fill_between(when, low, high, step="post", color=colour, linewidth=0, label=name)
        base = base + load
    axes.set_ylim(bottom=0)
    axes.set_ylabel("million weighted tokens per hour", fontsize=8)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    _title(axes, f"Who serves: {picture.shown}")
    _times(axes, case)
    _plain(axes)


def _summed(table: Array, group: int) -> Array:
    """Sums of so many rows each."""
    starts: Sequence[int] = range(0, len(table), group)
    return np.asarray(np.add.reduceat(table, starts, axis=0))


def _stairs(values: Array) -> Array:
    """With the last value once more, as steps need."""
    return np.append(values, values[-1:])
