"""The arithmetic of a plan: its lines calculated for many paths at once.

What is the same on all paths is calculated once, when a `Machine` is made. The rest is calculated a few
periods at a time, so that what an operation has just written is still in the processor's cache when the
next one reads it; results that nobody looks back at lie in registers that are used again and again. Nothing
is allocated while a block of paths is calculated. Sums run from the first period to the last, so that the
result does not depend on how many periods are taken at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.program import Line, Program, Ring, order
from rechenwerk.planner.tape import Group, Operand, Operation, Tape, take_apart, used

__all__ = ["Line", "Machine", "Program", "Ring", "Values", "calculate", "order"]

Values = dict[str, Floats]
"""By name: (periods, paths), or (periods, 1) where all paths are equal."""
_TILE = 16_000
"""Numbers of one result that are calculated at a time: a few dozen such results lie in a core's cache."""


def _divide(above: Floats, below: Floats, out: Floats) -> None:
    """A quotient; 0 where nothing can be divided by, as an empty plan has no margin."""
    nothing = np.equal(below, 0.0)
    if nothing.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(above, below, out=out)
        np.copyto(out, 0.0, where=nothing)
    else:
        np.divide(above, below, out=out)


def _choose(condition: Floats, then: Floats, other: Floats, out: Floats) -> None:
    np.copyto(out, other)
    np.copyto(out, then, where=np.not_equal(condition, 0.0))


_OPERATIONS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "^": np.power,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
        "=": np.equal,
        "<>": np.not_equal,
        "min": np.minimum,
        "max": np.maximum,
        "abs": np.abs,
        "exp": np.exp,
        "log": np.log,
        "copy": np.positive,
    }
)
"""Whose result may take the place of an operand; beside them are quotients, choices and sums."""

Step = tuple[Callable[..., object], tuple[Floats, ...], Floats]
"""What is called with which operands, and where its result goes."""


def calculate(program: Program, inputs: Values, keep: Iterable[str] | None = None) -> Values:
    """All lines of a block of paths.

    Args:
        program: of `order`.
        inputs: every input of the program, (periods, paths) or (periods, 1).
        keep: names that are wanted; None: all.
    """
    paths = max((one.shape[1] for one in inputs.values()), default=1)
    drawn = {name: one for name, one in inputs.items() if one.shape[1] > 1}
    known = {name: one for name, one in inputs.items() if name not in drawn}
    return Machine(program, known, drawn, paths, keep).calculate(drawn)


