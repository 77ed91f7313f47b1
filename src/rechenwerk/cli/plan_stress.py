"""What `plan stress`, `plan solve` and `plan sensitivity` show; loaded only by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rechenwerk.cli.plan_run import load
from rechenwerk.cli.show import console, print_json, table
from rechenwerk.planner.sensitivity import sobol, tornado
from rechenwerk.planner.solving import Target, solve
from rechenwerk.planner.stress import reverse, stress

_BAR = 40


def stress_command(file: Path, together: Sequence[str], name: str, *, backwards: bool, as_json: bool) -> None:
    """Shocks one by one and together; the smallest that empties the cash."""
    plan = load(file, name)
    written = plan.written
    groups = [tuple(part.split("+")) for part in together]
    found = stress(written, groups)
    turned = reverse(written) if backwards else None
    if as_json:
        print_json({"stress": found, "reverse": turned})
        return
    scale, unit = plan.money.scale, written.head.shown_in
    rows = [
        (
            " + ".join(one.shocks) or "none",
            f"{one.lowest / scale:,.2f}",
            one.at,
            one.out or "never",
            f"{one.gap / scale:,.2f}",
        )
        for one in found
    ]
    columns = ("shocks", "lowest cash", "in", "runs out", "funding gap")
    table(f"{written.head.title}: stress ({unit})", columns, rows, ("lowest cash", "funding gap"))
    if turned is None:
        return
    if turned.struck is None:
        console().print("Even all shocks as written do not empty the cash.")
        return
    parts = ", ".join(
        f"{name} at {severity:.0%} of what is written" for name, severity in turned.severities.items()
    )
    console().print(f"The mildest that empties the cash, in {turned.struck.out}: {parts}.", markup=False)


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
