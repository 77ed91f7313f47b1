"""The language in which a plan's lines are written: small, readable, the same that the workbook holds.

    revenue = customers * price * length()
    cash = prev(cash, opening) + inflow - outflow
    cost = if(since("2027-01"), new_cost, old_cost)

Numbers may end with %; names may have dots. A comparison is 1 or 0. The functions are listed in `FUNCTIONS`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from rechenwerk.base.errors import PlanError

FUNCTIONS: Mapping[str, tuple[int, int, str]] = MappingProxyType(
    {
        "min": (2, 99, "the least"),
        "max": (2, 99, "the greatest"),
        "if": (3, 3, "if(condition, then, else)"),
        "abs": (1, 1, "without its sign"),
        "exp": (1, 1, "e to the power of"),
        "log": (1, 1, "natural logarithm"),
        "prev": (1, 2, "the period before; in the first one 0, or the second argument"),
        "past": (2, 2, "past(x, 3): three periods before; 0 where there was none"),
        "total": (1, 1, "the sum from the first period on"),
        "year": (1, 1, "the sum from the first period of the calendar year on"),
        "since": (1, 1, 'since("2027-01"): 1 from that month on, else 0'),
        "until": (1, 1, 'until("2027-01"): 1 before that month, else 0'),
        "period": (0, 0, "the number of the period, from 0"),
        "length": (0, 0, "of a period, in years"),
    }
)
"""Name -> least and most arguments, and what it is."""
_OPERATORS: Mapping[type[ast.AST], str] = MappingProxyType(
    {
        ast.Add: "+",
        ast.Sub: "-",
        ast.Mult: "*",
        ast.Div: "/",
        ast.Pow: "^",
        ast.Lt: "<",
        ast.LtE: "<=",
        ast.Gt: ">",
        ast.GtE: ">=",
        ast.Eq: "=",
        ast.NotEq: "<>",
    }
)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_LONGEST = 4000


class Number(msgspec.Struct, frozen=True, tag=True):
    """A number that stands in a formula."""

    value: float


class Text(msgspec.Struct, frozen=True, tag=True):
    """A month that stands in a formula, in quotes."""

    value: str


class Name(msgspec.Struct, frozen=True, tag=True):
    """A driver or another line."""

    name: str


class Apply(msgspec.Struct, frozen=True, tag=True):
    """An operator or a function with its arguments."""

    what: str
    arguments: tuple[Formula, ...]


Formula = Number | Text | Name | Apply


def read_formula(text: str) -> Formula:
    """A formula from its text.

    Raises:
        PlanError: it is no formula; says what is not understood.
    """
    if len(text) > _LONGEST:
        raise PlanError("a formula of {count} characters is too long; divide it into lines", count=len(text))
    # Python's own parser reads it; nothing is ever evaluated by Python.
    source = re.sub(r"\bif\s*\(", "if_(", _PERCENT.sub(r"(\1/100)", text.strip()).replace("^", "**"))
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = getattr(error, "msg", "") or "it nests too deeply"
        raise PlanError("the formula {text!r} cannot be read: {said}", text=text, said=said) from None
    return _read(tree.body, text)


def _read(node: ast.AST, text: str) -> Formula:
    match node:
        case ast.Constant(value=bool() | None):
            pass
        case ast.Constant(value=int() | float() as value):
            return Number(float(value))
        case ast.Constant(value=str() as value):
            return Text(value)
        case ast.Name() | ast.Attribute():
            return Name(ast.unparse(node))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Apply("-", (Number(0.0), _read(operand, text)))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _read(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return Apply(_OPERATORS[type(op)], (_read(left, text), _read(right, text)))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return Apply(_OPERATORS[type(op)], (_read(left, text), _read(right, text)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name.removesuffix("_") if name == "if_" else name, arguments, text)
        case _:
            pass
    raise PlanError(
        "the formula {text!r} has something that no formula has: {unparse}",
        text=text,
        unparse=ast.unparse(node),
    )


def _call(name: str, arguments: list[ast.expr], text: str) -> Formula:
    if name not in FUNCTIONS:
        raise PlanError(
            "the formula {text!r} calls {name}, which is none of {list}",
            text=text,
            name=name,
            list=", ".join(FUNCTIONS),
        )
    least, most, what = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise PlanError(
            "the formula {text!r} gives {name} {count} arguments; it is {what}",
            text=text,
            name=name,
            count=len(arguments),
            what=what,
        )
    found = tuple(_read(one, text) for one in arguments)
    for index, one in enumerate(found):
        if isinstance(one, Text) != (name in {"since", "until"}):
            raise PlanError(
                "the formula {text!r}: argument {value} of {name}; it is {what}",
                text=text,
                value=index + 1,
                name=name,
                what=what,
            )
    if name == "past" and not (
        isinstance(found[1], Number) and found[1].value.is_integer() and found[1].value > 0
    ):
        raise PlanError(
            "the formula {text!r}: the second argument of past is a whole number above 0", text=text
        )
    return Apply(name, found)


def names(formula: Formula, *, lagged: bool | None = None) -> Iterator[str]:
    """Names in a formula.

    Args:
        formula: as read.
        lagged: True: only those of earlier periods; False: only those of the same period; None: all.
    """
    yield from _names(formula, behind=False, lagged=lagged)


def _names(formula: Formula, *, behind: bool, lagged: bool | None) -> Iterator[str]:
    if isinstance(formula, Name):
        if lagged is None or lagged == behind:
            yield formula.name
    elif isinstance(formula, Apply):
        for index, one in enumerate(formula.arguments):
            late = formula.what in {"prev", "past"} and index == 0
            yield from _names(one, behind=behind or late, lagged=lagged)


def show(formula: Formula) -> str:
    """The formula as text, which reads as the same formula."""
    match formula:
        case Number(value):
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case Text(value):
            return f'"{value}"'
        case Name(name):
            return name
        case Apply(what, arguments) if what in FUNCTIONS:
            return f"{what}({', '.join(show(one) for one in arguments)})"
        case Apply(what, (left, right)):
            return f"({show(left)} {'==' if what == '=' else '!=' if what == '<>' else what} {show(right)})"
    raise AssertionError(formula)
