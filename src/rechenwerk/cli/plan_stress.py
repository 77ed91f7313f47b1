"""What `plan stress`, `plan solve` and `plan sensitivity` show; loaded only by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from rechenwerk.cli.plan_run import load
from rechenwerk.cli.show import console, print_json, table
from rechenwerk.planner.sensitivity import sobol, tornado
from rechenwerk.planner.shocks import library
from rechenwerk.planner.solving import Target, solve
from rechenwerk.planner.stress import Reverse, reverse, stress

_BAR = 40


class Stressed(msgspec.Struct, frozen=True):
    """What the command line said."""

    file: Path
    together: tuple[str, ...] = ()
    scenario: str = ""
    at: str = ""
    library: bool = False
    backwards: bool = False
    as_json: bool = False


def stress_command(asked: Stressed) -> None:
    """Shocks one by one, together and in sequence; the smallest that empties the cash."""
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
            _named(one.shocks, len(titles)),
            titles.get(one.shocks[0], "") if len(one.shocks) == 1 else "",
            f"{one.lowest / scale:,.2f}",
            one.at,
            one.out or "never",
            f"{one.gap / scale:,.2f}",
            f"{one.unserved:.1%}" if one.unserved > 1e-9 else "",
        )
        for one in found
    ]
    columns = ("shocks", "", "lowest cash", "in", "runs out", "funding gap", "need not served")
    right = ("lowest cash", "funding gap", "need not served")
    table(f"{written.head.title}: stress ({unit})", columns, rows, right)
    if turned is not None:
        _show_reverse(turned)


def _named(names: Sequence[str], known: int) -> str:
    if len(names) == known > 3:
        return "all of them"
    return " + ".join(names) or "none"


def _show_reverse(turned: Reverse) -> None:
    out = console()
    if turned.struck is None:
        out.print("Even all shocks as written do not empty the cash.")
        return
    if not turned.severities:
        out.print(f"The cash runs out without any shock, in {turned.struck.out}.", markup=False)
        return
    parts = ", ".join(
        f"{name} at {severity:.0%} of what is written" if severity < 1 else f"{name} whole"
        for name, severity in turned.severities.items()
    )
    out.print(f"The mildest that empties the cash, in {turned.struck.out}: {parts}.", markup=False)
    for names in turned.sets:
        out.print(f"Enough as written: {' + '.join(names)}.", markup=False)


def solve_command(file: Path, what: str, target: Target, name: str, *, as_json: bool) -> None:
    """The number that makes it work."""
    found = solve(load(file, name).written, what, target)
    if as_json:
        print_json(found)
        return
    goal = target.line or "the probability of running out"
    console().print(
        f"{found.what} x {found.scale:.4f}, that is {found.first:,.4g} {found.unit} at the start,"
        f" brings {goal} to {found.reached:,.4g}.",
        markup=False,
    )


def sensitivity_command(file: Path, line: str, at: str, name: str, *, samples: int, as_json: bool) -> None:
    """Which driver matters."""
    plan = load(file, name)
    bars = tornado(plan, line, at)
    indices = sobol(plan, line, at, samples) if samples else ()
    if as_json:
        print_json({"tornado": bars, "sobol": indices})
        return
    scale = plan.lines[line].unit.scale
    widest = max((one.span for one in bars), default=0.0) or 1.0
    rows = [
        (
            one.driver,
            f"{one.low / scale:,.2f}",
            f"{one.high / scale:,.2f}",
            "█" * round(_BAR * one.span / widest),
        )
        for one in bars
    ]
    title = (
        f"{line} in {at or plan.axis.name(plan.axis.count - 1)}: each driver from its low to its high decile"
    )
    table(title, ("driver", "low", "high", ""), rows, ("low", "high"))
    if indices:
        shares = [
            (
                one.driver,
                f"{one.first:.3f} ± {one.first_error:.3f}",
                f"{one.total:.3f} ± {one.total_error:.3f}",
            )
            for one in indices
        ]
        table("Share of the variance (Sobol)", ("driver", "alone", "with all others"), shares)
