"""What FOCUS's own columns say of a contract: amounts on the way out, terms on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.contracts.billing import lasts
from rechenwerk.contracts.focus_columns import FULFILLED, INTERVALS, STATUSES, X_KIND, X_PER
from rechenwerk.contracts.periods import EVER, NEVER, periods, term
from rechenwerk.contracts.terms import (
    KINDS,
    Common,
    Contract,
    Grant,
    Interval,
    OnDemand,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
)

Amounts = tuple[Decimal | None, Decimal | None, str, Decimal | None]
"""Cost of all, quantity of all, unit of the quantity, and one of the two per interval."""

_MOST_DIGITS = 36
_DAYS = 366 * 30
"""The longest term over which intervals are counted."""


def interval_of(contract: Contract) -> tuple[str, str]:
    """Model and fulfilment interval: hourly commitments and capacity are continuous, the others are not."""
    if isinstance(contract, Provisioned | OwnHardware):
        return "Continuous", "Hourly"
    per: Interval = "term"
    if isinstance(contract, TakeOrPay):
        per = contract.period or "term"
    elif isinstance(contract, Grant):
        per = contract.per
    elif isinstance(contract, OnDemand):
        per = "month"
    return ("Continuous" if per in {"minute", "hour"} else "Discontinuous"), FULFILLED[per]


def amounts(contract: Contract) -> Amounts:
    """What is owed and what can be had."""
    if isinstance(contract, PrepaidCredit):
        return contract.balance, None, "", contract.balance
    if isinstance(contract, OwnHardware):
        return contract.purchase, None, "", contract.purchase
    if isinstance(contract, TakeOrPay):
        every = contract.minimum * intervals(contract, contract.period or "term")
        if contract.measure == "quantity":
            cost = None if contract.unit_price is None else every * contract.unit_price
            return cost, every, "Tokens", contract.minimum
        return every, None, "", contract.minimum
    if isinstance(contract, Grant):
        every = contract.quantity * intervals(contract, contract.per)
        cost = every * contract.unit_price if contract.unit_price else None
        return cost, every, contract.unit, contract.quantity
    if isinstance(contract, Provisioned):
        first = contract.blocks[0] if contract.blocks else None
        units = sum(
            (b.units for b in contract.blocks if first is not None and b.name == first.name), Decimal(0)
        )
        return _fees(contract), units, "Units" if first is None else first.name, units
    return Decimal(0), None, "", None


def intervals(contract: Common, per: Interval) -> int:
    """How many fulfilment intervals a term has; 1 where it has no end."""
    first, after = term(contract)
    if per == "term" or contract.starts is None or contract.ends is None or after - first > _DAYS * 86400:
        return 1
    if per in {"minute", "hour", "day"}:
        return (after - first) // {"minute": 60, "hour": 3600, "day": 86400}[per]
    return sum(1 for _ in periods(contract, per, (first, after)))


def _fees(contract: Provisioned) -> Decimal | None:
    """All fees of the term that are owed whether capacity is used or not."""
    if contract.starts is None or contract.ends is None:
        return None
    every = sum(
        (
            Fraction(block.units) * Fraction(block.hold_fee) * lasts(contract, term(contract), block.per)
            for block in contract.blocks
        ),
        Fraction(0),
    )
    return round(Decimal(every.numerator) / Decimal(every.denominator), 2)


def plain(row: Mapping[str, str]) -> dict[str, Any]:
    """The terms that FOCUS's columns say, as in a file, without defaults.

    Raises:
        RechenwerkError: a column says what cannot be read.
    """
    name = row.get("ContractCommitmentId", "")
    provider = row.get("ServiceProviderName", "")
    if not name or not provider:
        empty = "ServiceProviderName" if name else "ContractCommitmentId"
        raise RechenwerkError(
            f"{empty} is empty; write what identifies the {'provider' if name else 'contract'}"
        )
    status = row.get("ContractCommitmentLifecycleStatus") or "Active"
    if status not in STATUSES:
        choose = ", ".join(STATUSES)
        raise RechenwerkError(f"ContractCommitmentLifecycleStatus is {status!r}; choose from {choose}")
    kind = _kind(row)
    said: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "provider": provider,
        "starts": _day(row, "ContractCommitmentPeriodStart", last=False),
        "ends": _day(row, "ContractCommitmentPeriodEnd", last=True),
        "status": None if STATUSES[status] == "active" else STATUSES[status],
        **_scope(row),
        **_by_kind(kind, row),
    }
    return {key: value for key, value in said.items() if value is not None}


def _kind(row: Mapping[str, str]) -> str:
    kind = row.get(X_KIND, "")
    if kind:
        if kind not in KINDS:
            raise RechenwerkError(f"{X_KIND} is {kind!r}; choose from {', '.join(KINDS)}, or leave it empty")
        return kind
    benefit = row.get("ContractCommitmentBenefitCategory", "")
    if benefit == "Availability":
        return "provisioned"
    category = row.get("ContractCommitmentCategory", "")
    if category not in {"Spend", "Usage"}:
        raise RechenwerkError(f"ContractCommitmentCategory is {category!r}; write Spend or Usage")
    prepaid = row.get("ContractCommitmentPaymentModel") == "All Upfront"
    return "prepaid-credit" if category == "Spend" and prepaid and benefit != "Discount" else "take-or-pay"


def _by_kind(kind: str, row: Mapping[str, str]) -> dict[str, Any]:
    if kind == "prepaid-credit":
        return {"balance": _needed(row, "ContractCommitmentCost")}
    if kind == "own-hardware":
        return {"purchase": _needed(row, "ContractCommitmentCost")}
    if kind == "provisioned":
        return {} if row.get(X_KIND) else _blocks(row)
    if kind == "grant":
        per = _interval(row)
        unit = row.get("ContractCommitmentUnit", "")
        purpose = row.get("ContractCommitmentDescription") or None
        said = {"unit": unit, "per": None if per == "term" else per, "purpose": purpose}
        return said | {"quantity": _per_interval(row, "ContractCommitmentQuantity", per)}
    if kind == "take-or-pay":
        return _commitment(row)
    return {}


def _commitment(row: Mapping[str, str]) -> dict[str, Any]:
    per = _interval(row)
    usage = row.get("ContractCommitmentCategory") == "Usage"
    said: dict[str, Any] = {"period": per}
    if usage:
        quantity = _needed(row, "ContractCommitmentQuantity")
        said |= {"measure": "quantity", "minimum": _per_interval(row, "ContractCommitmentQuantity", per)}
        if row.get("ContractCommitmentCost"):
            cost = _needed(row, "ContractCommitmentCost")
            said["unit_price"] = _exact(
                Fraction(Decimal(cost)) / Fraction(Decimal(quantity)), "ContractCommitmentCost"
            )
    else:
        said["minimum"] = _per_interval(row, "ContractCommitmentCost", per)
    off = row.get("ContractCommitmentDiscountPercentage", "")
    if off and Decimal(_number(row, "ContractCommitmentDiscountPercentage")):
        said["pricing"] = {"discount": off}
    upfront = row.get("ContractCommitmentPaymentUpfrontPercentage", "")
    if upfront and Decimal(_number(row, "ContractCommitmentPaymentUpfrontPercentage")):
        said["upfront"] = upfront
    return said


def _blocks(row: Mapping[str, str]) -> dict[str, Any]:
    """Capacity of somebody else's making: what it costs in all, for so many units."""
    units = _needed(row, "ContractCommitmentQuantity")
    cost = _needed(row, "ContractCommitmentCost")
    each = Fraction(Decimal(cost)) / Fraction(Decimal(units))
    name = row.get("ContractCommitmentUnit") or "unit"
    fee = _exact(each, "ContractCommitmentCost")
    return {"blocks": [{"name": name, "units": units, "hold_fee": fee, "per": "term"}]}


