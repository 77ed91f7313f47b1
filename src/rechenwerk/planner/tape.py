"""The lines of a program as single operations on rows of numbers, in their order.

Formulas are taken apart into operations with one result each; what stands twice is done once. Operations
that depend on what is drawn are apart from those that are the same on all paths. Lines that need each
other's earlier periods make a turning group, whose operations are done period by period; what such a line
needs from outside is done before, for several periods at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType

import msgspec
import numpy as np

from rechenwerk.planner.axis import Axis
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.formulas import Apply, Formula, Name, Number, Text, names
from rechenwerk.planner.program import Program, Ring

_CALENDAR = frozenset({"since", "until", "period", "length"})
_NEUTRAL: Mapping[str, float] = MappingProxyType({"*": 1.0, "/": 1.0})
"""What may stand on the right of an operator without changing anything."""


class Slot(msgspec.Struct):
    """Where the numbers of an operation lie.

    Args:
        wide: paths differ.
        whole: all periods are kept, because earlier ones are looked at or somebody wants them; else it is a
            register for the periods that are just calculated.
        lead: rows of zeros before the first period, for those who look that far back.
        given: (periods, 1) what is known before anything is calculated.
    """

    wide: bool
    whole: bool = False
    lead: int = 0
    given: Floats | None = None


class Operand(msgspec.Struct, frozen=True):
    """A slot as an operation sees it: `lag` periods earlier, in the first period `first` if there is one."""

    slot: int
    lag: int = 0
    first: Operand | None = None

    @property
    def plain(self) -> bool:
        """The slot as it is."""
        return not self.lag and self.first is None


class Operation(msgspec.Struct, frozen=True):
    """What is done with which operands, and the slot that it fills."""

    what: str
    operands: tuple[Operand, ...]
    out: int


class Group(msgspec.Struct, frozen=True):
    """Operations that follow each other; `turning`: all of them for one period, then for the next."""

    operations: list[Operation]
    turning: bool = False


class Tape(msgspec.Struct, frozen=True):
    """A program taken apart.

    Args:
        slots: of all operations.
        groups: in their order; those of one kind of slots never need a later one.
        named: where lines and inputs lie that are wanted.
        inputs: slots of the inputs that are needed.
    """

    slots: list[Slot]
    groups: list[Group]
    named: dict[str, Operand]
    inputs: dict[str, int]


def needed(program: Program, wanted: Iterable[str]) -> set[str]:
    """Names that are wanted and those that they need."""
    lines = program.lines
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if name in lines:
                waiting += names(lines[name].formula)
    return found


def take_apart(program: Program, wide: Iterable[str], keep: Iterable[str] | None = None) -> Tape:
    """The operations of a program.

    Args:
        program: of `order`.
        wide: inputs whose paths differ.
        keep: names that are wanted; None: all. What they do not need is left out.
    """
    everything = [*program.inputs, *program.lines]
    kept = everything if keep is None else list(keep)
    maker = _Maker(program, needed(program, kept), set(wide))
    for ring in program.rings:
        if ring.lines[0].name in maker.needed:
            maker.ring(ring)
    for name in kept:
        maker.keep(name)
    inputs = {name: maker.named[name].slot for name in program.inputs if name in maker.needed}
    return Tape(maker.slots, maker.groups, {name: maker.named[name] for name in kept}, inputs)


class _Maker:
    def __init__(self, program: Program, wanted: set[str], wide: set[str]) -> None:
        self.axis = program.axis
        self.needed = wanted
        self.slots: list[Slot] = []
        self.groups: list[Group] = [Group([])]
        self.named: dict[str, Operand] = {}
        self.done: dict[tuple[object, ...], Operand] = {}
        self.turning: Group | None = None
        self.own: set[str] = set()
        self.inside: set[int] = set()
        self.late: list[tuple[int, Formula]] = []
        for name in program.inputs:
            if name in wanted:
                self.named[name] = Operand(self.slot(wide=name in wide, whole=True))

    def slot(self, *, wide: bool, whole: bool = False, given: Floats | None = None) -> int:
        """A new one; what is the same on all paths is small and always kept."""
        self.slots.append(Slot(wide, whole or not wide, 0, given))
        return len(self.slots) - 1

    def keep(self, name: str) -> None:
        """See that all periods of a line can be given back."""
        if not self.named[name].plain:
            self.named[name] = self.operation("copy", [self.named[name]])
        self.slots[self.named[name].slot].whole = True

    def ring(self, ring: Ring) -> None:
        """Lines that are calculated together."""
        if not ring.turning:
            self.named[ring.lines[0].name] = self.of(ring.lines[0].formula)
            return
        self.own = {line.name for line in ring.lines}
        outside = {name for line in ring.lines for name in names(line.formula)} - self.own
        wide = any(self.slots[slot].wide for name in outside for slot in _slots([self.named[name]]))
        self.turning = Group([], turning=True)
        for line in ring.lines:
            self.named[line.name] = Operand(self.slot(wide=wide))
            self.inside.add(self.named[line.name].slot)
        for line in ring.lines:
            self.fill(self.named[line.name].slot, line.formula)
        while self.late:
            self.fill(*self.late.pop())
        self.groups += [self.turning, Group([])]
        self.turning = None
        self.own, self.inside = set(), set()

    def fill(self, slot: int, formula: Formula) -> None:
        """Calculate a formula into a slot that is already known to others."""
        found = self.of(formula)
        group = self.turning
        assert group is not None
        last = group.operations[-1] if group.operations else None
        if found.plain and last is not None and last.out == found.slot and self.fresh(found):
            group.operations[-1] = Operation(last.what, last.operands, slot)
            self.done[last.what, *last.operands] = Operand(slot)
            if self.slots[found.slot].whole:
                self.look_back(Operand(slot), self.slots[found.slot].lead)
        else:
            group.operations.append(Operation("copy", (found,), slot))

    def fresh(self, operand: Operand) -> bool:
        """Whether nobody but the last operation knows a slot: it is the newest, and no line's own."""
        return operand.slot == len(self.slots) - 1 and operand not in self.named.values()

    def operation(self, what: str, operands: Sequence[Operand], *, whole: bool = False) -> Operand:
        """Where the result of an operation lies; the same one twice is done once."""
        key = (what, *operands)
        if key not in self.done:
            out = self.slot(wide=any(self.slots[slot].wide for slot in _slots(operands)), whole=whole)
            group = self.groups[-1]
            if any(slot in self.inside for slot in _slots(operands)):
                assert self.turning is not None
                group = self.turning
                self.inside.add(out)
            group.operations.append(Operation(what, tuple(operands), out))
            self.done[key] = Operand(out)
        return self.done[key]

    def number(self, key: object, value: Floats | float) -> Operand:
        """What is known at once."""
        if ("number", key) not in self.done:
            column = np.broadcast_to(np.asarray(value, dtype=np.float64), (self.axis.count,)).reshape(-1, 1)
            self.done["number", key] = Operand(self.slot(wide=False, given=column))
        return self.done["number", key]

    def of(self, formula: Formula) -> Operand:
        """Where a formula's value lies."""
        match formula:
            case Number(value):
                return self.number(value, value)
            case Name(name):
                return self.named[name]
            case Apply("prev", (inner, *first)):
                return self.lagged(inner, 1, self.of(first[0]) if first else None)
            case Apply("past", (inner, Number(by))):
                return self.lagged(inner, min(int(by), self.axis.count), None)
            case Apply("total" | "year" as what, (inner,)):
                found = self.operation(what, [self.of(inner)], whole=True)
                self.look_back(found, 1)
                return found
            case Apply(what, _) if what in _CALENDAR:
                return self.number(formula, calendar(formula, self.axis))
            case Apply(what, (left, Number(value))) if _NEUTRAL.get(what) == value:
                return self.of(left)
            case Apply(what, arguments):
                operands = [self.of(one) for one in arguments]
                if what in {"min", "max"}:
                    return reduce(lambda one, other: self.operation(what, [one, other]), operands)
                return self.operation(what, operands)
        raise AssertionError(formula)

    def lagged(self, inner: Formula, by: int, first: Operand | None) -> Operand:
        """A formula's value some periods earlier."""
        if not isinstance(inner, Name) and any(name in self.own for name in names(inner)):
            # Its parts of this period are not there yet: it is calculated when all lines of the ring are.
            found = Operand(self.slot(wide=self.slots[self.named[min(self.own)].slot].wide))
            self.inside.add(found.slot)
            self.late.append((found.slot, inner))
        else:
            found = self.of(inner)
            if not found.plain:
                found = self.operation("copy", [found])
        self.look_back(found, by)
        return Operand(found.slot, by, first)

    def look_back(self, operand: Operand, by: int) -> None:
        """Somebody looks at earlier periods of a slot."""
        slot = self.slots[operand.slot]
        slot.whole, slot.lead = True, max(slot.lead, by)


def _slots(operands: Iterable[Operand]) -> Iterable[int]:
    for one in operands:
        yield one.slot
        if one.first is not None:
            yield from _slots([one.first])


def used(operation: Operation) -> list[int]:
    """Slots that an operation reads."""
    return list(_slots(operation.operands))


def calendar(formula: Apply, axis: Axis) -> Floats | float:
    """What depends on the calendar only: (periods,), or a number for all.

    Raises:
        PlanError: a month is none.
    """
    match formula:
        case Apply("since", (Text(value),)):
            return axis.since(value)
        case Apply("until", (Text(value),)):
            return np.asarray(1 - axis.since(value))
        case Apply("period", ()):
            return np.arange(axis.count, dtype=np.float64)
    return axis.length
