"""Profit and loss, cash flow and balance sheet of a plan, put together from its lines."""

from __future__ import annotations

import numpy as np

from rechenwerk.planner.funding_lines import Funded
from rechenwerk.planner.numbers import number
from rechenwerk.planner.sheet import Sheet
from rechenwerk.planner.tables import ContractTable, LineTable, OpeningTable, PolicyTable
from rechenwerk.planner.units import ONE, read_unit


def add_opening(sheet: Sheet, opening: OpeningTable) -> None:
    """The balance sheet before the first period."""
    scale = read_unit(opening.unit).scale
    for key in ("cash", "receivables", "payables", "fixed_assets", "debt", "losses_carried"):
        at = ("opening", "", key)
        sheet.scaled(f"opening.{key}", at, number(getattr(opening, key)), scale, sheet.money)


def _policy(sheet: Sheet, policy: PolicyTable, field: str, per: float = 1.0) -> str:
    """The input of a rate of the policy; `per` is what 1 of it means in a period."""
    figure = number(getattr(policy, field))
    return sheet.scaled(f"policy.{field}", ("policy", "", field), figure, per, ONE)


def add_investments(sheet: Sheet, lines: tuple[LineTable, ...]) -> list[str]:
    """Depreciation of what is invested, in equal parts over its life; the names of these lines."""
    found = []
    for one in lines:
        if one.group == "investment":
            life = max(1, round(number(one.life) / sheet.axis.length))
            sheet.line(f"{one.name}.so_far", f"total({one.name})")
            formula = f"({one.name}.so_far - past({one.name}.so_far, {life})) / {life}"
            found.append(sheet.line(f"{one.name}.depreciation", formula, title=f"{one.name}: depreciation"))
    return found


def add_statements(
    sheet: Sheet,
    policy: PolicyTable,
    lines: tuple[LineTable, ...],
    contracts: tuple[ContractTable, ...],
    funded: Funded,
) -> None:
    """All statements; `check.balance` and `check.cash` are lines that are 0 in every period."""

    def group(name: str) -> list[str]:
        return [one.name for one in lines if one.group == name]

    owned = [one.name for one in contracts if one.kind == "owned"]
    sheet.sum("opening.credits", [f"{one.name}.before" for one in contracts if one.kind == "prepaid"])
    formula = "opening.cash + opening.receivables + opening.credits + opening.fixed_assets"
    sheet.line("opening.equity", f"{formula} - opening.payables - opening.debt")
    advance = [one.name for one in contracts if one.kind == "prepaid"]
    worn = add_investments(sheet, lines)
    life = max(1, round(number(policy.fixed_assets_life) / sheet.axis.length))
    old = (np.arange(sheet.axis.count) < life) / life
    sheet.put("opening.wear", old, ONE)
    worn.append(sheet.line("opening.depreciation", "opening.fixed_assets * opening.wear"))
    length = repr(sheet.axis.length)

    sheet.sum("revenue", group("revenue"), title="Revenue", group="profit")
    costs = [*group("cost"), *(f"{one.name}.cost" for one in contracts)]
    sheet.sum("cost_of_revenue", costs, title="Cost of revenue", group="profit")
    sheet.line("gross_profit", "revenue - cost_of_revenue", title="Gross profit", group="profit")
    sheet.sum("operating_cost", group("operating"), title="Operating cost", group="profit")
    sheet.sum("research_cost", group("research"), title="Research", group="profit")
    sheet.sum("depreciation", worn, title="Depreciation", group="profit")
    sheet.sum("called", funded.called, title="Guarantees called", group="profit")
    formula = "gross_profit - operating_cost - research_cost - depreciation"
    sheet.line("operating_profit", formula, title="Operating profit", group="profit")
    income = f"max(prev(cash, opening.cash), 0) * {_policy(sheet, policy, 'interest_on_cash')} * {length}"
    sheet.line("interest_income", income, title="Interest income", group="profit")
    sheet.line("opening.interest", f"opening.debt * {_policy(sheet, policy, 'interest_on_debt')} * {length}")
    sheet.sum("interest_cost", ["opening.interest", *funded.interest], title="Interest", group="profit")
    sheet.sum("other", group("other"), title="Other income", group="profit")
    formula = "operating_profit + interest_income - interest_cost + other - called"
    sheet.line("profit_before_tax", formula, title="Profit before tax", group="profit")
    most = f"max(profit_before_tax, 0) * {_policy(sheet, policy, 'loss_use')}"
    used = f"min(prev(losses, opening.losses_carried), {most})"
    sheet.line("losses_used", used, title="Losses of earlier years used", group="profit")
    formula = "prev(losses, opening.losses_carried) + max(0 - profit_before_tax, 0) - losses_used"
    sheet.line("losses", formula, title="Losses carried forward", group="profit")
    formula = f"(max(profit_before_tax, 0) - losses_used) * {_policy(sheet, policy, 'tax')}"
    sheet.line("tax", formula, title="Tax", group="profit")
    sheet.line("net_profit", "profit_before_tax - tax", title="Net profit", group="profit")

    _cash(sheet, policy, owned, advance, group("investment"), contracts, funded)
    _balance(sheet, funded)


