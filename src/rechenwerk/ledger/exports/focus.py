"""What providers charge as FOCUS's Cost and Usage dataset, in versions 1.2 and 1.4.

FOCUS is the FinOps Open Cost and Usage Specification (focus.finops.org; its columns stand in
`specification/datasets/cost_and_usage` of FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec). The organisation is
the billing account, its projects are sub accounts.

    BilledCost      what is owed to the provider: their sum is what payable and accrued accounts gained
    EffectiveCost   what it adds to cost: their sum is what the accounts of cost gained
    ListCost        at the provider's list rates
    ContractedCost  at the contract's rates; of bought capacity, whose calls cost nothing, at list rates

    calls                              Usage, by hour, deployment, project and contract
    what accrued under a contract      Purchase, by month; Adjustment where it is below zero (tiers, say).
                                       Its EffectiveCost is zero once all of it is allocated or idle
    what was used of it                Usage, "Used", by project, contract and month
    what was not                       Usage, "Unused", by contract and month
    settlements, differences, …        Adjustment, or Credit where money comes back

InvoiceId, in 1.2, is null: what is booked comes before the bill.

Unit prices and SKUs are left out: calls of an hour differ in their mix of buckets, and a mean price stands in
no price list. FOCUS asks for these columns of a generator that supports unit pricing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal

import msgspec

from rechenwerk.ledger.exports.names import exact
from rechenwerk.ledger.exports.ports import Charge

Version = Literal["1.2", "1.4"]

_FIRST = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "RegionId",
    "RegionName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SubAccountId",
    "SubAccountName",
)
_OWN = ("x_Calls", "x_Contract", "x_Model", "x_Source", "x_UnresolvedCost")
COLUMNS: Mapping[Version, tuple[str, ...]] = MappingProxyType(
    {
        "1.2": (*sorted((*_FIRST, "InvoiceId", "ProviderName", "PublisherName")), *_OWN),
        "1.4": (*sorted((*_FIRST, "ContractApplied", "HostProviderName", "ServiceProviderName")), *_OWN),
    }
)
"""FOCUS's columns in the order of the alphabet, then ours, as it asks."""

_CAPACITY = frozenset({"accrual", "allocation"})
_BACK = frozenset({"discount", "refund"})
_DAY = timedelta(days=1)


class Commitment(msgspec.Struct, frozen=True):
    """A contract that commits its holder, as far as its charges show it.

    Attributes:
        name: the contract's, and its ContractCommitmentId.
        kind: in words.
        discount: it makes what is used cheaper (or is capacity that was bought), so FOCUS calls it a
            commitment discount.
        capacity: what is paid does not grow with use; calls cost nothing.
    """

    name: str
    kind: str
    discount: bool
    capacity: bool


class Payer(msgspec.Struct, frozen=True):
    """Who is charged, and under which commitments.

    Attributes:
        id, name: of the organisation.
        currency: of all amounts.
        commitments: contract -> those that its charges count towards: its own first, then what covers it.
    """

    id: int
    name: str
    currency: str
    commitments: Mapping[int, tuple[Commitment, ...]]


def rows(charges: Iterable[Charge], payer: Payer, version: Version) -> Iterable[tuple[str, ...]]:
    """Charges in the order of `COLUMNS`; an empty text is null."""
    columns = COLUMNS[version]
    for charge in charges:
        row = _row(charge, payer)
        yield tuple(row.get(column, "") for column in columns)


