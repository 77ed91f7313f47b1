"""Contracts as rows of FOCUS 1.4's Contract Commitment dataset, and back.

FOCUS (FinOps Open Cost and Usage Specification) 1.4 was tagged in June 2026; columns and allowed values are
those of its `specification/datasets/contract_commitment`. What FOCUS has no column for stands in columns of
our own, whose names begin with ``x_`` as it asks: `X_TERMS` holds those terms that no other column says. So a
row that was written here reads back as the same contract, and where a term stands in one of the other columns
it can be changed there.

    ContractCommitmentCost      all that is owed from the first day to the last; with no last day per interval
    x_PerInterval               the same, or the quantity, per fulfilment interval; it holds where both stand
    x_Kind                      our kind; without it the kind is told from category, benefit and payment
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.contracts.focus_columns import COLUMNS, LIFECYCLES, STATUSES, X_KIND, X_PER, X_TERMS
from rechenwerk.contracts.focus_guess import amounts, interval_of, plain
from rechenwerk.contracts.periods import EVER, NEVER
from rechenwerk.contracts.terms import (
    Contract,
    Grant,
    OnDemand,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
    kind_of,
)

Row = dict[str, str]
"""Column -> text; empty is null."""

_TYPES: Mapping[type[Any], tuple[str, str, str]] = MappingProxyType(
    {
        OnDemand: ("On demand", "Spend", "Other"),
        PrepaidCredit: ("Prepaid credit", "Spend", "Entitlement"),
        TakeOrPay: ("Take or pay", "Spend", "Discount"),
        Provisioned: ("Provisioned capacity", "Usage", "Availability"),
        OwnHardware: ("Own hardware", "Spend", "Availability"),
        Grant: ("Grant", "Usage", "Entitlement"),
    }
)
"""Kind -> its name for people, category, benefit."""


def to_row(contract: Contract, currency: str, at: datetime, today: date | None = None) -> Row:
    """A contract as a row.

    Args:
        contract: the terms.
        currency: of the installation.
        at: when this version of the terms was written.
        today: the day whose lifecycle status is told; else the day when it was written.
    """
    name, category, benefit = _TYPES[type(contract)]
    if isinstance(contract, TakeOrPay) and contract.measure == "quantity":
        category = "Usage"
    cost, quantity, unit, per = amounts(contract)
    model, interval = interval_of(contract)
    share = _upfront(contract)
    written = _when(at)
    row = dict.fromkeys(COLUMNS, "") | {
        "BillingCurrency": currency,
        "ContractCommitmentApplicability": _applicability(contract),
        "ContractCommitmentBenefitCategory": benefit,
        "ContractCommitmentCategory": category,
        "ContractCommitmentCost": _number(cost),
        "ContractCommitmentCreated": written,
        "ContractCommitmentDescription": getattr(contract, "purpose", ""),
        "ContractCommitmentDiscountPercentage": "" if benefit == "Availability" else _number(_off(contract)),
        "ContractCommitmentDurationType": _duration(contract),
        "ContractCommitmentFulfillmentInterval": interval,
        "ContractCommitmentId": contract.name,
        "ContractCommitmentLastUpdated": written,
        "ContractCommitmentLifecycleStatus": _lifecycle(contract, today or at.date()),
        "ContractCommitmentModel": model,
        "ContractCommitmentOfferCategory": "Negotiated" if contract.covers else "Public",
        "ContractCommitmentPaymentInterval": "One-Time" if share == 1 else "Monthly",
        "ContractCommitmentPaymentModel": _payment(share),
        "ContractCommitmentPaymentUpfrontPercentage": _number(share),
        "ContractCommitmentPeriodEnd": _day(contract.ends, last=True),
        "ContractCommitmentPeriodStart": _day(contract.starts, last=False),
        "ContractCommitmentQuantity": _number(quantity),
        "ContractCommitmentType": name,
        "ContractCommitmentUnit": unit,
        "ContractId": contract.name,
        "ContractPeriodEnd": _day(contract.ends, last=True),
        "ContractPeriodStart": _day(contract.starts, last=False),
        "InvoiceIssuerName": contract.provider,
        "ServiceProviderName": contract.provider,
        X_KIND: kind_of(contract),
        X_PER: _number(per),
    }
    said: dict[str, Any] = plain(row)
    every: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(contract))
    terms = {key: value for key, value in every.items() if value != {}}  # a table of defaults only
    unsaid = {key: value for key, value in terms.items() if said.get(key) != value}
    taken_out = {key: None for key in said if key not in terms}
    row[X_TERMS] = msgspec.json.encode(unsaid | taken_out, order="sorted").decode()
    return row


def from_row(row: Mapping[str, str]) -> Contract:
    """The contract that a row describes; other columns than FOCUS's and ours are passed over.

    Raises:
        RechenwerkError: which column says what cannot be read, and what it should say.
    """
    terms: dict[str, Any] = plain(row)
    if text := row.get(X_TERMS, ""):
        try:
            more = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise RechenwerkError(
                f"{X_TERMS} is no JSON object ({error}); leave it as it was written"
            ) from None
        terms = {key: value for key, value in (terms | more).items() if value is not None}
    try:
        contract: Contract = msgspec.convert(terms, Contract)
    except msgspec.ValidationError as error:
        name = row.get("ContractCommitmentId", "")
        message = f"{name!r} is no contract: {error}; mend the column that says it"
        raise RechenwerkError(message) from None
    return contract


def rows_to_csv(rows: Iterable[Row]) -> str:
    """Rows as CSV, with a heading."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, (*COLUMNS, X_KIND, X_PER, X_TERMS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_csv(contracts: Iterable[Contract], currency: str, at: datetime) -> str:
    """The dataset as CSV."""
    return rows_to_csv(to_row(contract, currency, at) for contract in contracts)