class Machine:
    """A program made ready for blocks of paths, one after the other.

    Attributes:
        room: where the inputs that are drawn lie, (periods, paths); who draws into it spares a copy.

    Args:
        program: of `order`.
        known: inputs that are the same on all paths, (periods, 1).
        drawn: names of the others.
        paths: of every block.
        keep: names that are wanted; None: all.
    """

    def __init__(
        self,
        program: Program,
        known: Values,
        drawn: Iterable[str],
        paths: int,
        keep: Iterable[str] | None = None,
    ) -> None:
        self._axis = program.axis
        self._new_year = program.axis.new_year != 0
        self._tape: Tape = take_apart(program, drawn, keep)
        self._inputs = {name: self._tape.inputs[name] for name in drawn if name in self._tape.inputs}
        self._arrays = [self._array(number, paths) for number in range(len(self._tape.slots))]
        self.room = {name: self._all(slot) for name, slot in self._inputs.items()}
        self._fill({name: one for name, one in known.items() if name in self._tape.inputs})
        for step, operands, out in self._bound(self._groups(wide=False), self._axis.count):
            step(*operands, out=out)
        groups = list(self._shortened(self._groups(wide=True)))
        rows = max(1, _TILE // paths)
        self._registers(groups, min(rows, self._axis.count), paths)
        self._steps = list(self._bound(groups, rows))

    def calculate(self, drawn: Values) -> Values:
        """The wanted lines of a block.

        Args:
            drawn: (periods, paths) each.

        Returns:
            what the next block is written over.
        """
        self._fill({name: drawn[name] for name, own in self.room.items() if drawn[name] is not own})
        for step, operands, out in self._steps:
            step(*operands, out=out)
        return {name: self._all(one.slot) for name, one in self._tape.named.items()}

    def _groups(self, *, wide: bool) -> list[Group]:
        """Operations whose results differ between paths, or those whose results do not."""
        slots = self._tape.slots
        return [
            Group([one for one in group.operations if slots[one.out].wide == wide], group.turning)
            for group in self._tape.groups
        ]

    def _shortened(self, groups: Iterable[Group]) -> Iterator[Group]:
        """Without what turns out to change nothing, as the time of a contract that is always in force."""
        same: dict[int, Operand] = {}
        for group in groups:
            left = []
            for one in group.operations:
                operands = tuple(_instead(each, same) for each in one.operands)
                other = self._unchanged(one.what, operands)
                if other is not None and other.plain and not self._tape.slots[one.out].whole:
                    same[one.out] = other
                else:
                    left.append(Operation(one.what, operands, one.out))
            yield Group(left, group.turning)

    def _unchanged(self, what: str, operands: tuple[Operand, ...]) -> Operand | None:
        """The operand that is the result as well, because the other one is 1 or 0 in all periods."""
        for at, other in ((1, 0), (0, 1)) if what in {"*", "+"} else ((1, 0),):
            if what in {"*", "+", "-", "/"} and self._always(
                operands[at], 1.0 if what in {"*", "/"} else 0.0
            ):
                return operands[other]
        return None

    def _always(self, operand: Operand, value: float) -> bool:
        wide = self._tape.slots[operand.slot].wide
        return operand.plain and not wide and bool((self._all(operand.slot) == value).all())

    def _array(self, number: int, paths: int) -> Floats:
        slot = self._tape.slots[number]
        if not slot.whole:
            return np.empty((0, 0))
        found = np.zeros((slot.lead + self._axis.count, paths if slot.wide else 1))
        if slot.given is not None:
            found[slot.lead :] = slot.given
        return found

    def _all(self, number: int) -> Floats:
        return self._arrays[number][self._tape.slots[number].lead :]

    def _fill(self, values: Values) -> None:
        for name, one in values.items():
            self._all(self._tape.inputs[name])[:] = one

    def _view(self, operand: Operand, tile: int, begin: int, end: int) -> Floats:
        """Some periods of an operand; a register's first row is the first period of its tile."""
        if operand.first is not None and begin == 0:
            return self._view(operand.first, tile, begin, end)
        slot = self._tape.slots[operand.slot]
        start = slot.lead - operand.lag if slot.whole else -tile
        return self._arrays[operand.slot][start + begin : start + end]

    def _bound(self, groups: Sequence[Group], rows: int) -> Iterator[Step]:
        """All operations on all periods, in their order, a few periods at a time; the first period alone."""
        count = self._axis.count
        for begin in (0, *range(1, count, rows)):
            end = min(begin + rows, count) if begin else 1
            for group in groups:
                if not group.turning:
                    for one in group.operations:
                        yield from self._step(one, begin, begin, end)
                    continue
                for period in range(begin, end):
                    for one in group.operations:
                        yield from self._step(one, begin, period, period + 1)

    def _step(self, one: Operation, tile: int, begin: int, end: int) -> Iterator[Step]:
        """An operation on some periods of a tile."""
        out = self._view(Operand(one.out), tile, begin, end)
        operands = tuple(self._view(each, tile, begin, end) for each in one.operands)
        match one.what:
            case "total" | "year":
                yield from self._summing(one, operands[0], out, begin)
            case "if":
                yield _choose, operands, out
            case "/":
                known = not self._tape.slots[one.operands[1].slot].wide and self._tape.slots[one.out].wide
                yield (np.divide if known and operands[1].all() else _divide), operands, out
            case what:
                yield _OPERATIONS[what], operands, out

    def _summing(self, one: Operation, inner: Floats, out: Floats, begin: int) -> Iterator[Step]:
        """Sums from the first period on, or from that of the year on, period by period."""
        for row in range(len(out)):
            period = begin + row
            if period == 0 or (one.what == "year" and self._new_year[period]):
                yield np.positive, (inner[row],), out[row]
            else:
                before = self._view(Operand(one.out, 1), period, period, period + 1)[0]
                yield np.add, (before, inner[row]), out[row]

    def _registers(self, groups: Sequence[Group], rows: int, paths: int) -> None:
        """Give every result that nobody looks back at a place that is free when it is calculated."""
        last = _last_use(groups)
        free: list[Floats] = []
        at = -1
        for group in groups:
            made = {one.out for one in group.operations}
            for one in group.operations:
                at += 1
                ends = [
                    self._arrays[slot]
                    for slot in set(used(one))
                    if self._leaves(slot, last, at) and (slot in made or not group.turning)
                ]
                over = one.what in _OPERATIONS
                free += ends if over else []
                if not self._tape.slots[one.out].whole:
                    self._arrays[one.out] = free.pop() if free else np.empty((rows, paths))
                free += [] if over else ends
            if group.turning:
                outside = {slot for one in group.operations for slot in used(one)} - made
                free += [self._arrays[slot] for slot in outside if self._leaves(slot, last, at)]

    def _leaves(self, slot: int, last: Mapping[int, int], at: int) -> bool:
        """Whether a register is read for the last time."""
        return not self._tape.slots[slot].whole and last[slot] == at


def _instead(operand: Operand, same: Mapping[int, Operand]) -> Operand:
    """An operand in whose place another one stands."""
    if operand.first is not None:
        return Operand(operand.slot, operand.lag, _instead(operand.first, same))
    return same.get(operand.slot, operand)


def _last_use(groups: Sequence[Group]) -> dict[int, int]:
    """The last operation that reads a slot, by number; a turning group's last if it comes from outside."""
    found: dict[int, int] = {}
    at = -1
    for group in groups:
        made = {one.out for one in group.operations}
        start = at + 1
        at += len(group.operations)
        for number, one in enumerate(group.operations, start):
            for slot in used(one):
                found[slot] = at if group.turning and slot not in made else number
    return found
