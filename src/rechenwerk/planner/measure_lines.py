"""Lines that answer what people ask, beside the statements: of services, contracts, and the whole.

They are lines as all others, so that they can be explained, solved for, and stand in a workbook. Their names
have a dot, so that none collides with a line of the file.
"""

from __future__ import annotations

import re

from rechenwerk.planner.formulas import Apply, Formula, Name
from rechenwerk.planner.sheet import Sheet
from rechenwerk.planner.tables import ContractTable, Written
from rechenwerk.planner.units import ONE, Unit

_COSTS = frozenset({"cost", "operating", "research"})
_YEAR = Unit(1.0, (("year", 1),))


def service_line(service: str, what: str) -> str:
    """The name of a line of a service, such as ``service.assistant.margin``."""
    return f"service.{re.sub(r'[^a-z0-9_]', '_', service.lower()) or '_'}.{what}"


def service_names(written: Written) -> tuple[str, ...]:
    """In the order of the file."""
    return tuple(dict.fromkeys(one.service for one in written.lines if one.service))


def contracts_of(written: Written, service: str) -> tuple[ContractTable, ...]:
    """Contracts that serve a need of a service."""
    needs = {one.name for one in written.lines if one.service == service}
    return tuple(one for one in written.contracts if one.need in needs)


def add_measures(sheet: Sheet, written: Written) -> None:
    """Add them to a sheet that has all statements."""
    sheet.line("figure.gross_margin", "gross_profit / revenue", ONE, title="Gross margin", group="figure")
    sheet.line("figure.funding_gap", "max(0 - cash, 0)", title="Missing cash", group="figure")
    bound = [one.name for one in written.contracts if one.kind == "take-or-pay"]
    due = [f"{name}.minimum + {name}.obligation" for name in bound]
    title = "Still to be paid at the least"
    sheet.sum("figure.commitments", due, title=title, group="figure")
    sheet.line(
        "figure.commitments_to_revenue",
        "figure.commitments / revenue * length()",
        _YEAR,
        title="Commitments in years of revenue",
        group="figure",
    )
    short = [f"{one.name}.shortfall" for one in written.contracts if one.kind in {"take-or-pay", "prepaid"}]
    idle = [f"{one.name}.idle" for one in written.contracts if one.kind in {"provisioned", "owned"}]
    sheet.sum("figure.shortfall", short, title="Take-or-pay shortfall", group="figure")
    sheet.sum("figure.idle", idle, title="Paid and idle", group="figure")
    for one in written.contracts:
        used = _used(one)
        if used:
            title = f"{one.name}: used so far of what is paid"
            sheet.line(f"{one.name}.utilisation", used, ONE, title=title, group="figure")
    for service in service_names(written):
        _service(sheet, written, service)


def _used(one: ContractTable) -> str:
    match one.kind:
        case "take-or-pay":
            return f"total({one.name}.value) / total({one.name}.minimum)"
        case "prepaid":
            return f"total({one.name}.value) / total({one.name}.paid)"
        case "provisioned" | "owned":
            return f"total({one.name}.drawn) / total({one.name}.room)"
    return ""


def _service(sheet: Sheet, written: Written, service: str) -> None:
    own = [one for one in written.lines if one.service == service]
    brought = [one.name for one in own if one.group == "revenue"]
    costs = [one.name for one in own if one.group in _COSTS]
    costs += [f"{one.name}.cost" for one in contracts_of(written, service)]
    costs += _shared(sheet, written, {one.name for one in own})
    revenue, cost, margin = (service_line(service, what) for what in ("revenue", "cost", "margin"))
    sheet.sum(revenue, brought, title=f"{service}: revenue", group="service")
    sheet.sum(cost, costs, title=f"{service}: cost", group="service")
    sheet.line(margin, f"{revenue} - {cost}", title=f"{service}: margin", group="service")


def _shared(sheet: Sheet, written: Written, own: set[str]) -> list[str]:
    """Contracts of a need that is the sum of several services' lines: the part that is this one's."""
    services = {one.name: one.service for one in written.lines}
    found = []
    for contract in written.contracts:
        if services.get(contract.need, "") or contract.need not in sheet.lines:
            continue
        parts = summed(sheet.lines[contract.need].formula)
        mine = [part for part in parts if part in own]
        if mine:
            found.append(f"{contract.name}.cost * ({' + '.join(mine)}) / {contract.need}")
    return found


def summed(formula: Formula) -> list[str]:
    """The names that a formula adds up; none where it does anything else."""
    match formula:
        case Name(name):
            return [name]
        case Apply("+", (left, right)):
            before, after = summed(left), summed(right)
            return [*before, *after] if before and after else []
    return []