def _cash(
    sheet: Sheet,
    policy: PolicyTable,
    owned: list[str],
    advance: list[str],
    invested: list[str],
    contracts: tuple[ContractTable, ...],
    funded: Funded,
) -> None:
    day = 1 / (365.25 * sheet.axis.length)
    waits = _policy(sheet, policy, "receivable_days", day)
    owes = _policy(sheet, policy, "payable_days", day)
    sheet.line("receivables", f"revenue * {waits}", title="Receivables", group="balance")
    paid = " + ".join([*(f"{one.name}.cash" for one in contracts), "operating_cost", "research_cost"])
    sheet.line("payables", f"({paid}) * {owes}", title="Payables", group="balance")
    sheet.sum(
        "credits", [f"{one}.balance" for one in advance], title="Compute paid in advance", group="balance"
    )
    sheet.sum("paid_in_shares", funded.in_shares, title="Paid in shares", group="cash")
    sheet.sum("owned_depreciation", [f"{one}.depreciation" for one in owned])
    sheet.line(
        "operating_cash",
        "net_profit + depreciation + owned_depreciation + paid_in_shares"
        " - (receivables - prev(receivables, opening.receivables))"
        " + (payables - prev(payables, opening.payables))"
        " - (credits - prev(credits, opening.credits))",
        title="Cash from operations",
        group="cash",
    )
    spent = " + ".join([*invested, *(f"{one}.invested" for one in owned)]) or "0"
    sheet.line("investing_cash", f"0 - ({spent})", title="Cash invested", group="cash")
    sheet.sum("equity_raised", funded.issued, title="Equity raised", group="cash")
    sheet.sum("debt_drawn", funded.drawn, title="Debt drawn", group="cash")
    sheet.sum("debt_repaid", funded.repaid, title="Debt repaid", group="cash")
    sheet.line(
        "financing_cash", "equity_raised + debt_drawn - debt_repaid", title="Cash from funding", group="cash"
    )
    sheet.line("free_cash_flow", "operating_cash + investing_cash", title="Free cash flow", group="cash")
    sheet.line(
        "cash", "prev(cash, opening.cash) + free_cash_flow + financing_cash", title="Cash", group="balance"
    )


def _balance(sheet: Sheet, funded: Funded) -> None:
    formula = "prev(fixed_assets, opening.fixed_assets) - investing_cash - depreciation - owned_depreciation"
    sheet.line("fixed_assets", formula, title="Fixed assets", group="balance")
    sheet.sum("debt", ["opening.debt", *funded.owed], title="Debt", group="balance")
    formula = "prev(equity, opening.equity) + net_profit + equity_raised + paid_in_shares"
    sheet.line("equity", formula, title="Equity", group="balance")
    sheet.line("assets", "cash + receivables + credits + fixed_assets", title="Assets", group="balance")
    sheet.line("liabilities", "payables + debt", title="Liabilities", group="balance")
    sheet.line("check.balance", "assets - liabilities - equity", title="Assets less liabilities less equity")
    formula = "cash - opening.cash - total(free_cash_flow) - total(financing_cash)"
    sheet.line("check.cash", formula, title="Cash less what flowed")