def from_csv(text: str) -> list[Contract]:
    """Contracts of a dataset as CSV.

    Raises:
        RechenwerkError: with the line, the column and what it should say.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in ("ContractCommitmentId", "ServiceProviderName") if name not in _head(reader)]
    if missing:
        raise RechenwerkError(
            f"line 1: there is no column {missing[0]}; export FOCUS 1.4's ContractCommitment"
        )
    contracts: list[Contract] = []
    lines: dict[str, int] = {}
    for row in reader:
        line = reader.line_num
        try:
            contract = from_row({key: value or "" for key, value in row.items() if isinstance(key, str)})
        except RechenwerkError as error:
            raise RechenwerkError(f"line {line}: {error}") from None
        if contract.name in lines:
            message = f"ContractCommitmentId {contract.name!r} stands on line {lines[contract.name]} too"
            raise RechenwerkError(f"line {line}: {message}; keep one")
        lines[contract.name] = line
        contracts.append(contract)
    return contracts


def _head(reader: csv.DictReader[str]) -> Sequence[str]:
    return reader.fieldnames or ()


def _number(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _when(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(day: date | None, *, last: bool) -> str:
    """FOCUS ends a period before its last second; ours ends with its last day."""
    if day is None:
        day = NEVER if last else EVER
    elif last and day < NEVER:
        day += timedelta(days=1)
    return f"{day.isoformat()}T00:00:00Z"


def _upfront(contract: Contract) -> Decimal:
    return Decimal(1) if isinstance(contract, PrepaidCredit | OwnHardware) else contract.upfront


def _payment(share: Decimal) -> str:
    if share in {0, 1}:
        return "All Upfront" if share else "No Upfront"
    return "Partial Upfront"


def _off(contract: Contract) -> Decimal:
    """The discount as FOCUS counts it: what is left after one is what the next is taken off."""
    committed = contract.committed_discount if isinstance(contract, TakeOrPay) else Decimal(0)
    return 1 - (1 - committed) * (1 - contract.pricing.discount)


def _lifecycle(contract: Contract, today: date) -> str:
    if contract.status == "active" and contract.starts is not None and contract.starts > today:
        return "Pending"
    return LIFECYCLES[contract.status]


def _duration(contract: Contract) -> str:
    if contract.starts is None or contract.ends is None:
        return "1 Month"
    end = contract.ends + timedelta(days=1)
    months = (end.year - contract.starts.year) * 12 + end.month - contract.starts.month
    if end.day == contract.starts.day and months > 0:
        return _plural(months // 12, "Year") if months % 12 == 0 else _plural(months, "Month")
    return _plural(max(1, (end - contract.starts).days), "Day")


def _plural(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _applicability(contract: Contract) -> str:
    rules = [
        {"Dimension": dimension, "Operator": "In", "Values": list(values)}
        for dimension, values in (("x_Contract", contract.covers), ("x_Model", contract.models))
        if values
    ]
    scope: dict[str, Any] = (
        {"InclusionOperator": "Or", "Inclusions": rules} if rules else {"IsGlobalScope": True}
    )
    return msgspec.json.encode(scope).decode()


__all__ = ["COLUMNS", "STATUSES", "Row", "from_csv", "from_row", "rows_to_csv", "to_csv", "to_row"]
