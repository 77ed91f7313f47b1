"""Where money comes from besides customers: equity, loans, vendors who wait, shares, guarantees."""

from __future__ import annotations

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.numbers import number
from rechenwerk.planner.sheet import Sheet
from rechenwerk.planner.tables import FundingTable
from rechenwerk.planner.units import ONE, read_unit


class Funded(msgspec.Struct, frozen=True):
    """Names of lines by what they do to the statements."""

    issued: tuple[str, ...] = ()
    in_shares: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    repaid: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    interest: tuple[str, ...] = ()
    called: tuple[str, ...] = ()


def add_funding(sheet: Sheet, one: FundingTable) -> Funded:
    """The lines of one source of money.

    Raises:
        PlanError: something that its kind needs is missing or in the wrong unit.
    """
    match one.kind:
        case "equity":
            name = _amount(sheet, one)
            sheet.line(f"{name}.received", f"{name}.amount * {_holds(sheet, one)}", title=f"{name}: received")
            return Funded(issued=(f"{name}.received",))
        case "loan":
            return _loan(sheet, one)
        case "vendor":
            return _vendor(sheet, one)
        case "shares":
            within = _contract(sheet, one)
            formula = f"{_part(sheet, one)} * {one.contract}.cash * {within}"
            sheet.line(f"{one.name}.issued", formula, title=f"{one.name}: paid in shares")
            return Funded(in_shares=(f"{one.name}.issued",))
        case "guarantee":
            name = _amount(sheet, one)
            formula = f"{name}.amount * {_holds(sheet, one)}"
            sheet.line(f"{name}.called", formula, title=f"{name}: called")
            return Funded(called=(f"{name}.called",))
    raise AssertionError(one.kind)


def _amount(sheet: Sheet, one: FundingTable) -> str:
    for key in ("amount", "unit", "when"):
        if getattr(one, key) in {None, ""}:
            raise PlanError(
                "{kind} {name!r} needs {key}; add {key} = …", kind=one.kind, name=one.name, key=key
            )
    assert one.amount is not None
    unit = read_unit(one.unit)
    if unit.powers != sheet.money.powers:
        raise PlanError(
            "the amount of {name} is in {unit!r}; it must be in {money}",
            name=one.name,
            unit=one.unit,
            money=sheet.money,
        )
    at = sheet.axis.index(one.when)
    when = np.where(np.arange(sheet.axis.count) == at, unit.scale, 0.0)
    name, told = f"{one.name}.amount", ("funding", one.name, "amount")
    title = f"{one.name}: promised"
    sheet.scaled(name, told, number(one.amount), when, sheet.money, title=title, source=one.source)
    return one.name


def _part(sheet: Sheet, one: FundingTable) -> str:
    """The input that says which part of a contract's payments it is."""
    return sheet.scaled(f"{one.name}.part", ("funding", one.name, "part"), number(one.part), 1.0, ONE)


def _holds(sheet: Sheet, one: FundingTable) -> str:
    if not one.condition:
        return "1"
    return sheet.line(f"{one.name}.condition", f"({one.condition}) != 0", ONE, title=f"{one.name}: condition")


def _loan(sheet: Sheet, one: FundingTable) -> Funded:
    name = _amount(sheet, one)
    if not one.due:
        raise PlanError('loan {name!r} does not say when it is due; add due = "2029-12"', name=name)
    start, end = sheet.axis.index(one.when), sheet.axis.index(one.due)
    if end <= start:
        raise PlanError(
            "loan {name!r} is due ({due}) before it is paid out ({when}); name a later period",
            name=name,
            due=one.due,
            when=one.when,
        )
    sheet.line(f"{name}.drawn", f"{name}.amount * {_holds(sheet, one)}", title=f"{name}: paid out")
    plan = f"prev({name}.owed) * {sheet.at(one.due)}"
    if one.repaid == "evenly":
        left = [max(end - index + 1, 1) if index > start else 1e300 for index in range(sheet.axis.count)]
        sheet.put(f"{name}.instalments_left", left, ONE)
        plan = f"prev({name}.owed) / {name}.instalments_left"
    if one.covenant:
        kept = f"prev({name}.breached) + (({one.covenant}) == 0) * (prev({name}.owed) > 0)"
        sheet.line(f"{name}.breached", f"min({kept}, 1)", ONE, title=f"{name}: covenant breached")
        plan = f"if({name}.breached, prev({name}.owed), {plan})"
    sheet.line(f"{name}.repaid", plan, title=f"{name}: repaid")
    return _owing(sheet, one)


def _contract(sheet: Sheet, one: FundingTable) -> str:
    if f"{one.contract}.cash" not in sheet.lines:
        raise PlanError(
            "{kind} {name!r} names no contract of this file: {contract!r}",
            kind=one.kind,
            name=one.name,
            contract=one.contract,
        )
    return sheet.within(one.when, one.due)


def _vendor(sheet: Sheet, one: FundingTable) -> Funded:
    within, name = _contract(sheet, one), one.name
    wait = max(1, round(one.months / sheet.axis.months))
    formula = f"{_part(sheet, one)} * {one.contract}.cash * {within}"
    sheet.line(f"{name}.drawn", formula, title=f"{name}: {one.contract} waits for")
    sheet.line(f"{name}.repaid", f"past({name}.drawn, {wait})", title=f"{name}: paid later")
    return _owing(sheet, one)


def _owing(sheet: Sheet, one: FundingTable) -> Funded:
    """What is owed of what was drawn and not repaid yet, and its interest."""
    name = one.name
    sheet.line(f"{name}.owed", f"prev({name}.owed) + {name}.drawn - {name}.repaid", title=f"{name}: owed")
    rate = sheet.scaled(f"{name}.rate", ("funding", name, "interest"), number(one.interest), 1.0, ONE)
    interest = f"prev({name}.owed) * {rate} * {sheet.axis.length!r}"
    sheet.line(f"{name}.interest", interest, title=f"{name}: interest")
    return Funded(
        drawn=(f"{name}.drawn",),
        repaid=(f"{name}.repaid",),
        owed=(f"{name}.owed",),
        interest=(f"{name}.interest",),
    )
