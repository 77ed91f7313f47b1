"""The arithmetic of a plan: lines in order, calculated for many paths at once.

Lines that depend on nothing drawn are calculated once. Lines that depend on themselves through earlier
periods (cash, debt, losses carried forward) form a ring and are calculated period by period; all others for
all periods at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.formulas import Apply, Formula, Name, Number, Text, names
from rechenwerk.planner.units import ONE, Unit

Values = dict[str, Floats]
"""By name: (periods, paths), or (periods, 1) where all paths are equal."""


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
            raise PlanError(f"{name!r} stands twice; rename one of them")
    for line in lines:
        for name in names(line.formula):
            if name not in known and name not in given:
                fix = did_you_mean(name, [*known, *given])
                raise PlanError(f"line {line.name!r} needs {name!r}, which is nowhere; {fix}")
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
                    raise PlanError(
                        f"circular: {' needs '.join(ring)} in the same period; let one of them use prev(…)"
                    )
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


def _divided(above: Floats, below: Floats) -> Floats:
    """A quotient; 0 where nothing can be divided by, as an empty plan has no margin."""
    found = np.zeros(np.broadcast_shapes(above.shape, below.shape))
    return np.divide(above, below, out=found, where=below != 0)


def _chosen(condition: Floats, then: Floats, other: Floats) -> Floats:
    found: Floats = np.where(condition != 0, then, other)
    return found


_OPERATIONS: Mapping[str, Callable[..., Floats]] = MappingProxyType(
    {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": _divided,
        "^": np.power,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
        "=": np.equal,
        "<>": np.not_equal,
        "min": lambda *them: reduce(np.minimum, them),
        "max": lambda *them: reduce(np.maximum, them),
        "if": _chosen,
        "abs": np.abs,
        "exp": np.exp,
        "log": np.log,
    }
)


def calculate(program: Program, inputs: Values, keep: Iterable[str] | None = None) -> Values:
    """All lines of a block of paths.

    Args:
        program: of `order`.
        inputs: every input of the program, (periods, paths) or (periods, 1).
        keep: names that are wanted; None: all. What nobody needs any more is dropped on the way.
    """
    values = dict(inputs)
    wanted = None if keep is None else set(keep)
    last = _last_use(program) if wanted is not None else {}
    for number, ring in enumerate(program.rings):
        if ring.turning:
            _turn(program.axis, ring, values)
        else:
            line = ring.lines[0]
            values[line.name] = _whole(line.formula, values, program.axis)
        if wanted is not None:
            for name in last.get(number, ()):
                if name not in wanted:
                    del values[name]
    return values if wanted is None else {name: values[name] for name in wanted}


def _last_use(program: Program) -> dict[int, list[str]]:
    uses: dict[str, int] = {}
    for number, ring in enumerate(program.rings):
        for line in ring.lines:
            uses[line.name] = number
            for name in names(line.formula):
                uses[name] = number
    found: dict[int, list[str]] = {}
    for name, number in uses.items():
        found.setdefault(number, []).append(name)
    return found


def _column(axis: Axis, value: Floats | float) -> Floats:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (axis.count,)).reshape(-1, 1)


def _given(formula: Apply, axis: Axis) -> Floats | None:
    """What depends on the calendar only."""
    match formula:
        case Apply("since", (Text(value),)):
            return _column(axis, axis.since(value))
        case Apply("until", (Text(value),)):
            return _column(axis, 1 - axis.since(value))
        case Apply("period", ()):
            return _column(axis, np.arange(axis.count, dtype=np.float64))
        case Apply("length", ()):
            return _column(axis, axis.length)
    return None


def _operate(what: str, arguments: Sequence[Floats]) -> Floats:
    """An operator or a function of numbers."""
    found = _OPERATIONS[what](*arguments)
    return found.astype(np.float64) if found.dtype == np.bool_ else found


def _whole(formula: Formula, values: Values, axis: Axis) -> Floats:
    """All periods at once."""
    match formula:
        case Number(number):
            return _column(axis, number)
        case Name(name):
            return values[name]
        case Apply("prev", (inner, *first)):
            value = _whole(inner, values, axis)
            start = _whole(first[0], values, axis)[:1] if first else np.zeros((1, 1))
            width = max(value.shape[1], start.shape[1])
            return np.concatenate(
                [np.broadcast_to(start, (1, width)), np.broadcast_to(value[:-1], (axis.count - 1, width))]
            )
        case Apply("past", (inner, Number(by))):
            value = _whole(inner, values, axis)
            far = min(int(by), axis.count)
            return np.concatenate([np.zeros((far, value.shape[1])), value[: axis.count - far]])
        case Apply("total", (inner,)):
            summed: Floats = np.cumsum(_whole(inner, values, axis), axis=0)
            return summed
        case Apply("year", (inner,)):
            summed = np.cumsum(_whole(inner, values, axis), axis=0)
            starts = np.flatnonzero(axis.new_year)
            before = np.zeros_like(summed)
            for start in starts[starts > 0]:
                before[start:] = summed[start - 1]
            return summed - before
        case Apply(what, arguments):
            given = _given(formula, axis)
            if given is not None:
                return given
            return _operate(what, [_whole(one, values, axis) for one in arguments])
    raise AssertionError(formula)


Step = Callable[[int], Floats]


def _turn(axis: Axis, ring: Ring, values: Values) -> None:
    """Period by period."""
    width = max(
        (values[name].shape[1] for line in ring.lines for name in names(line.formula) if name in values),
        default=1,
    )
    for line in ring.lines:
        values[line.name] = np.zeros((axis.count, width))
    own = {line.name for line in ring.lines}
    steps = [(values[line.name], _step(line.formula, values, own, axis)) for line in ring.lines]
    for period in range(axis.count):
        for target, step in steps:
            target[period] = step(period)


def _step(formula: Formula, values: Values, own: set[str], axis: Axis) -> Step:
    """A function of the period."""
    if not any(name in own for name in names(formula)):
        ready = _whole(formula, values, axis)
        return lambda period: ready[period]
    match formula:
        case Name(name):
            value = values[name]
            return lambda period: value[period]
        case Apply("prev", (Name(name), *first)):
            value = values[name]
            start = _step(first[0], values, own, axis) if first else None
            zero = np.zeros(1)
            return lambda period: value[period - 1] if period else (start(0) if start else zero)
        case Apply("past", (Name(name), Number(by))):
            value, far, zero = values[name], int(by), np.zeros(1)
            return lambda period: value[period - far] if period >= far else zero
        case Apply("total" | "year" as what, (inner,)):
            return _summing(_step(inner, values, own, axis), axis, yearly=what == "year")
        case Apply("prev" | "past", _):
            raise PlanError(
                "prev and past take the name of a line where lines need each other; give the rest a line"
            )
        case Apply(what, arguments):
            steps = [_step(one, values, own, axis) for one in arguments]
            return lambda period: _operate(what, [one(period) for one in steps])
    raise AssertionError(formula)


def _summing(step: Step, axis: Axis, *, yearly: bool) -> Step:
    so_far: list[Floats] = []
    new_year = axis.new_year

    def summed(period: int) -> Floats:
        value = step(period)
        before = so_far.pop() if so_far and not (yearly and new_year[period]) else 0.0
        so_far[:] = [before + value]
        return so_far[0]

    return summed
