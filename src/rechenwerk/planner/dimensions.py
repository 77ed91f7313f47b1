"""Whether a formula adds what can be added: units of its parts, and of what comes out."""

from __future__ import annotations

from collections.abc import Mapping

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.planner.formulas import Formula, Name, Number, Text, show
from rechenwerk.planner.units import ONE, Unit

Powers = tuple[tuple[str, int], ...]
_YEAR = Unit(1.0, (("year", 1),))


def check_unit(formula: Formula, units: Mapping[str, Unit], wanted: Unit, name: str) -> None:
    """See that a line is in the unit that it says.

    A number that stands in a formula fits to everything that it is added to or compared with.

    Raises:
        PlanError: parts of different units are added or compared, or the whole is in another unit.
    """
    found = _unit(formula, units)
    if found is not None and found.powers != wanted.powers:
        said = sentence(
            "line {name!r} is said to be in {wanted}, but {formula} is in {found}",
            name=name,
            wanted=wanted,
            formula=show(formula),
            found=found,
        )
        raise PlanError("{said}; mend the unit, or give a number in it a [[driver]] with its unit", said=said)


def _unit(formula: Formula, units: Mapping[str, Unit]) -> Unit | None:
    """None: a number, which fits everywhere."""
    if isinstance(formula, Number | Text):
        return None
    if isinstance(formula, Name):
        return Unit(1.0, units[formula.name].powers)
    what, parts = formula.what, formula.arguments
    if what in {"*", "/"}:
        return _product(_unit(parts[0], units), _unit(parts[1], units), 1 if what == "*" else -1)
    if what == "^":
        return _power(formula, _unit(parts[0], units), parts[1])
    if what == "length":
        return _YEAR
    if what in {"exp", "log"}:
        return _bare(formula, _unit(parts[0], units))
    if what in {"since", "until", "period"}:
        return ONE
    # What is compared, chosen between, shifted or summed must be alike; past(x, n) counts periods.
    if what == "if":
        _unit(parts[0], units)
    alike = parts[1:] if what == "if" else parts[:1] if what == "past" else parts
    found = _same(formula, alike, units)
    return ONE if what in {"<", "<=", ">", ">=", "=", "<>"} else found


def _product(left: Unit | None, right: Unit | None, sign: int) -> Unit | None:
    if left is None and right is None:
        return None
    return (left or ONE).times(right or ONE, sign)


def _bare(formula: Formula, inner: Unit | None) -> Unit:
    if inner is not None and inner.powers:
        raise PlanError(
            "{formula} takes a number without a unit, not {inner}; divide it by one",
            formula=show(formula),
            inner=inner,
        )
    return ONE


def _same(
    formula: Formula, parts: list[Formula] | tuple[Formula, ...], units: Mapping[str, Unit]
) -> Unit | None:
    found: Unit | None = None
    for part in parts:
        unit = _unit(part, units)
        if unit is None:
            continue
        if found is not None and unit.powers != found.powers:
            raise PlanError(
                "{formula} puts {found} and {unit} together; bring them to one unit",
                formula=show(formula),
                found=found,
                unit=unit,
            )
        found = unit
    return found


def _power(formula: Formula, base: Unit | None, exponent: Formula) -> Unit | None:
    if base is None or not base.powers:
        return base
    if not (isinstance(exponent, Number) and exponent.value.is_integer()):
        raise PlanError(
            "{formula}: {base} can only be raised to a whole number", formula=show(formula), base=base
        )
    return Unit(1.0, tuple((name, power * int(exponent.value)) for name, power in base.powers))
