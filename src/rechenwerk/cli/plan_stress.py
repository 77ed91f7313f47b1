"""What `plan stress`, `plan solve` and `plan sensitivity` show; loaded only by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from rechenwerk.cli.plan_run import load, show
from rechenwerk.cli.show import console, print_json, progress_bar, table
from rechenwerk.planner import showing
from rechenwerk.planner.running import base
from rechenwerk.planner.sensitivity import tornado
from rechenwerk.planner.shocks import library
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.sobol import sobol
from rechenwerk.planner.solving import Target, solve
from rechenwerk.planner.stress import Reverse, reverse, stress
from rechenwerk.planner.words import Words


class Stressed(msgspec.Struct, frozen=True):
    """What the command line said."""

    file: Path
    together: tuple[str, ...] = ()
    scenario: str = ""
    at: str = ""
    library: bool = False
    backwards: bool = False
    as_json: bool = False
    language: str = "en"


def stress_command(asked: Stressed) -> None:
    """Shocks one by one, together and in sequence; the smallest that empties the cash."""
    words = Words(asked.language)
    plan = load(asked.file, asked.scenario)
    written = plan.written
    groups = [tuple(part.split("+")) for part in asked.together]
    shocks = library(written, asked.at) if asked.library else ()
    found = stress(written, groups, shocks)
    turned = reverse(written) if asked.backwards else None
    if asked.as_json:
        print_json({"stress": found, "reverse": turned})
        return
    titles = {one.name: one.title for one in shocks or written.shocks}
    scale, unit = plan.money.scale, written.head.shown_in
    rows = [
        (
            _named(one.shocks, len(titles), words),
            titles.get(one.shocks[0], "") if len(one.shocks) == 1 else "",
            words.number(one.lowest / scale),
            one.at,
            one.out or words("never"),
            words.number(one.gap / scale),
            words.share(one.unserved) if one.unserved > 1e-9 else "",
        )
        for one in found
    ]
    heads = ("shocks", "", "lowest cash", "in", "runs out", "funding gap", "need not served")
    columns = tuple(words(head) for head in heads)
    title = words("{title}: stress ({unit})", title=written.head.title, unit=unit)
    table(title, columns, rows, (columns[2], columns[5], columns[6]))
    if turned is not None:
        _show_reverse(turned, words)


def _named(names: Sequence[str], known: int, words: Words) -> str:
    if len(names) == known > 3:
        return words("all of them")
    return " + ".join(names) or words("no shock")


def _show_reverse(turned: Reverse, words: Words) -> None:
    out = console()
    if turned.struck is None:
        out.print(words("Even all shocks as written do not empty the cash."))
        return
    if not turned.severities:
        said = words("The cash runs out without any shock, in {period}.", period=turned.struck.out)
        out.print(said, markup=False)
        return
    parts = ", ".join(
        words("{name} at {severity} of what is written", name=name, severity=words.share(severity, 0))
        if severity < 1
        else words("{name} whole", name=name)
        for name, severity in turned.severities.items()
    )
    said = words(
        "The mildest that empties the cash, in {period}: {parts}.", period=turned.struck.out, parts=parts
    )
    out.print(said, markup=False)
    for names in turned.sets:
        out.print(words("Enough as written: {names}.", names=" + ".join(names)), markup=False)


def solve_command(file: Path, what: str, target: Target, name: str, language: str, *, as_json: bool) -> None:
    """The number that makes it work."""
    words = Words(language)
    with progress_bar(quiet=as_json) as bar:
        bar.add_task(words("looking for {what}", what=what), total=None)
        found = solve(load(file, name).written, what, target)
    if as_json:
        print_json(found)
        return
    reached = words.brief(round(found.reached, 6)) if target.line else words.share(found.reached, 2)
    goal = target.line or words("the probability of running out")
    if found.unit == "growth a year":
        value = words.share(found.first, 2)
        said = words(
            "{what} = {value} brings {goal} to {reached}.", what=what, value=value, goal=goal, reached=reached
        )
        console().print(said, markup=False)
        return
    said = words(
        "{what} x {scale}, that is {first} {unit} at the start, brings {goal} to {reached}.",
        what=found.what,
        scale=words.number(found.scale, 4),
        first=words.brief(found.first),
        unit=found.unit,
        goal=goal,
        reached=reached,
    )
    console().print(said, markup=False)


class Looked(msgspec.Struct, frozen=True):
    """What `plan sensitivity` is asked."""

    line: str = "cash"
    at: str = ""
    samples: int = 0
    scenario: str = ""
    chart: Path | None = None
    language: str = "en"
    as_json: bool = False


def sensitivity_command(file: Path, asked: Looked) -> None:
    """Which driver matters."""
    words = Words(asked.language)
    plan = load(file, asked.scenario)
    bars = tornado(plan, asked.line, asked.at)
    with progress_bar(quiet=asked.as_json) as bar:
        bar.add_task(words("sensitivities"), total=None)
        indices = sobol(plan, asked.line, asked.at, asked.samples) if asked.samples else ()
    period = asked.at or plan.axis.name(plan.axis.count - 1)
    usual = base(plan)[asked.line][plan.axis.index(period), 0]
    if asked.chart is not None:
        from rechenwerk.cli.plan_chart import draw_sensitivity  # noqa: PLC0415

        draw_sensitivity(asked.chart, plan, (asked.line, period, float(usual)), bars, indices, words)
    if asked.as_json:
        print_json({"tornado": bars, "sobol": indices, "as_expected": float(usual)})
        return
    _, scale = shown_unit(plan, asked.line)
    title = showing.tornado_title(plan, asked.line, period, words)
    show(showing.tornado_table(title, bars, lambda value: words.number(value / scale), float(usual), words))
    if indices:
        show(showing.sobol_table(indices, words))
    if asked.chart is not None:
        console().print(words("Drawn: {file}", file=asked.chart), markup=False)
