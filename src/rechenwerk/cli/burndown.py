"""A burn-down drawn in the terminal: what was drawn, the forecast with its band, and the amount."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from rich.text import Text

_WIDTH = 72
_HEIGHT = 14
_DAY = 86_400.0


def chart(contract: dict[str, Any], width: int = _WIDTH, height: int = _HEIGHT) -> list[Text]:
    """Lines of a chart over the period of a contract, as the office answers it; none where nothing ends.

    Args:
        contract: with its position and the days of the period.
        width: columns of the plot, beside the scale.
        height: rows.
    """
    position = contract["position"]
    if not position["starts_at"] or not position["ends_at"]:
        return []
    starts, ends = _seconds(position["starts_at"]), _seconds(position["ends_at"])
    past = _cumulated(contract["days"], starts)
    now = ends - (position["days_left"] or 0.0) * _DAY
    drawn = float(position["drawn"])
    band = position["forecast"] or {}
    low, middle, high = (float(band.get(name, drawn)) for name in ("low", "middle", "high"))
    amount = float(position["amount"]) if position["amount"] is not None else None
    top = max(high, drawn, amount or 0.0) * 1.05 or 1.0
    rows = [[" "] * width for _ in range(height)]
    for column in range(width):
        at = starts + (ends - starts) * (column + 0.5) / width
        if at <= now:
            _bar(rows, column, _at(past, at) / top, "█")
        else:
            share = (at - now) / (ends - now)
            _between(
                rows, column, (drawn + (low - drawn) * share) / top, (drawn + (high - drawn) * share) / top
            )
            _dot(rows, column, (drawn + (middle - drawn) * share) / top, "•")
    if amount is not None:
        for column in range(width):
            _dot(rows, column, amount / top, "─", over=" ")
    return [*_scaled(rows, top, position["unit"]), _axis(starts, now, ends, width)]


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _cumulated(days: Sequence[dict[str, str]], starts: float) -> list[tuple[float, float]]:
    """End of each day -> drawn until then."""
    total, found = 0.0, [(starts, 0.0)]
    for one in days:
        total += float(one["drawn"])
        day = date.fromisoformat(one["day"])
        found.append((datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + _DAY, total))
    return found


def _at(past: Sequence[tuple[float, float]], moment: float) -> float:
    """Drawn at a moment, evenly over each day."""
    before = past[0]
    for point in past[1:]:
        if point[0] >= moment:
            began = max(before[0], point[0] - _DAY)
            share = min(1.0, max(0.0, (moment - began) / (point[0] - began)))
            return before[1] + (point[1] - before[1]) * share
        before = point
    return before[1]


def _row(rows: list[list[str]], share: float) -> int:
    return max(0, min(len(rows) - 1, len(rows) - 1 - int(share * len(rows))))


def _bar(rows: list[list[str]], column: int, share: float, mark: str) -> None:
    for row in range(_row(rows, share), len(rows)):
        rows[row][column] = mark if share > 0 else " "


def _between(rows: list[list[str]], column: int, low: float, high: float) -> None:
    for row in range(_row(rows, high), _row(rows, low) + 1):
        rows[row][column] = "░"


def _dot(rows: list[list[str]], column: int, share: float, mark: str, over: str = " ░") -> None:
    row = _row(rows, share)
    if rows[row][column] in over:
        rows[row][column] = mark


def _scaled(rows: list[list[str]], top: float, unit: str) -> list[Text]:
    """The rows with a scale before them."""
    colours = {"█": "cyan", "░": "yellow", "•": "bold yellow", "─": "green"}
    lines = []
    for number, row in enumerate(rows):
        value = top * (len(rows) - number) / len(rows)
        label = f"{value:>14,.0f} " if number % 4 == 0 else " " * 15
        line = Text(label + "│")
        for mark in row:
            line.append(mark, style=colours.get(mark, ""))
        lines.append(line)
    lines.insert(0, Text(f"{unit:>14}"))
    return lines


def _axis(starts: float, now: float, ends: float, width: int) -> Text:
    first, last = (str(datetime.fromtimestamp(at, UTC).date()) for at in (starts, ends - 1))
    today = str(datetime.fromtimestamp(now, UTC).date())
    line = f"{first}{'':{width}}"
    at = int((now - starts) / (ends - starts) * width) if ends > starts else 0
    if 12 <= at <= width - 24:
        line = f"{line[:at]}{today}{line[at + len(today) :]}"
    return Text(" " * 16 + line[: width - len(last)] + last, style="dim")