def _interval(row: Mapping[str, str]) -> Interval:
    said = row.get("ContractCommitmentFulfillmentInterval") or "Full Period"
    if said not in INTERVALS:
        if row.get(X_KIND):
            return "term"  # x_Terms says it
        choose = ", ".join(INTERVALS)
        raise RechenwerkError(
            f"ContractCommitmentFulfillmentInterval is {said!r}; a contract here can be {choose}"
        )
    return INTERVALS[said]


def _per_interval(row: Mapping[str, str], column: str, per: Interval) -> str:
    """An amount per interval: as our own column says, else the whole over the number of intervals."""
    if row.get(X_PER):
        return _number(row, X_PER)
    whole = Fraction(Decimal(_needed(row, column)))
    starts, ends = (
        _day(row, f"ContractCommitmentPeriod{which}", last=which == "End") for which in ("Start", "End")
    )
    dated = Common(
        name="",
        provider="",
        starts=None if starts is None else date.fromisoformat(starts),
        ends=None if ends is None else date.fromisoformat(ends),
    )
    return _exact(whole / intervals(dated, per), column)


def _exact(value: Fraction, column: str) -> str:
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    if Fraction(decimal) != value:
        raise RechenwerkError(f"{column} does not divide evenly into intervals or units; write {X_PER}")
    return f"{decimal.normalize():f}"


def _number(row: Mapping[str, str], column: str) -> str:
    text = row.get(column, "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RechenwerkError(f"{column} is {text!r}, which is no number; write it like 12.50") from None
    if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
        raise RechenwerkError(f"{column} is {text!r}, which is no number; write it like 12.50")
    return text


def _needed(row: Mapping[str, str], column: str) -> str:
    if not row.get(column):
        raise RechenwerkError(f"{column} is empty; such a contract needs it")
    return _number(row, column)


def _day(row: Mapping[str, str], column: str, *, last: bool) -> str | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError:
        message = f"{column} is {text!r}, which is no time; write it like 2026-01-31T00:00:00Z"
        raise RechenwerkError(message) from None
    if day == (NEVER if last else EVER):
        return None
    return (day - timedelta(days=1) if last else day).isoformat()


def _scope(row: Mapping[str, str]) -> dict[str, Any]:
    """What it covers and which models it is for; of others' rules nothing is known here."""
    text = row.get("ContractCommitmentApplicability", "")
    try:
        scope = msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.DecodeError:
        message = 'ContractCommitmentApplicability is no JSON object; {"IsGlobalScope": true} is everything'
        raise RechenwerkError(message) from None
    found: dict[str, Any] = {}
    rules = scope.get("Inclusions") or []
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, dict) and rule.get("Operator") == "In":
            field = {"x_Contract": "covers", "x_Model": "models"}.get(str(rule.get("Dimension")))
            if field is not None:
                found[field] = rule.get("Values")
    return found
