"""Which rules have something to tell of what stands now; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from rechenwerk.base.money import plain_money
from rechenwerk.contracts.ports import Alert, Position
from rechenwerk.ledger.guards import NEVER, Period, window_bounds
from rechenwerk.office.budgets.outlook import forecast, percent
from rechenwerk.office.budgets.ports import BudgetUse, Cause, Rule


def of_budgets(rule: Rule, uses: Sequence[BudgetUse], now: float, currency: str) -> list[Cause]:
    """What a rule has to tell of budgets or wallets.

    Args:
        rule: that watches budgets or wallets.
        uses: all of its organisation.
        now: epoch seconds.
        currency: of the installation.
    """
    found: list[Cause] = []
    for use in uses:
        if use.wallet is not (rule.watch == "wallets") or not _meant(rule, use):
            continue
        seen = _of_wallet(rule, use, now, currency) if use.wallet else _of_budget(rule, use, now, currency)
        found += seen
    return found


def _meant(rule: Rule, use: BudgetUse) -> bool:
    if rule.key_id is not None and use.key_id != rule.key_id:
        return False
    if rule.key_id is None and rule.project is not None and (use.project != rule.project or use.key_id):
        return False
    return rule.period is None or use.period == rule.period


def _of_budget(rule: Rule, use: BudgetUse, now: float, currency: str) -> Iterator[Cause]:
    """Thresholds that are passed, the highest to be sent; and that it will be passed.

    A budget of another amount is another budget: its thresholds are passed anew.
    """
    period = cast("Period", use.period)
    starts, _ = window_bounds(period, now)
    name = f"{use.guard}/{starts}/{use.amount}"
    used = max(percent(use.posted, use.amount), 100 if use.used_up else 0)
    data = _facts(rule, use, now, currency)
    passed = sorted(one for one in rule.thresholds if used >= one)
    for threshold in passed:
        told = {**data, "percent": used, "threshold": threshold, "used_up": use.used_up}
        yield Cause(f"budget/{name}/{threshold}", "budget.threshold", told, threshold < passed[-1])
    ahead = forecast(use.posted, period, now) if rule.forecast else None
    if ahead is not None and ahead > use.amount > use.posted:
        yield Cause(f"budget/{name}/forecast", "budget.forecast", {**data, "forecast": plain_money(ahead)})


def _of_wallet(rule: Rule, use: BudgetUse, now: float, currency: str) -> Iterator[Cause]:
    """That it is empty, or that little is left; again after it was topped up."""
    data = _facts(rule, use, now, currency)
    name = f"wallet/{use.guard}/{use.amount}"
    if use.used_up:
        yield Cause(f"{name}/empty", "wallet.empty", data)
    low = rule.below is not None and use.left < rule.below
    if low:
        told = {**data, "below": plain_money(rule.below or 0)}
        yield Cause(f"{name}/below", "wallet.low", told, passed_over=use.used_up)


def of_contract(rule: Rule, position: Position, alert: Alert, currency: str) -> Cause:
    """What a contract's warning comes to: once for each of its periods."""
    data = {
        "organisation": rule.organisation,
        "contract": alert.contract,
        "warning": alert.sort,
        "message": alert.message,
        "at": datetime.fromtimestamp(alert.at, UTC).isoformat(),
        "amount": plain_money(alert.amount),
        "unit": position.unit or currency,
    }
    name = f"contract/{alert.contract}/{position.kind}/{position.starts_at}/{alert.sort}"
    return Cause(name, "contract.warning", data)


def of_cap(rule: Rule, cap: dict[str, Any], now: float) -> Iterator[Cause]:
    """What stands above a cap on concentration: once a month while it stands there."""
    month, _ = window_bounds("month", now)
    for share in cap["above"]:
        data = {
            "organisation": rule.organisation,
            "cap": cap["name"],
            "dimension": cap["dimension"],
            "by": cap["by"],
            "who": share["name"],
            "share": share["share"],
            "at_most": cap["at_most"],
        }
        yield Cause(f"concentration/{cap['name']}/{share['name']}/{month}", "concentration.above", data)


def _facts(rule: Rule, use: BudgetUse, now: float, currency: str) -> dict[str, Any]:
    starts, ends = window_bounds(cast("Period", use.period), now)
    return {
        "organisation": rule.organisation,
        "project": use.project,
        "key": use.key,
        "period": use.period,
        "starts_at": None if ends == NEVER else datetime.fromtimestamp(starts, UTC).isoformat(),
        "ends_at": None if ends == NEVER else datetime.fromtimestamp(ends, UTC).isoformat(),
        "currency": currency,
        "amount": plain_money(use.amount),
        "used": plain_money(use.posted),
        "held": plain_money(use.held),
        "left": plain_money(use.left),
        "hard": use.hard,
    }
