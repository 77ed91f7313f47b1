"""The lines of a plan, and the order in which they can be calculated.

Lines that depend on themselves through earlier periods (cash, debt, losses carried forward) form a ring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.formulas import Formula, names
from rechenwerk.planner.units import ONE, Unit


class Line(msgspec.Struct, frozen=True):
    """A line of a plan.

    Args:
        name: as formulas call it.
        formula: what it is.
        unit: in which it is shown.
        title: what people read.
        group: of the statement that it belongs to: 'revenue', 'cost', 'cash', 'balance', ...
        source: where the formula's figures come from, or what the formula is.
    """

    name: str
    formula: Formula
    unit: Unit = ONE
    title: str = ""
    group: str = ""
    source: str = ""


class Ring(msgspec.Struct, frozen=True):
    """Lines that are calculated together: one alone, or several that need each other's earlier periods."""

    lines: tuple[Line, ...]
    turning: bool


class Program(msgspec.Struct, frozen=True):
    """Lines in the order in which they can be calculated."""

    axis: Axis
    inputs: tuple[str, ...]
    rings: tuple[Ring, ...]

    @property
    def lines(self) -> dict[str, Line]:
        """By name."""
        return {line.name: line for ring in self.rings for line in ring.lines}


def order(axis: Axis, inputs: Iterable[str], lines: Sequence[Line]) -> Program:
    """Bring lines into their order.

    Raises:
        PlanError: a name is unknown or stands twice, or lines of one period need each other.
    """
    given = tuple(inputs)
    known = {line.name: line for line in lines}
    for name, times in Counter([*given, *(line.name for line in lines)]).items():
        if times > 1:
            raise PlanError("{name!r} stands twice; rename one of them", name=name)
    for line in lines:
        for name in names(line.formula):
            if name not in known and name not in given:
                fix = did_you_mean(name, [*known, *given])
                raise PlanError(
                    "line {name!r} needs {name2!r}, which is nowhere; {fix}",
                    name=line.name,
                    name2=name,
                    fix=fix,
                )
    everything = {
        name: tuple(dict.fromkeys(one for one in names(line.formula) if one in known))
        for name, line in known.items()
    }
    now = {
        name: tuple(dict.fromkeys(one for one in names(line.formula, lagged=False) if one in known))
        for name, line in known.items()
    }
    rings = []
    for group in _components(everything):
        inside = _sorted({name: [one for one in now[name] if one in group] for name in group})
        turning = len(group) > 1 or group[0] in everything[group[0]]
        rings.append(Ring(tuple(known[name] for name in inside), turning))
    return Program(axis, given, tuple(rings))


def _sorted(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Names so that each stands behind what it needs."""
    done: dict[str, bool] = {}
    found: list[str] = []
    for start in needs:
        stack = [(start, iter(needs[start]))]
        if start in done:
            continue
        done[start] = False
        while stack:
            name, rest = stack[-1]
            for one in rest:
                if done.get(one) is False:
                    ring = [*[at for at, _ in stack][[at for at, _ in stack].index(one) :], one]
                    said = sentence("{left} needs {right}", left=ring[0], right=ring[1])
                    for each in ring[2:]:
                        said = sentence("{left} needs {right}", left=said, right=each)
                    fix = "let one of them use prev(…)"
                    raise PlanError("circular: {list} in the same period; {fix}", list=said, fix=fix)
                if one not in done:
                    done[one] = False
                    stack.append((one, iter(needs[one])))
                    break
            else:
                done[name] = True
                found.append(name)
                stack.pop()
    return found


def _components(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Strongly connected components, each behind those that it needs (Tarjan 1972, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: list[str] = []
    on = set()
    found: list[list[str]] = []
    for start in needs:
        if start in index:
            continue
        stack = [(start, iter(needs[start]))]
        index[start] = low[start] = len(index)
        waiting.append(start)
        on.add(start)
        while stack:
            name, rest = stack[-1]
            for one in rest:
                if one not in index:
                    index[one] = low[one] = len(index)
                    waiting.append(one)
                    on.add(one)
                    stack.append((one, iter(needs[one])))
                    break
                if one in on:
                    low[name] = min(low[name], index[one])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[name])
                if low[name] == index[name]:
                    at = waiting.index(name)
                    group = waiting[at:]
                    del waiting[at:]
                    on.difference_update(group)
                    found.append(group)
    return found
