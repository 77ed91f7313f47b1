"""The adviser's chart: how long demand lies above a level, and the cost over the commitment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO
from rechenwerk.contracts.advice_view import grouped, volume
from rechenwerk.contracts.adviser import OfferAdvice, Picture
from rechenwerk.contracts.offers import Sheet

FORMATS = (".png", ".svg", ".pdf")
_BLUE, _ORANGE, _GREEN, _GREY, _DARK = "#1f5fa8", "#d9731a", "#2e8b57", "#8a8f98", "#5b6068"
_MOST_POINTS = 2000


def draw(file: Path, sheet: Sheet, advice: OfferAdvice, picture: Picture) -> None:
    """Write the chart; the ending of the file's name says which format.

    Raises:
        RechenwerkError: the file cannot be written.
    """
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    figure.suptitle(f"{advice.offer.name}: what to commit for {advice.offer.term_months} months", fontsize=13)
    left, right = figure.subplots(1, 2)
    _duration(left, sheet, advice, picture)
    _costs(right, sheet, advice, picture)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, color="#e6e8eb", linewidth=0.7)
        axes.set_axisbelow(True)
    try:
        figure.savefig(file, dpi=130, metadata={"Date": None} if file.suffix == ".svg" else None)
    except OSError as error:
        raise RechenwerkError(f"cannot write {file}: {error.strerror}; give another --chart") from None


def _duration(axes: Axes, sheet: Sheet, advice: OfferAdvice, picture: Picture) -> None:
    step = max(1, len(picture.loads) // _MOST_POINTS)
    kept = [load / NANO for load in picture.loads[::step]]
    shown = [load for load in kept for _ in range(2)]  # an interval is a step: it has two ends
    share = [100 * (index + end) / len(kept) for index in range(len(kept)) for end in (0, 1)]
    level = advice.level / NANO
    axes.plot(share, shown, color=_BLUE, linewidth=1.8, label="demand")
    axes.fill_between(
        share, [min(one, level) for one in shown], color=_BLUE, alpha=0.15, label="served by it"
    )
    axes.fill_between(share, shown, level, where=[one < level for one in shown], color=_ORANGE, alpha=0.35,
                      label="paid, not used")  # fmt: skip
    axes.axhline(level, color=_ORANGE, linewidth=1.5)
    axes.text(
        99, level, f"commit {_number(advice.level)}", ha="right", va="bottom", color=_ORANGE, bbox=_paper()
    )
    if advice.cautious != advice.pieces:
        cautious = advice.cautious * advice.offer.capacity
        axes.axhline(cautious / NANO, color=_GREY, linewidth=1, linestyle=":")
        axes.text(2, cautious / NANO, f"least regret {_number(cautious)}", ha="left", va="top", color=_DARK)
    if advice.break_even is not None and advice.break_even <= 1:
        even = 100 * float(advice.break_even)
        axes.axvline(even, color=_GREEN, linewidth=1.2, linestyle="--")
        axes.text(even - 1, max(shown), f"break-even {even:.0f} %", ha="right", va="top", color=_GREEN)
    axes.set_title(f"Demand per {advice.offer.interval}, highest first", fontsize=11)
    axes.set_xlabel("share of the term in which demand is above (%)")
    axes.set_ylabel(f"{sheet.unit} per {advice.offer.interval}")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_ylim(0, max(*shown, level) * 1.08)
    axes.set_xlim(0, 100)
    axes.legend(loc="lower left", frameon=False)


def _costs(axes: Axes, sheet: Sheet, advice: OfferAdvice, picture: Picture) -> None:
    counts = [row[0] for row in picture.costs]
    labels = ("demand as expected", "30 % lower", "30 % higher")
    styles: tuple[Any, ...] = ("-", "--", ":")
    for column, (label, style, color) in enumerate(
        zip(labels, styles, (_BLUE, _ORANGE, _GREY), strict=True), 1
    ):
        costs = [float(row[column] / NANO) for row in picture.costs]
        axes.plot(counts, costs, style, color=color, linewidth=1.8, label=label)
        axes.plot([counts[0]], [costs[0]], "o", color=color, markersize=3)
    axes.plot([advice.pieces], [float(advice.cost / NANO)], "o", color=_BLUE, markersize=8)
    axes.annotate(
        f"best: {advice.pieces}",
        (advice.pieces, float(advice.cost / NANO)),
        textcoords="offset points",
        xytext=(0, -16),
        ha="center",
        color=_BLUE,
    )
    _line_of_break_even(axes, advice, picture)
    best_lower = min(row[2] for row in picture.costs)
    here = float(advice.lower / NANO)
    if advice.regret_lower > 0:
        axes.plot(
            [advice.pieces] * 2, [float(best_lower / NANO), here], color=_ORANGE, linewidth=3, alpha=0.6
        )
        text = f"  regret {grouped(f'{float(advice.regret_lower / NANO):.0f}')}"
        axes.text(advice.pieces, (here + float(best_lower / NANO)) / 2, text, color=_ORANGE, va="center")
    axes.set_title("Cost of the term over the commitment", fontsize=11)
    axes.set_xlabel(f"pieces, {volume(advice.offer.capacity)} {sheet.unit} per {advice.offer.interval} each")
    axes.set_ylabel(sheet.currency)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.legend(loc="lower right", frameon=False)


def _paper() -> dict[str, Any]:
    """Something white under a text, so that a line behind it does not strike it through."""
    return {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}


def _line_of_break_even(axes: Axes, advice: OfferAdvice, picture: Picture) -> None:
    """What all demand costs without the offer, and the size from which the offer costs more than that."""
    plain = float(advice.on_demand / NANO)
    axes.axhline(plain, color=_GREEN, linewidth=1, linestyle="--")
    axes.text(picture.costs[-1][0], plain, "all on demand", ha="right", va="bottom", color=_GREEN)
    after = [row[0] for row in picture.costs if row[0] > advice.pieces and row[1] > advice.on_demand]
    if advice.pieces and after:
        axes.plot([after[0]], [plain], "D", color=_GREEN, markersize=6)
        axes.annotate(
            f"break-even: {after[0]}",
            (after[0], plain),
            textcoords="offset points",
            xytext=(-8, 7),
            ha="right",
            color=_GREEN,
        )


def _number(billionths: int) -> str:
    return grouped(volume(billionths))
