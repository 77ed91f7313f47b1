"""What `plan fit`, `plan bridge` and `plan figures` show; loaded only by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rechenwerk.base.errors import PlanError
from rechenwerk.cli.plan_run import load
from rechenwerk.cli.show import console, print_json, progress_bar, table
from rechenwerk.planner.bridging import Bridge, bridge
from rechenwerk.planner.figures import side_by_side
from rechenwerk.planner.fitting import Calibration, Fitted, calibrate, fit, fragments
from rechenwerk.planner.tables import Written


def fit_command(file: Path, names: Sequence[str], *, again: bool, chart: Path | None, as_json: bool) -> None:
    """`plan fit`: published figures beside the plan's own; `again` looks for the points anew."""
    written = load(file).written
    known = list(names) or [one.name for one in written.fits]
    if not known:
        raise PlanError("the file has no [[fit]]; add one with [[fit.vary]] and [[fit.target]]")
    found = {}
    for name in known:
        one, rows = fit(written, name)
        searched = _search(written, name, quiet=as_json) if again else None
        found[name] = (one.title or name, rows, searched)
    if chart is not None:
        from rechenwerk.cli.plan_case_chart import draw_fits  # noqa: PLC0415

        draw_fits(chart, written.head.title, {title: rows for title, rows, _ in found.values()})
    if as_json:
        print_json(
            {
                name: {"title": title, "fit": rows, "calibration": searched}
                for name, (title, rows, searched) in found.items()
            }
        )
        return
    for title, rows, searched in found.values():
        _show_fit(title, rows)
        if searched is not None:
            _show_points(title, searched)
    _drawn(chart)


def _drawn(chart: Path | None) -> None:
    if chart is not None:
        console().print(f"Drawn: {chart}", markup=False)


def _search(written: Written, name: str, *, quiet: bool) -> Calibration:
    with progress_bar(quiet=quiet) as bar:
        task = bar.add_task(name, total=None)
        return calibrate(written, name, lambda done: bar.update(task, completed=done))


def _show_fit(title: str, rows: Sequence[Fitted]) -> None:
    cells = [
        (
            one.title,
            one.span,
            one.unit,
            f"{one.published:,.2f}",
            f"{one.model:,.2f}",
            f"{one.difference:+,.2f}",
            f"{one.within:,.2f}",
            "yes" if one.held else "no",
        )
        for one in rows
    ]
    heads = ("published", "plan", "difference", "tolerance")
    table(f"{title}: how near the plan is", ("", "when", "unit", *heads, "held"), cells, heads)


def _show_points(title: str, found: Calibration) -> None:
    rows = [
        (one.driver, one.period, f"{one.guess:.4g}", f"{one.written:.4g}", f"{one.found:.4g}")
        for one in found.points
    ]
    heads = ("first guess", "in the file", "found")
    said = f"{title}: points that fit best, after {found.evaluations} calculations"
    table(said, ("driver", "period", *heads), rows, heads)
    console().print(fragments(found.points), markup=False)


def bridge_command(file: Path, names: Sequence[str], *, chart: Path | None, as_json: bool) -> None:
    """`plan bridge`: from published gaps to the plan's own."""
    written = load(file).written
    known = list(names) or [one.name for one in written.bridges]
    if not known:
        raise PlanError("the file has no [[bridge]]; add one with [[bridge.step]]")
    found = [bridge(written, name) for name in known]
    if chart is not None:
        from rechenwerk.cli.plan_case_chart import draw_bridge  # noqa: PLC0415

        draw_bridge(chart, found[0])
    if as_json:
        print_json(found)
        return
    for one in found:
        _show_bridge(one)
    _drawn(chart)


def _show_bridge(one: Bridge) -> None:
    def money(value: float | None) -> str:
        return "" if value is None else f"{value:,.1f}"

    rows: list[tuple[str, ...]] = [("published gap", "", "", "", money(one.starts), one.source)]
    rows += [
        (
            step.title,
            money(step.published),
            money(step.ours),
            f"{step.adds:+,.1f}",
            money(step.gap),
            step.note,
        )
        for step in one.steps
    ]
    rows.append(("gap of this plan", "", "", "", money(one.ends), ""))
    heads = ("published", "here", "adds", "gap")
    table(f"{one.title} ({one.unit})", ("", *heads, "why"), rows, heads)
    if abs(one.rest) > 1e-6 * max(abs(one.ends), 1):
        console().print(f"{one.rest:+,.4f} {one.unit} are in no step.", style="bold red", markup=False)


def figures_command(file: Path, *, contradicting: bool, as_json: bool) -> None:
    """`plan figures`: what is published, sources side by side."""
    found = side_by_side(load(file).written, contradicting=contradicting)
    if as_json:
        print_json(found)
        return
    rows = []
    before = ""
    for one in found:
        title = f"{one.title or one.figure}, {one.period}" if one.period else one.title or one.figure
        used = ", ".join(name or "as written" for name in one.used_by)
        rows.append(
            (
                title if one.figure != before else "",
                one.said.name,
                f"{one.said.value} {one.unit}",
                one.said.status,
                one.said.date,
                one.said.source + (f" ({one.said.note})" if one.said.note else ""),
                used,
            )
        )
        before = one.figure
    columns = ("figure", "says", "value", "status", "date", "source", "used in")
    table("Published figures", columns, rows, ("value",))
