"""The same model as a Squiggle program: a step per period with what is carried over, reduced over them.

It draws with Squiggle's own distributions; figures that it gives are compared by their mean only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rechenwerk.planner.formulas import Apply, Formula, Name, Number, Text
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.tape import needed

_WRITTEN: Mapping[str, str] = MappingProxyType({"=": "==", "<>": "!="})
_COMPARES = frozenset({"<", "<=", ">", ">=", "=", "<>"})


def squiggle(plan: Plan, keep: Sequence[str], paths: int) -> str:
    """The program; its result is the mean over all paths of the last period's `keep`."""
    return _Writer(plan, keep).program(paths)


class _Writer:
    def __init__(self, plan: Plan, keep: Sequence[str]) -> None:
        self.plan, self.keep = plan, keep
        self.needed = needed(plan.program, keep)
        self.names = {name: f"v{at}" for at, name in enumerate([*plan.inputs, *plan.lines])}
        self.lists: list[str] = []
        self.body: list[str] = []
        self.carried: dict[str, str] = {}
        """Of a step to the next: name and text of the value."""
        self.first: dict[str, str] = {}

    def program(self, paths: int) -> str:
        count = self.plan.axis.count
        self.drivers()
        for name, one in self.plan.inputs.items():
            if name in self.needed and not one.drawn:
                at = self.names[name]
                same = len(set(one.path)) == 1
                self.lists.append(f"k{at} = {number(one.path[0]) if same else series(one.path)}")
                self.body.append(f"{at} = k{at}{'' if same else '[t]'}")
        for name, line in self.plan.lines.items():
            if name in self.needed:
                self.body.append(f"{self.names[name]} = {self.text(line.formula)}")
        for name in self.keep:
            self.carry(f"r{self.names[name]}", self.names[name])
        state = ", ".join(f"{name}: {text}" for name, text in self.carried.items())
        begin = ", ".join(f"{name}: {self.first.get(name, '0')}" for name in self.carried)
        rows = [*self.lists, "step(s, t) = {", *(f"  {one}" for one in self.body), f"  {{{state}}}", "}"]
        rows.append(f"path(i) = List.reduce(List.upTo(0, {count - 1}), {{{begin}}}, step)")
        rows.append(f"paths = List.map(List.upTo(1, {paths}), path)")
        means = ", ".join(f"mean(List.map(paths, {{|p| p.r{self.names[name]}}}))" for name in self.keep)
        return "\n".join([*rows, f"[{means}]"])

    def drivers(self) -> None:
        drawn = [one for one in self.plan.inputs.values() if one.drawn]
        length = self.plan.axis.length
        for at, _ in enumerate(drawn):
            self.body.append(f"z{at} = sample(normal(0, 1))")
        for at, (one, row) in enumerate(zip(drawn, self.plan.factor.tolist(), strict=True)):
            name = self.names[one.name]
            self.lists.append(f"k{name} = {series(one.path)}")
            mixed = " + ".join(f"{number(row[other])} * z{other}" for other in range(at + 1))
            spread = number(one.spread)
            if one.noise == "walk":
                step = one.spread * math.sqrt(length)
                self.body.append(f"w{name} = s.w{name} + {number(step)} * ({mixed})")
                self.carry(f"w{name}", f"w{name}")
                shock = f"w{name} - {number(step**2 / 2)} * (t + 1)"
            elif one.noise == "each":
                shock = f"{spread} * ({mixed}) - {number(one.spread**2 / 2)}"
            else:
                self.body.append(f"w{name} = if t == 0 then ({mixed}) else s.w{name}")
                self.carry(f"w{name}", f"w{name}")
                years = f"({number(length)} * t)" if one.noise == "growth" else "1"
                self.body.append(f"y{name} = {spread} * {years}")
                shock = f"y{name} * w{name} - y{name} * y{name} / 2"
            self.body.append(f"{name} = k{name}[t] * exp({shock})")

    def carry(self, name: str, text: str, first: str = "0") -> str:
        self.carried[name] = text
        self.first[name] = first
        return f"s.{name}"

    def text(self, formula: Formula) -> str:  # noqa: C901 - a case for each kind of formula
        match formula:
            case Number(value):
                return number(value)
            case Name(name):
                return self.names[name]
            case Apply("prev", (inner, *first)):
                before = self.carry(*self.named(inner))
                return f"(if t == 0 then {self.text(first[0])} else {before})" if first else before
            case Apply("past", (inner, Number(by))):
                name, text = self.named(inner)
                count = int(by)
                kept = f"List.slice(List.concat([{text}], s.h{name}), 0, {count})"
                zeros = "[" + ", ".join("0" for _ in range(count)) + "]"
                return f"{self.carry(f'h{name}', kept, zeros)}[{count - 1}]"
            case Apply("total" | "year" as what, (inner,)):
                name = f"a{len(self.body)}x{len(self.carried)}"
                starts = [at for at, new in enumerate(self.plan.axis.new_year) if new]
                before = f"s.{name}"
                if what == "year":
                    self.lists.append(
                        f"k{name} = {series([float(at in starts) for at in range(self.plan.axis.count)])}"
                    )
                    before = f"(if k{name}[t] == 1 then 0 else {before})"
                self.body.append(f"{name} = {before} + {self.text(inner)}")
                self.carry(name, name)
                return name
            case Apply("since" | "until" as what, (Text(month),)):
                sign = ">=" if what == "since" else "<"
                return f"(if t {sign} {self.plan.axis.index(month)} then 1 else 0)"
            case Apply("period", ()):
                return "t"
            case Apply("length", ()):
                return number(self.plan.axis.length)
            case Apply("if", (condition, then, other)):
                return f"(if {self.text(condition)} != 0 then {self.text(then)} else {self.text(other)})"
            case Apply("/", (above, below)):
                under = self.text(below)
                return f"(if {under} == 0 then 0 else {self.text(above)} / {under})"
            case Apply("min" | "max" | "abs" | "exp" | "log" as what, arguments):
                return f"{what}({', '.join(self.text(one) for one in arguments)})"
            case Apply(what, (left, right)) if what in _COMPARES:
                return f"(if {self.text(left)} {_WRITTEN.get(what, what)} {self.text(right)} then 1 else 0)"
            case Apply(what, (left, right)):
                return f"({self.text(left)} {what} {self.text(right)})"
        raise AssertionError(formula)

    def named(self, inner: Formula) -> tuple[str, str]:
        """Under which name a value is carried over, and its text at the end of a step."""
        if isinstance(inner, Name):
            return f"l{self.names[inner.name]}", self.names[inner.name]
        return f"p{len(self.carried)}x{len(self.body)}", self.text(inner)


def number(value: float) -> str:
    """As Squiggle reads it."""
    return f"({value!r})" if value < 0 else repr(value)


def series(values: Sequence[float]) -> str:
    return "[" + ", ".join(number(value) for value in values) + "]"
