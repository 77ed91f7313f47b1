"""Command: utilisation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, console, moment, print_json, table
from rechenwerk.cli.words import Language, Words

_WIDTH = 30
_COLOURS: Mapping[str, str] = MappingProxyType({"critical": "red", "standard": "green", "batch": "cyan"})
_COLUMNS = (
    *("pool", "day", "use", "capacity", "critical", "standard", "batch", "lent", "reclaimed", "idle"),
    *("emergency", "grants"),
)


def utilisation(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=92, help="How many days, today included.")] = 7,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """How the shared pools were used, by day, in tokens: sums only. It is public: no key is needed."""
    words = Words(language)
    found = remote(context).ask_public("/public/utilisation", days=days)
    if as_json:
        print_json(found)
        return
    title = words("Utilisation until {until} UTC, in tokens", until=moment(found["until"]))
    today = max((one["day"] for one in found["days"]), default="")
    rows = [
        _row(one, words)
        for one in found["days"]
        if one["capacity"] or any(one["used"].values()) or one["day"] == today
    ]
    if not rows:
        nothing = words("no pool that is shared with all had capacity")
        console().print(f"{title}: {nothing}", markup=False)
        return
    columns = tuple(words(name) for name in _COLUMNS)
    table(title, columns, rows, right=columns[3:])
    legend = Text()
    for name, colour in _COLOURS.items():
        legend.append("█", style=colour)
        legend.append(f" {words(name)}  ")
    legend.append(f"░ {words('idle')}")
    console().print(legend)


def _row(one: dict[str, Any], words: Words) -> tuple[object, ...]:
    count = words.count
    emergency = f"{one['emergency_draws']}: {count(one['emergency'])}" if one["emergency_draws"] else ""
    used = one["used"]
    return (
        one["pool"],
        one["day"],
        bar(used, one["capacity"], words("no capacity")),
        count(one["capacity"]),
        *(count(used[name]) for name in _COLOURS),
        *(count(one[name]) for name in ("lent", "reclaimed", "idle")),
        emergency,
        count(one["grants"]),
    )


def bar(parts: Mapping[str, int], whole: int, nothing: str = "no capacity") -> Text:
    """What was used of a day as a bar of `_WIDTH` cells and a share; each part in its colour."""
    used = sum(parts.values())
    most = max(whole, used, 1)
    text = Text()
    drawn = done = 0
    for name, colour in _COLOURS.items():
        done += parts.get(name, 0)
        cells = round(_WIDTH * done / most) - drawn
        text.append("█" * cells, style=colour)
        drawn += cells
    text.append("░" * (_WIDTH - drawn))
    text.append(f" {round(100 * used / whole)} %" if whole else f" {nothing}")
    return text


def add_utilisation(app: typer.Typer) -> None:
    """Join the command of this page."""
    app.command("utilisation")(utilisation)
