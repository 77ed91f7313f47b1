"""A plan from a file of any kind that it may be in: TOML, YAML, or a workbook."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.source import Source, reader_of, source_of
from rechenwerk.planner.workbook_reading import read_workbook


class Loaded(msgspec.Struct, frozen=True):
    """A plan and what it was read from.

    Args:
        plan: in its scenario.
        source: the text, with that scenario.
        changes: what cells of a workbook say otherwise than its text, a line each.
    """

    plan: Plan
    source: Source
    changes: Sequence[str] = ()


def load(name: str, data: bytes, scenario_name: str = "") -> Loaded:
    """The plan of a file.

    Args:
        name: of the file; its ending says what it is.
        data: its bytes.
        scenario_name: one of its scenarios; empty: as written, of a workbook its own.

    Raises:
        PlanError, MistakesError: the file or the scenario is wrong.
    """
    if name.lower().endswith((".xlsx", ".xlsm")):
        edited = read_workbook(data, scenario_name)
        said = [
            f"{cell}: {one.name or one.table} {one.field} {one.value:g} -> {value:g}"
            for cell, one, value in edited.changes
        ]
        return Loaded(edited.plan, edited.source, tuple(said))
    source = msgspec.structs.replace(source_of(name, data), scenario=scenario_name)
    plan = load_plan(reader_of(source))
    if scenario_name:
        plan = build(scenario(plan.written, scenario_name))
    return Loaded(plan, source)
