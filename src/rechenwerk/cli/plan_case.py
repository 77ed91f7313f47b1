"""What `plan fit`, `plan bridge` and `plan figures` show; loaded only by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.cli.plan_run import load
from rechenwerk.cli.show import console, print_json, progress_bar, table
from rechenwerk.planner.bridging import Bridge, bridge
from rechenwerk.planner.figures import side_by_side
from rechenwerk.planner.fitting import Calibration, Fitted, calibrate, fit, fragments
from rechenwerk.planner.tables import Written
from rechenwerk.planner.words import Words


class Case(msgspec.Struct, frozen=True):
    """What the command line said.

    Attributes:
        names: of what is looked at; none: all.
    """

    file: Path
    names: tuple[str, ...] = ()
    chart: Path | None = None
    language: str = "en"
    as_json: bool = False


def fit_command(asked: Case, *, again: bool) -> None:
    """`plan fit`: published figures beside the plan's own; `again` looks for the points anew."""
    words = Words(asked.language)
    written = load(asked.file).written
    known = asked.names or [one.name for one in written.fits]
    if not known:
        raise PlanError("the file has no [[fit]]; add one with [[fit.vary]] and [[fit.target]]")
    found = {}
    for name in known:
        one, rows = fit(written, name)
        searched = _search(written, name, quiet=asked.as_json) if again else None
        found[name] = (one.title or name, rows, searched)
    if asked.chart is not None:
        from rechenwerk.cli.plan_case_chart import draw_fits  # noqa: PLC0415

        panels = {title: rows for title, rows, _ in found.values()}
        draw_fits(asked.chart, written.head.title, panels, words)
    if asked.as_json:
        print_json(
            {
                name: {"title": title, "fit": rows, "calibration": searched}
                for name, (title, rows, searched) in found.items()
            }
        )
        return
    for title, rows, searched in found.values():
        _show_fit(title, rows, words)
        if searched is not None:
            _show_points(title, searched, words)
    _drawn(asked.chart, words)


def _drawn(chart: Path | None, words: Words) -> None:
    if chart is not None:
        console().print(words("Drawn: {file}", file=chart), markup=False)


def _search(written: Written, name: str, *, quiet: bool) -> Calibration:
    with progress_bar(quiet=quiet) as bar:
        task = bar.add_task(name, total=None)
        return calibrate(written, name, lambda done: bar.update(task, completed=done))


def _show_fit(title: str, rows: Sequence[Fitted], words: Words) -> None:
    cells = [
        (
            words(one.title),
            one.span,
            one.unit,
            words.number(one.published),
            words.number(one.model),
            words.signed(one.difference),
            words.number(one.within),
            words("yes") if one.held else words("no"),
        )
        for one in rows
    ]
    heads = tuple(words(head) for head in ("published", "plan", "difference", "tolerance"))
    columns = ("", words("when"), words("unit"), *heads, words("held"))
    table(words("{title}: how near the plan is", title=title), columns, cells, heads)


def _show_points(title: str, found: Calibration, words: Words) -> None:
    rows = [
        (one.driver, one.period, words.brief(one.guess), words.brief(one.written), words.brief(one.found))
        for one in found.points
    ]
    heads = tuple(words(head) for head in ("first guess", "in the file", "found"))
    said = words(
        "{title}: points that fit best, after {count} calculations",
        title=title,
        count=words.number(found.evaluations, 0),
    )
    table(said, (words("driver"), words("period"), *heads), rows, heads)
    console().print(fragments(found.points), markup=False)


def bridge_command(asked: Case) -> None:
    """`plan bridge`: from published gaps to the plan's own."""
    words = Words(asked.language)
    written = load(asked.file).written
    known = asked.names or [one.name for one in written.bridges]
    if not known:
        raise PlanError("the file has no [[bridge]]; add one with [[bridge.step]]")
    found = [bridge(written, name) for name in known]
    if asked.chart is not None:
        from rechenwerk.cli.plan_case_chart import draw_bridge  # noqa: PLC0415

        draw_bridge(asked.chart, found[0], words)
    if asked.as_json:
        print_json(found)
        return
    for one in found:
        _show_bridge(one, words)
    _drawn(asked.chart, words)


def _show_bridge(one: Bridge, words: Words) -> None:
    def money(value: float | None) -> str:
        return "" if value is None else words.number(value, 1)

    rows: list[tuple[str, ...]] = [(words("published gap"), "", "", "", money(one.starts), one.source)]
    rows += [
        (
            words(step.title),
            money(step.published),
            money(step.ours),
            words.signed(step.adds, 1),
            money(step.gap),
            step.note,
        )
        for step in one.steps
    ]
    rows.append((words("gap of this plan"), "", "", "", money(one.ends), ""))
    heads = tuple(words(head) for head in ("published", "here", "adds", "gap"))
    table(f"{one.title} ({one.unit})", ("", *heads, words("why")), rows, heads)
    if abs(one.rest) > 1e-6 * max(abs(one.ends), 1):
        rest = f"{words.signed(one.rest, 4)} {one.unit}"
        console().print(words("{rest} are in no step.", rest=rest), style="bold red", markup=False)


def figures_command(asked: Case, *, contradicting: bool) -> None:
    """`plan figures`: what is published, sources side by side."""
    words = Words(asked.language)
    found = side_by_side(load(asked.file).written, contradicting=contradicting)
    if asked.as_json:
        print_json(found)
        return
    rows = []
    before = ""
    for one in found:
        title = f"{one.title or one.figure}, {one.period}" if one.period else one.title or one.figure
        used = ", ".join(name or words("as written") for name in one.used_by)
        rows.append(
            (
                title if one.figure != before else "",
                one.said.name,
                f"{one.said.value} {one.unit}",
                words(one.said.status),
                one.said.date,
                one.said.source + (f" ({one.said.note})" if one.said.note else ""),
                used,
            )
        )
        before = one.figure
    columns = tuple(
        words(head) for head in ("figure", "says", "value", "status", "date", "source", "used in")
    )
    table(words("Published figures"), columns, rows, (columns[2],))
