"""Command: advise."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, print_json, table
from rechenwerk.contracts.advice_view import grouped, percent, view
from rechenwerk.contracts.adviser import Advice, advise, picture
from rechenwerk.contracts.demand import Load, UsageRow, gather, parse_usage
from rechenwerk.contracts.offers import Sheet, parse_sheet

CHARTS = (".png", ".svg", ".pdf")
_LARGEST = 200_000_000
_HOUR = 3600


def advise_command(
    context: typer.Context,
    prices: Annotated[Path, typer.Option(help="The price sheet: on demand, and what is offered (TOML).")],
    usage: Annotated[Path | None, typer.Option(help="What was used, hour by hour (CSV).")] = None,
    from_books: Annotated[bool, typer.Option("--from-books", help="Take the usage from the books.")] = False,
    days: Annotated[int, typer.Option(help="How far back in the books.", min=1, max=400)] = 56,
    chart: Annotated[Path | None, typer.Option(help="Draw it into this file: .png, .svg or .pdf.")] = None,
    offer: Annotated[str | None, typer.Option(help="Draw this offer; else the one to buy.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """How much to commit, for how long: break-even, regret if demand is 30 % lower, staggered terms."""
    if (usage is None) is not from_books:
        raise typer.BadParameter("give --usage FILE or --from-books")
    if chart is not None and chart.suffix not in CHARTS:
        raise typer.BadParameter(f"--chart must end in {', '.join(CHARTS)}")
    sheet = parse_sheet(read(prices), str(prices))
    if usage is not None:
        rows, place = parse_usage(read(usage), str(usage)), str(usage)
    else:
        rows, place = _booked(context, days, organisation, money=sheet.weights is None), "the books"
    load = gather(rows, place, sheet.weights, sheet.models)
    advice = advise(sheet, load)
    if chart is not None:
        _draw(chart, sheet, load, advice, offer)
    shown = view(sheet, load, advice)
    if as_json:
        print_json(shown)
    else:
        _show(shown, chart)


def read(file: Path) -> str:
    """A text file that somebody named.

    Raises:
        RechenwerkError: it cannot be read, or is not text.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise RechenwerkError(f"{file} is larger than {_LARGEST} bytes; sum it up by hour first")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise RechenwerkError(f"cannot read {file}: {error.strerror}; check the name") from None
    except UnicodeDecodeError:
        raise RechenwerkError(f"{file} is not UTF-8 text; save it as UTF-8") from None


def _booked(context: typer.Context, days: int, organisation: str | None, *, money: bool) -> list[UsageRow]:
    """Usage by hour from the books; without weights its volume is what it cost."""
    answer = remote(context).ask("GET", "/books/usage", days=days, step="hour", organisation=organisation)
    rows = [_row(row, money=money) for row in answer["rows"]]
    if not rows:
        raise RechenwerkError(f"nothing was used in the last {days} days; give more --days, or --usage FILE")
    return rows


def _row(row: dict[str, Any], *, money: bool) -> UsageRow:
    hour = int(datetime.fromisoformat(row["starts_at"]).timestamp()) // _HOUR
    whole, _, part = row["cost"].partition(".")
    cost = int(whole) * 10**9 + int(part.ljust(9, "0"))
    return UsageRow(hour, 1, row["model"], row["deployment"], cost if money else None, row["usage"], 0)


def _draw(chart: Path, sheet: Sheet, load: Load, advice: Advice, name: str | None) -> None:
    fallback = max(advice.offers, key=lambda one: one.saving).offer.name
    chosen = advice.offer(name or advice.recommended) or (advice.offer(fallback) if name is None else None)
    if chosen is None:
        names = ", ".join(repr(one.offer.name) for one in advice.offers)
        raise RechenwerkError(f"the price sheet has no offer {name!r}; choose from {names}")
    drawing = importlib.import_module("rechenwerk.cli.adviser_chart")
    drawing.draw(chart, sheet, chosen, picture(sheet, load, chosen.offer.name))


def _show(shown: dict[str, Any], chart: Path | None) -> None:
    unit, currency = shown["unit"], shown["currency"]
    columns = ("offer", "months", "pieces", "per interval", "break-even", "used", "saving")
    rows = [_line(one) for one in shown["offers"]]
    table(f"Offers, over a term of each ({unit}; {currency})", columns, rows, right=columns[1:])
    risks = ("offer", "regret, 30 % less", "30 % more", "lost if unused", "least regret at")
    rows = [_risk(one) for one in shown["offers"]]
    table(f"What it costs to be wrong ({currency})", risks, rows, right=risks[1:])
    if together := shown["combination"]:
        parts: Sequence[Any] = [
            (one["offer"], one["pieces"], grouped(one["level"])) for one in together["parts"]
        ]
        title = (
            f"Together over {shown['horizon_months']} months: saving {grouped(together['saving'])},"
            f" regret at 30 % less {grouped(together['regret_if_30_percent_lower'])} {currency}"
        )
        table(title, ("offer", "pieces", "per interval"), parts, right=("pieces", "per interval"))
    for ladder in shown["ladders"]:
        steps = [(one["buy_in_month"], one["expires_in_month"], one["pieces"]) for one in ladder["rungs"]]
        headings = ("buy at the start of month", "free again at", "pieces")
        table(f"Ladder of {ladder['offer']}", headings, steps, right=headings)
        falls = [(one["month"], one["wanted"], one["committed"]) for one in ladder["if_demand_falls"]]
        headings = ("month", "wanted", "committed")
        table("Renewals, if demand falls by 30 % in a year", headings, falls, right=headings)
    for sentence in shown["words"]:
        console().print(sentence, markup=False)
    if chart is not None:
        console().print(f"drawn: {chart}", markup=False)


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        one["offer"],
        one["term_months"],
        one["pieces"],
        f"{grouped(one['level'])} / {one['interval']}",
        percent(one["break_even"]),
        percent(one["used"]),
        grouped(one["saving"]),
    )


def _risk(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        one["offer"],
        grouped(one["regret_if_30_percent_lower"]),
        grouped(one["regret_if_30_percent_higher"]),
        grouped(one["worst_case"]),
        one["cautious_pieces"],
    )


def add_adviser(app: typer.Typer) -> None:
    """Join the commands of this page."""
    app.command("advise")(advise_command)