def _row(charge: Charge, payer: Payer) -> dict[str, str]:
    category = category_of(charge)
    towards = payer.commitments.get(charge.contract_id, ())
    discount = next((one for one in towards if one.discount), None)
    bought = any(one.capacity for one in towards if one.name == charge.contract)
    provider = charge.provider or payer.name
    month = charge.starts.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    tokens = category == "Usage" and not _unused(charge, discount)
    contracted, listed = _at_rates(charge, bought=bought)
    return {
        "BilledCost": exact(charge.billed),
        "BillingAccountId": f"organisation-{payer.id}",
        "BillingAccountName": payer.name,
        "BillingCurrency": payer.currency,
        "BillingPeriodEnd": _second((month + 32 * _DAY).replace(day=1)),
        "BillingPeriodStart": _second(month),
        "ChargeCategory": category,
        "ChargeClass": "Correction" if charge.corrects else "",
        "ChargeDescription": charge.text or _described(charge),
        "ChargeFrequency": _frequency(charge, category),
        "ChargePeriodEnd": _second(charge.ends),
        "ChargePeriodStart": _second(charge.starts),
        "ConsumedQuantity": _quantity(charge.tokens) if tokens else "",
        "ConsumedUnit": "Tokens" if tokens else "",
        "ContractApplied": _applied(charge, category, towards),
        "ContractedCost": exact(contracted),
        "EffectiveCost": exact(charge.effective),
        "HostProviderName": provider,
        "InvoiceIssuerName": provider,
        "ListCost": exact(listed),
        "ProviderName": provider,
        "PublisherName": provider,
        "RegionId": charge.region,
        "RegionName": charge.region,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": charge.model or charge.contract or charge.kind,
        "ServiceProviderName": provider,
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": f"project-{charge.project_id}" if charge.project else "",
        "SubAccountName": charge.project,
        "x_Calls": str(charge.calls),
        "x_Contract": charge.contract,
        "x_Model": charge.model,
        "x_Source": charge.source,
        "x_UnresolvedCost": exact(charge.unresolved),
        **_priced(charge, category, discount),
        **_discounted(charge, category, discount, payer.currency),
    }


def category_of(charge: Charge) -> str:
    """FOCUS's ChargeCategory: Usage, Purchase, Credit or Adjustment."""
    if charge.kind == "calls":
        return "Usage"
    if charge.kind in _CAPACITY and charge.part != "contract":
        return "Usage"
    if charge.kind in _CAPACITY and charge.billed >= 0:
        return "Purchase"
    # A credit costs what is billed for it: FOCUS has no other kind.
    back = charge.kind in _BACK and charge.billed < 0 and charge.billed == charge.effective
    return "Credit" if back else "Adjustment"


def _described(charge: Charge) -> str:
    if charge.kind == "calls":
        return f"{charge.model} at {charge.provider} under {charge.contract}"
    return {
        "contract": f"accrued under {charge.contract}",
        "cost": f"allocated under {charge.contract}",
        "idle": f"idle under {charge.contract}",
    }[charge.part]


def _unused(charge: Charge, discount: Commitment | None) -> bool:
    return charge.part == "idle" and discount is not None


def _at_rates(charge: Charge, *, bought: bool) -> tuple[int, int]:
    """ContractedCost and ListCost; what is only allocated was used by calls that carry both already."""
    if charge.kind == "calls":
        return (charge.listed if bought else charge.billed), charge.listed
    return charge.billed, charge.billed


def _frequency(charge: Charge, category: str) -> str:
    if category == "Usage":
        return "Usage-Based"
    return "Recurring" if charge.kind in _CAPACITY else "One-Time"


def _priced(charge: Charge, category: str, discount: Commitment | None) -> dict[str, str]:
    if category == "Usage":
        return {
            "PricingCategory": "Standard" if discount is None else "Committed",
            "PricingQuantity": _quantity(charge.tokens),
            "PricingUnit": "Tokens",
        }
    if category == "Purchase":
        return {"PricingCategory": "Standard", "PricingQuantity": _quantity(1), "PricingUnit": "Units"}
    return {}


def _discounted(charge: Charge, category: str, discount: Commitment | None, currency: str) -> dict[str, str]:
    """A commitment discount is counted in money: what was paid is what was used and what was not."""
    if discount is None:
        return {}
    found = {
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountId": discount.name,
        "CommitmentDiscountName": discount.name,
        "CommitmentDiscountType": discount.kind,
    }
    if category == "Usage":
        found["CommitmentDiscountStatus"] = "Unused" if _unused(charge, discount) else "Used"
    if category in {"Usage", "Purchase"}:
        found["CommitmentDiscountQuantity"] = exact(
            charge.billed if category == "Purchase" else charge.effective
        )
        found["CommitmentDiscountUnit"] = currency
    return found


def _applied(charge: Charge, category: str, towards: tuple[Commitment, ...]) -> str:
    """ContractApplied: what of the charge counts towards which commitments."""
    if category != "Usage" or not towards:
        return ""
    amount = msgspec.Raw(exact(charge.effective).encode())
    elements = [
        {"ContractId": one.name, "ContractCommitmentId": one.name, "ContractCommitmentAppliedCost": amount}
        for one in towards
    ]
    return msgspec.json.encode({"Elements": elements}).decode()


def _quantity(count: int) -> str:
    """A decimal, also where every one is whole: who reads the column takes its type from it."""
    return f"{count}.0"


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
