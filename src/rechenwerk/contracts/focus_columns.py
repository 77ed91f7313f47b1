"""Columns and allowed values of FOCUS 1.4's Contract Commitment dataset."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rechenwerk.contracts.terms import Interval, Status

COLUMNS = (
    "BillingCurrency",
    "ContractCommitmentApplicability",
    "ContractCommitmentBenefitCategory",
    "ContractCommitmentCategory",
    "ContractCommitmentCost",
    "ContractCommitmentCreated",
    "ContractCommitmentDescription",
    "ContractCommitmentDiscountPercentage",
    "ContractCommitmentDurationType",
    "ContractCommitmentFulfillmentInterval",
    "ContractCommitmentId",
    "ContractCommitmentLastUpdated",
    "ContractCommitmentLifecycleStatus",
    "ContractCommitmentModel",
    "ContractCommitmentOfferCategory",
    "ContractCommitmentPaymentInterval",
    "ContractCommitmentPaymentModel",
    "ContractCommitmentPaymentUpfrontPercentage",
    "ContractCommitmentPeriodEnd",
    "ContractCommitmentPeriodStart",
    "ContractCommitmentQuantity",
    "ContractCommitmentType",
    "ContractCommitmentUnit",
    "ContractId",
    "ContractPeriodEnd",
    "ContractPeriodStart",
    "InvoiceIssuerName",
    "ServiceProviderName",
)
"""All but PricingCurrency and PricingCurrencyContractCommitmentCost: here there is one currency for both."""

X_KIND = "x_Kind"
X_PER = "x_PerInterval"
X_TERMS = "x_Terms"

LIFECYCLES: Mapping[Status, str] = MappingProxyType(
    {"proposed": "Proposed", "active": "Active", "exhausted": "Exhausted", "expired": "Expired"}
)
STATUSES: Mapping[str, Status] = MappingProxyType(
    {
        "Proposed": "proposed",
        "Pending": "active",  # it is signed; that it has not begun is seen by its first day
        "Active": "active",
        "Exhausted": "exhausted",
        "Expired": "expired",
        "Canceled": "expired",
        "Superseded": "expired",
    }
)

FULFILLED: Mapping[Interval, str] = MappingProxyType(
    {
        "minute": "Custom",
        "hour": "Hourly",
        "day": "Daily",
        "week": "Weekly",
        "month": "Monthly",
        "quarter": "Quarterly",
        "year": "Annual",
        "term": "Full Period",
    }
)
INTERVALS: Mapping[str, Interval] = MappingProxyType(
    {said: interval for interval, said in FULFILLED.items() if said != "Custom"}
    | {"Transactional": "term", "Full Commitment Period": "term"}
)
"""Of these words only some can be an interval here: a half year cannot."""
