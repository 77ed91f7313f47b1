"""What `plan compare` calculates and shows: scenarios and files side by side, and why they differ."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rechenwerk.cli.plan_run import Asked, in_scenario, load, show, simulate
from rechenwerk.cli.show import print_json
from rechenwerk.planner import showing
from rechenwerk.planner.differences import bridge
from rechenwerk.planner.engine import Values
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.results import document
from rechenwerk.planner.running import Outcome, base
from rechenwerk.planner.words import Words

_FILES = frozenset({".toml", ".yaml", ".yml", ".xlsx"})


class Sides(msgspec.Struct, frozen=True):
    """What `plan compare` is asked.

    Args:
        file: the first plan.
        others: scenarios of it, or other files.
        line, at: what the differences are explained by.
    """

    file: Path
    others: tuple[str, ...] = ()
    paths: int = 0
    line: str = "cash"
    at: str = ""
    language: str = "en"
    as_json: bool = False


def compare_command(asked: Sides) -> None:
    """`plan compare`."""
    words = Words(asked.language)
    plans = _plans(asked, words)
    found: list[tuple[str, Plan, Values, Outcome]] = []
    for name, plan in plans:
        simulation = Asked(asked.file, paths=asked.paths, as_json=asked.as_json, language=asked.language)
        found.append((name, plan, base(plan), simulate(plan, simulation)))
    (_, first), *rest = plans
    bridges = {name: bridge(first.written, plan.written, asked.line, asked.at) for name, plan in rest}
    if asked.as_json:
        sides = {name: document(plan, values, outcome) for name, plan, values, outcome in found}
        print_json({"sides": sides, "differences": bridges})
        return
    show(showing.side_by_side(found, words))
    for name, one in bridges.items():
        show(showing.bridge_table(plans[0][0], name, one, words))


def _plans(asked: Sides, words: Words) -> list[tuple[str, Plan]]:
    """What is compared, by the name of its scenario or file."""
    first = load(asked.file)
    files = [Path(other) for other in asked.others if Path(other).suffix in _FILES]
    scenarios = [other for other in asked.others if Path(other).suffix not in _FILES]
    if not files and not scenarios:
        scenarios = [one.name for one in first.written.scenarios]
    head = words("as written") if not files else asked.file.stem
    found = [(head, first), *((name, in_scenario(first, name)) for name in scenarios)]
    for file in files:
        name = file.stem if file.stem not in {one for one, _ in found} else str(file)
        found.append((name, load(file)))
    return found
