"""The same model as one would write it in plain Python: one path, one period, one line after the other.

The text of the function is written from the plan's lines, so that nothing is interpreted while it runs;
drivers are drawn with the standard library.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

from rechenwerk.planner.formulas import Apply, Formula, Name, Number, Text
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.tape import needed

Series = dict[str, list[float]]
Path = Callable[[Mapping[str, Sequence[float]]], Series]
_WRITTEN: Mapping[str, str] = MappingProxyType({"^": "**", "=": "==", "<>": "!="})


def path_function(plan: Plan, keep: Sequence[str]) -> Path:
    """A function of the inputs, by name and period, that gives the wanted lines."""
    source = _Writer(plan, keep).source()
    space: dict[str, object] = {"exp": math.exp, "log": math.log}
    exec(compile(source, "plan", "exec"), space)  # our own text, written above
    return cast("Path", space["path"])


class _Writer:
    def __init__(self, plan: Plan, keep: Sequence[str]) -> None:
        self.plan, self.keep = plan, keep
        self.needed = needed(plan.program, keep)
        self.names = {name: f"v{at}" for at, name in enumerate([*plan.inputs, *plan.lines])}
        self.before: list[str] = []
        self.body: list[str] = []
        self.after: list[str] = []

    def source(self) -> str:
        count = self.plan.axis.count
        for name in self.plan.inputs:
            if name in self.needed:
                at = self.names[name]
                self.before.append(f"l{at} = I[{name!r}]")
                self.body.append(f"{at} = l{at}[t]")
        for name, line in self.plan.lines.items():
            if name in self.needed:
                at = self.names[name]
                self.before.append(f"l{at} = [0.0] * {count}")
                self.body.append(f"{at} = l{at}[t] = {self.text(line.formula)}")
        rows = ["def path(I):", *(f"    {one}" for one in self.before), f"    for t in range({count}):"]
        rows += [f"        {one}" for one in (*self.body, *self.after)]
        found = ", ".join(f"{name!r}: l{self.names[name]}" for name in self.keep)
        return "\n".join([*rows, f"    return {{{found}}}"])

    def text(self, formula: Formula) -> str:  # noqa: C901 - a case for each kind of formula
        match formula:
            case Number(value):
                return repr(value)
            case Name(name):
                return self.names[name]
            case Apply("prev", (inner, *first)):
                return f"({self.series(inner)}[t - 1] if t else {self.text(first[0]) if first else 0.0})"
            case Apply("past", (inner, Number(by))):
                return f"({self.series(inner)}[t - {int(by)}] if t >= {int(by)} else 0.0)"
            case Apply("total" | "year" as what, (inner,)):
                return self.summed(inner, yearly=what == "year")
            case Apply("since" | "until" as what, (Text(month),)):
                return f"(1.0 if t {'>=' if what == 'since' else '<'} {self.plan.axis.index(month)} else 0.0)"
            case Apply("period", ()):
                return "t"
            case Apply("length", ()):
                return repr(self.plan.axis.length)
            case Apply("if", (condition, then, other)):
                return f"({self.text(then)} if {self.text(condition)} else {self.text(other)})"
            case Apply("/", (above, below)):
                return f"({self.text(above)} / d if (d := {self.text(below)}) else 0.0)"
            case Apply("min" | "max" | "abs" | "exp" | "log" as what, arguments):
                return f"{what}({', '.join(self.text(one) for one in arguments)})"
            case Apply(what, (left, right)):
                return f"({self.text(left)} {_WRITTEN.get(what, what)} {self.text(right)})"
        raise AssertionError(formula)

    def series(self, inner: Formula) -> str:
        """The list of a line, or of a part of a formula, which is noted at the period's end."""
        if isinstance(inner, Name):
            return f"l{self.names[inner.name]}"
        name = f"p{len(self.before)}"
        self.before.append(f"{name} = [0.0] * {self.plan.axis.count}")
        self.after.append(f"{name}[t] = {self.text(inner)}")
        return name

    def summed(self, inner: Formula, *, yearly: bool) -> str:
        name = f"s{len(self.before)}"
        self.before.append(f"{name} = 0.0")
        first = [at for at, new in enumerate(self.plan.axis.new_year) if new] if yearly else []
        started = f"(0.0 if t in {set(first)} else {name})" if first else name
        return f"({name} := {started} + {self.text(inner)})"


def drawn(plan: Plan, chance: random.Random) -> Series:
    """One path of all inputs; random walks, levels and growths as the planner has them."""
    count, length = plan.axis.count, plan.axis.length
    found = {name: list(one.path) for name, one in plan.inputs.items()}
    drivers = [one for one in plan.inputs.values() if one.drawn]
    factor = plan.factor.tolist()
    mixed: list[list[float]] = [[] for _ in drivers]
    for _ in range(count):
        normal = [chance.gauss(0.0, 1.0) for _ in drivers]
        for at, row in enumerate(factor):
            mixed[at].append(sum(row[other] * normal[other] for other in range(at + 1)))
    for one, series in zip(drivers, mixed, strict=True):
        path, level = found[one.name], 0.0
        for t in range(count):
            if one.noise == "walk":
                step = one.spread * math.sqrt(length)
                level += step * series[t]
                path[t] *= math.exp(level - step**2 * (t + 1) / 2)
            else:
                years = length * t if one.noise == "growth" else 1.0
                shock = series[t] if one.noise == "each" else series[0]
                path[t] *= math.exp(one.spread * years * shock - (one.spread * years) ** 2 / 2)
    return found
