"""Where a figure comes from: formula, inputs with values, source, date and status, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.formulas import Apply, Formula, Name, Number, show
from rechenwerk.planner.measures import measures
from rechenwerk.planner.outputs import Figure
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.told import Told

DEEP = 3
"""Levels that are shown unless somebody wants more."""


class Explained(msgspec.Struct, frozen=True):
    """A figure and what it is made of.

    Args:
        name: as formulas call it, or the key of an answer such as ``runway``.
        how: as the formula above uses it: ``prev``, ``past 3``, ``total``, ``year``; '' as it stands.
        formula: '' for a figure that is put in.
        value: in the unit; None where there is none.
        period: that the value is of; '' for an answer about all periods.
        source, date, status: of the file's table that it stands in; '' for what the plan itself adds.
        note: a date or a name that says the value shorter.
        inputs: what the formula names.
    """

    name: str
    title: str
    how: str
    formula: str
    value: float | None
    unit: str
    period: str
    source: str = ""
    date: str = ""
    status: str = ""
    note: str = ""
    inputs: tuple[Explained, ...] = ()


def explain(plan: Plan, values: Values, name: str, at: str = "", deep: int = DEEP) -> Explained:
    """A line in a period, or an answer such as ``runway``, with its inputs.

    Args:
        plan: as built.
        values: of its base case.
        name: of a line, an input, or an answer.
        at: the period; the last unless said otherwise. Answers are about all periods.
        deep: levels of inputs.

    Raises:
        PlanError: there is no such name or period.
    """
    found = {one.key: one for one in measures(plan, values)}
    if name in found and not at:
        return answer(plan, values, found[name], deep)
    if name not in values:
        raise PlanError(
            "no line {name!r} in the plan; {fix}", name=name, fix=did_you_mean(name, [*values, *found])
        )
    index = plan.axis.index(at) if at else plan.axis.count - 1
    if not 0 <= index < plan.axis.count:
        last = plan.axis.name(plan.axis.count - 1)
        raise PlanError(
            "{at} is outside of the plan, {period} to {last}", at=at, period=plan.axis.name(0), last=last
        )
    return _line(plan, values, name, index, deep)


def answer(plan: Plan, values: Values, one: Figure, deep: int) -> Explained:
    """Where an answer comes from, for who has it already."""
    inputs = tuple(
        _line(plan, values, name, plan.axis.index(period), deep - 1)
        if "-" in period
        else _summed(plan, values, name, period)
        for name, period in one.parts
        if deep > 0
    )
    return Explained(
        one.key, one.name, "", one.formula, one.value, one.unit, "", note=one.note, inputs=inputs
    )


def _summed(plan: Plan, values: Values, name: str, year: str) -> Explained:
    """A line over all periods, or those of a calendar year: its sum."""
    shown = _line(plan, values, name, plan.axis.count - 1, 0)
    among = np.asarray([year in {"", str(one)} for one in plan.axis.years])
    total = float(_series(values, name)[among].sum()) / shown_unit(plan, name)[1]
    return msgspec.structs.replace(shown, how="total", value=total, period=year)


def _line(plan: Plan, values: Values, name: str, index: int, deep: int, how: str = "") -> Explained:
    line = plan.lines.get(name)
    said = told(plan, name)
    unit, scale = shown_unit(plan, name)
    value = _used(plan, _series(values, name), index, how) / scale
    inputs = []
    if line is not None and deep > 0:
        for part, behind, use in dict.fromkeys(uses(line.formula)):
            at = index - behind
            if at < 0:
                continue
            # What was before is explained by asking for it: else the tree would lead back to the start.
            below = 0 if behind or use else deep - 1
            inputs.append(_line(plan, values, part, at, below, use or ("before" if behind else "")))
    return Explained(
        name,
        line.title if line is not None else plan.titles.get(name, ""),
        how,
        readable(line.formula) if line is not None else "",
        value,
        unit,
        plan.axis.name(index),
        said.source if said else "",
        said.date if said else "",
        said.status if said else "",
        inputs=tuple(inputs),
    )


def _used(plan: Plan, series: Floats, index: int, how: str) -> float:
    """A value as a formula uses it."""
    if how not in {"total", "year"}:
        return float(series[index])
    start = 0
    if how == "year":
        starts = np.flatnonzero(plan.axis.new_year[: index + 1])
        start = int(starts[-1]) if len(starts) else 0
    return float(series[start : index + 1].sum())


def _series(values: Values, name: str) -> Floats:
    found: Floats = values[name][:, 0]
    return found


def uses(formula: Formula, behind: int = 0, how: str = "") -> Iterator[tuple[str, int, str]]:
    """(name, periods before, ``total`` or ``year`` or '') of everything that a formula names."""
    match formula:
        case Name(name):
            yield name, behind, how
        case Apply("prev", (inner, *rest)):
            yield from uses(inner, behind + 1, how)
            for one in rest:
                yield from uses(one, behind, how)
        case Apply("past", (inner, Number(by))):
            yield from uses(inner, behind + int(by), how)
        case Apply("total" | "year" as what, (inner,)):
            yield from uses(inner, behind, how or what)
        case Apply(_, arguments):
            for one in arguments:
                yield from uses(one, behind, how)
        case _:
            pass


_STRENGTH: Mapping[str, int] = MappingProxyType(
    {"=": 1, "<>": 1, "<": 1, "<=": 1, ">": 1, ">=": 1, "+": 2, "-": 2, "*": 3, "/": 3, "^": 4}
)


def readable(formula: Formula) -> str:
    """A formula as text without the brackets that change nothing."""
    return _readable(formula)[0]


def _readable(formula: Formula) -> tuple[str, int]:
    """The text, and how strongly its last operator binds."""
    match formula:
        case Apply("-", (Number(0.0), inner)):
            text, binds = _readable(inner)
            return f"-{text if binds > 3 else f'({text})'}", 2
        case Apply(what, (left, right)) if what in _STRENGTH:
            own = _STRENGTH[what]
            before, binds = _readable(left)
            before = before if binds >= own else f"({before})"
            after, binds = _readable(right)
            closed = binds > own or (binds == own and what in "+*")
            return f"{before} {what} {after if closed else f'({after})'}", own
        case Apply(what, arguments):
            return f"{what}({', '.join(readable(one) for one in arguments)})", 9
    return show(formula), 9


def told(plan: Plan, name: str) -> Told | None:
    """What the file says of a figure: of its driver, line, contract, source of money or opening."""
    head = name.partition(".")[0]
    written = plan.written
    if head == "opening":
        return written.opening
    for rows in (written.drivers, written.lines, written.contracts, written.funding):
        for one in rows:
            if one.name in {name, head}:
                return one
    return None
