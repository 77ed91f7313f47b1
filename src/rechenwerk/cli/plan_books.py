"""What `plan from-books` and `plan actuals` ask, calculate and show; loaded only by them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.cli.files import beside
from rechenwerk.cli.plan_run import load, show
from rechenwerk.cli.remote import Remote
from rechenwerk.cli.show import console, print_json, progress_bar
from rechenwerk.planner.actual import PARTS, Compared, Deviation, compare, planned_months
from rechenwerk.planner.axis import month_number
from rechenwerk.planner.book_series import Books, begun, decoded, months_before
from rechenwerk.planner.from_books import Forecasted, draft
from rechenwerk.planner.plans import load_plan
from rechenwerk.planner.running import base
from rechenwerk.planner.showing import Shown
from rechenwerk.planner.words import Words


class Read(msgspec.Struct, frozen=True):
    """What `plan from-books` is asked."""

    out: Path
    months: int = 24
    periods: int = 24
    paths: int = 10_000
    organisation: str | None = None
    force: bool = False
    language: str = "en"
    as_json: bool = False


def from_books_command(office: Remote, asked: Read) -> None:
    """`plan from-books`.

    Raises:
        PlanError: the file is there already, or cannot be written; the books have no calls.
    """
    words = Words(asked.language)
    if asked.out.exists() and not asked.force:
        raise PlanError(f"{asked.out} is there already; name another file, or write over it with --force")
    with progress_bar(quiet=asked.as_json) as bar:
        bar.add_task(words("reading the books"), total=None)
        months = months_before(_last_month(), asked.months)
        books = begun(_read(office, months, asked.organisation))
        drafted = draft(books, asked.periods, asked.paths)
        load_plan(drafted.text)
    try:
        with beside(asked.out) as out:
            out.write(drafted.text.encode())
    except OSError as error:
        raise PlanError(f"{asked.out} cannot be written: {error.strerror}; name another place") from error
    if asked.as_json:
        print_json({"file": str(asked.out), "series": drafted.series, "notes": drafted.notes})
        return
    show(_tests(drafted.series, words))
    for note in drafted.notes:
        console().print(note, style="yellow", markup=False)
    console().print(words("Written: {file}", file=asked.out), markup=False)


def _last_month() -> str:
    """The last month of UTC that is over."""
    today = datetime.now(UTC)
    year, month = divmod(today.year * 12 + today.month - 2, 12)
    return f"{year}-{month + 1:02}"


def _read(office: Remote, months: Sequence[str], organisation: str | None) -> Books:
    """What the office tells of these months, and of now."""
    first = months[0]
    today = datetime.now(UTC).date()
    days = (today - today.replace(year=int(first[:4]), month=int(first[5:]), day=1)).days + 1

    def rows(by: str) -> list[dict[str, Any]]:
        asked = {"by": by, "step": "month", "days": days, "organisation": organisation}
        found = office.ask("GET", "/books/totals", **asked)["rows"]
        return [row for row in found if months[0] <= row["starts"][:7] <= months[-1]]

    models = rows("model")
    contracts = [
        office.ask("GET", f"/contracts/{quote(one['name'])}", organisation=organisation)
        for one in office.ask("GET", "/contracts", organisation=organisation)["contracts"]
    ]
    balance = office.ask("GET", "/books/balance", organisation=organisation)
    return decoded(models, rows("contract"), contracts, balance, months)


def _tests(series: Sequence[Forecasted], words: Words) -> Shown:
    """How each series was forecast, and how well it would have been."""
    rows = []
    for one in series:
        tested = one.tested
        if not tested.origins:
            said, loss, naive, ratio = words("too short to be tested"), "", "", ""
        else:
            said = words("the year before wins") if tested.naive_wins else words(tested.way)
            loss, naive = words.brief(tested.loss), words.brief(tested.naive)
            ratio = words.number(tested.loss / tested.naive, 2) if tested.naive else ""
        last, first = one.history[-1], one.expected.path[0]
        rows.append(
            (
                one.books,
                str(len(one.history)),
                words.brief(last),
                words.brief(first),
                one.unit,
                said,
                loss,
                naive,
                ratio,
                str(tested.origins or ""),
            )
        )
    heads = (
        "series",
        "months",
        "last",
        "expected",
        "unit",
        "forecast by",
        "loss",
        "loss of the year before",
        "ratio",
        "tests",
    )
    title = words("Back-test: pinball loss over up to six months ahead, from every month of the second half")
    return Shown(title, tuple(words(head) for head in heads), tuple(rows), (1, 2, 3, 6, 7, 8, 9))


def actuals_command(
    office: Remote, file: Path, name: str, organisation: str | None, language: str, *, as_json: bool
) -> None:
    """`plan actuals`."""
    words = Words(language)
    plan = load(file, name)
    months = planned_months(plan, _last_month())
    with progress_bar(quiet=as_json) as bar:
        bar.add_task(words("reading the books"), total=None)
        count = month_number(months[-1]) - month_number(months[0]) + 1
        found = compare(plan, base(plan), _read(office, months_before(months[-1], count), organisation))
    if as_json:
        print_json(found)
        return
    _show(found, plan.written.head.currency, words)


def _show(found: Compared, currency: str, words: Words) -> None:
    for title, head, rows in (
        ("Revenue: plan against actual ({unit})", "month", found.revenue),
        ("Cost at list rates: plan against actual ({unit})", "month", found.cost),
        ("Revenue by model, all months ({unit})", "model", found.models),
    ):
        whole = _sum(rows, words("in all"))
        shown = tuple(_row(one, words) for one in (*rows, whole))
        heads = (head, "planned", "actual", "deviation", "of plan", *PARTS)
        columns = tuple(words(one) for one in heads)
        show(Shown(words(title, unit=currency), columns, shown, tuple(range(1, len(heads)))))


def _sum(rows: Sequence[Deviation], name: str) -> Deviation:
    parts = {part: sum(one.parts[part] for one in rows) for part in PARTS}
    return Deviation(name, sum(one.planned for one in rows), sum(one.actual for one in rows), parts)


def _row(one: Deviation, words: Words) -> tuple[str, ...]:
    of_plan = words.share(one.deviation / one.planned) if one.planned else ""
    parts = (words.money(one.parts[part]) for part in PARTS)
    return (
        one.month,
        words.money(one.planned),
        words.money(one.actual),
        words.money(one.deviation),
        of_plan,
        *parts,
    )
