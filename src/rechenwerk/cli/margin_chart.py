"""The picture of a margin: what each line brought, beside what it cost; idle capacity stands by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.costs import title

# Told apart by people with any colour vision (Okabe and Ito 2008).
_REVENUE, _DIRECT, _ALLOCATED, _IDLE = "#009e73", "#0072b2", "#56b4e9", "#e69f00"
_MOST = 24
"""So many lines are drawn, the dearest."""
_WIDTH = 0.38


def draw(file: Path, found: Mapping[str, Any], words: Mapping[str, str]) -> None:
    """Write it as PNG, SVG or PDF, as the name says.

    Args:
        file: where to.
        found: a margin, as the office answers it.
        words: in the reader's language.
    """
    lines = sorted(found["lines"], key=lambda one: -max(_number(one["net"]), _number(one["cost"])))[:_MOST]
    lines = [one for one in lines if _number(one["net"]) or _number(one["cost"])]
    bars = len(lines) + len(found["idle"])
    figure = Figure(figsize=(max(7.0, 1.6 + 1.25 * bars), 4.6), layout="constrained")
    axes = figure.add_subplot()
    for at, one in enumerate(lines):
        _line(axes, at, one, words, first=at == 0)
    for at, one in enumerate(found["idle"], len(lines)):
        label = words["idle"].partition(":")[0] if at == len(lines) else None
        amount = _number(one["amount"])
        axes.bar(at, amount, 2 * _WIDTH, color=_IDLE, label=label)
        _figure(axes, at, amount)
    names = [one["name"] or words["none"] for one in lines]
    names += [one["contract"] for one in found["idle"]]
    axes.set_xticks(range(bars), [_folded(name) for name in names])
    axes.axhline(0, color="black", linewidth=0.8)
    lowest = min((_number(one["allocated"]) for one in lines), default=0.0)
    axes.margins(y=0.12)
    axes.set_ylim(bottom=min(0.0, 1.2 * lowest))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.set_ylabel(found["currency"], fontsize=8)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    result = f"{words['result']}: {found['result']} {found['currency']}"
    axes.set_title(f"{title(found, words)}\n{result}", fontsize=10, loc="left", fontweight="bold")
    try:
        figure.savefig(file, dpi=130, metadata={"Date": None} if file.suffix == ".svg" else None)
    except OSError as error:
        raise RechenwerkError(f"cannot write {file}: {error.strerror}; name another file") from None


def _line(axes: Axes, at: int, one: Mapping[str, Any], words: Mapping[str, str], *, first: bool) -> None:
    """Revenue on the left; direct and allocated cost stacked on the right."""
    label = words if first else dict.fromkeys(words)
    net, direct, allocated = (_number(one[name]) for name in ("net", "direct", "allocated"))
    left, right = at - _WIDTH / 2, at + _WIDTH / 2
    axes.bar(left, net, _WIDTH, color=_REVENUE, label=label["revenue"])
    axes.bar(right, direct, _WIDTH, color=_DIRECT, label=label["direct"])
    base = direct if allocated > 0 else 0.0
    axes.bar(right, allocated, _WIDTH, bottom=base, color=_ALLOCATED, label=label["allocated"])
    _figure(axes, left, net)
    _figure(axes, right, direct + max(0.0, allocated), direct + allocated)


def _figure(axes: Axes, at: float, top: float, amount: float | None = None) -> None:
    """What a bar comes to, above it."""
    text = f"{top if amount is None else amount:,.2f}"
    place = (at, max(top, 0.0))
    axes.annotate(text, place, xytext=(0, 3), textcoords="offset points", ha="center", fontsize=7)


def _number(amount: str) -> float:
    """For the length of a bar; nothing is booked from it."""
    return float(amount)


def _folded(name: str, width: int = 14) -> str:
    """Words on lines of their own where a name is long."""
    lines = [""]
    for word in name.replace("/", "/ ").split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines).replace("/ ", "/")
