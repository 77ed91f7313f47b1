"""What the XML of an e-invoice says: the values of EN 16931 by the names of the ready invoice schema.

Both syntaxes: Cross Industry Invoice (ZUGFeRD, Factur-X, XRechnung; ZUGFeRD 1 names some elements otherwise)
and UBL (XRechnung, Peppol). Source: EN 16931-1 and the KoSIT's XRechnung specification, business terms in
brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lxml import etree

from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.parts import local, xml

_CII = MappingProxyType(
    {
        "invoice_number": "ExchangedDocument/ID|HeaderExchangedDocument/ID",
        "invoice_date": "ExchangedDocument/IssueDateTime/DateTimeString"
        "|HeaderExchangedDocument/IssueDateTime/DateTimeString",
        "due_date": "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString",
        "delivery_date": "ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString",
        "supplier": "SellerTradeParty/Name",
        "customer": "BuyerTradeParty/Name",
        "supplier_vat_id": "SellerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='VA']",
        "supplier_tax_number": "SellerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='FC']",
        "customer_vat_id": "BuyerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='VA']",
        "customer_number": "BuyerTradeParty/ID",
        "order_number": "BuyerOrderReferencedDocument/IssuerAssignedID|BuyerOrderReferencedDocument/ID",
        "currency": "InvoiceCurrencyCode",
        "net": "TaxBasisTotalAmount",
        "tax": "TaxTotalAmount",
        "gross": "GrandTotalAmount",
        "prepaid": "TotalPrepaidAmount",
        "payable": "DuePayableAmount",
        "iban": "PayeePartyCreditorFinancialAccount/IBANID",
        "bic": "PayeeSpecifiedCreditorFinancialInstitution/BICID",
    }
)
_UBL = MappingProxyType(
    {
        "invoice_number": "/ID",
        "invoice_date": "/IssueDate",
        "due_date": "/DueDate|PaymentMeans/PaymentDueDate",
        "delivery_date": "Delivery/ActualDeliveryDate",
        "supplier": "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName",
        "customer": "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName",
        "supplier_vat_id": "AccountingSupplierParty/Party/PartyTaxScheme/CompanyID",
        "customer_vat_id": "AccountingCustomerParty/Party/PartyTaxScheme/CompanyID",
        "customer_number": "AccountingCustomerParty/Party/PartyIdentification/ID",
        "order_number": "OrderReference/ID",
        "currency": "DocumentCurrencyCode",
        "net": "LegalMonetaryTotal/TaxExclusiveAmount",
        "tax": "/TaxTotal/TaxAmount",
        "gross": "LegalMonetaryTotal/TaxInclusiveAmount",
        "prepaid": "LegalMonetaryTotal/PrepaidAmount",
        "payable": "LegalMonetaryTotal/PayableAmount",
        "iban": "PayeeFinancialAccount/ID",
        "bic": "FinancialInstitutionBranch/ID",
    }
)
_PERIODS = MappingProxyType(
    {
        "cii": (
            "BillingSpecifiedPeriod/StartDateTime/DateTimeString",
            "BillingSpecifiedPeriod/EndDateTime/DateTimeString",
        ),
        "ubl": ("/InvoicePeriod/StartDate", "/InvoicePeriod/EndDate"),
    }
)
_RATES = MappingProxyType(
    {"cii": "ApplicableHeaderTradeSettlement/ApplicableTradeTax", "ubl": "TaxSubtotal/TaxCategory"}
)
_LINES = MappingProxyType({"cii": "IncludedSupplyChainTradeLineItem", "ubl": "InvoiceLine|CreditNoteLine"})
_CII_LINE = MappingProxyType(
    {
        "position": "AssociatedDocumentLineDocument/LineID",
        "article_number": "SpecifiedTradeProduct/SellerAssignedID",
        "description": "SpecifiedTradeProduct/Name",
        "quantity": "BilledQuantity",
        "unit_price": "NetPriceProductTradePrice/ChargeAmount",
        "tax_rate": "ApplicableTradeTax/RateApplicablePercent|ApplicableTradeTax/ApplicablePercent",
        "amount": "LineTotalAmount",
    }
)
_UBL_LINE = MappingProxyType(
    {
        "position": "/ID",
        "article_number": "Item/SellersItemIdentification/ID",
        "description": "Item/Name",
        "quantity": "InvoicedQuantity|CreditedQuantity",
        "unit_price": "Price/PriceAmount",
        "tax_rate": "Item/ClassifiedTaxCategory/Percent",
        "amount": "LineExtensionAmount",
    }
)
_MONEY = frozenset({"net", "tax", "gross", "prepaid", "payable", "unit_price", "amount"})
_NUMBERS = frozenset({"quantity", "tax_rate"})
_OPTIONAL_ZERO = frozenset({"prepaid"})


def values_of(document: str) -> dict[str, Any]:
    """The values of an e-invoice by the paths of the ready invoice schema; what it does not say is left out.

    Args:
        document: XML; '' gives nothing, and so does XML that is no e-invoice.
    """
    if not document:
        return {}
    try:
        root = xml(document.encode())
    except RefusedError:
        return {}
    syntax = {"CrossIndustryInvoice": "cii", "CrossIndustryDocument": "cii"}.get(local(root), "ubl")
    if syntax == "ubl" and local(root) not in {"Invoice", "CreditNote"}:
        return {}
    found = dict(_single(root, _CII if syntax == "cii" else _UBL, _currency(root)))
    first, last = (_first(root, path) for path in _PERIODS[syntax])
    if first is not None and last is not None:
        found["service_period"] = {"from": _day(_said(first)), "to": _day(_said(last))}
    rates = {
        _said(rate)
        for one in _all(root, _RATES[syntax])
        for rate in _children(one, "RateApplicablePercent", "Percent")
    }
    if len(rates) == 1:
        found["tax_rate"] = {"number": rates.pop(), "unit": "%"}
    for at, line in enumerate(_all(root, _LINES[syntax])):
        for name, value in _single(line, _CII_LINE if syntax == "cii" else _UBL_LINE, _currency(root)):
            found[f"items.{at}.{name}"] = value
    return found


def _single(root: etree._Element, paths: Mapping[str, str], currency: str) -> Iterator[tuple[str, Any]]:
    for name, path in paths.items():
        element = _first(root, path)
        said = "" if element is None else _said(element)
        if not said or element is None:
            continue
        if name in _MONEY:
            if not (name in _OPTIONAL_ZERO and float(said) == 0):
                yield name, {"amount": said, "currency": element.get("currencyID", currency)}
        elif name in _NUMBERS:
            yield name, {"number": said}
        elif name.endswith("_date"):
            yield name, _day(said)
        elif name in {"iban", "supplier_vat_id", "customer_vat_id"}:
            yield name, re.sub(r"\s", "", said).upper()
        else:
            yield name, said


def _currency(root: etree._Element) -> str:
    found = _first(root, "InvoiceCurrencyCode|DocumentCurrencyCode")
    return _said(found) if found is not None else ""


def _all(root: etree._Element, path: str) -> list[etree._Element]:
    """Elements at the end of a path of local names; a path that begins with '/' begins at the root."""
    found: list[etree._Element] = []
    for one in path.split("|"):
        steps = one.lstrip("/").split("/")
        test = "/".join(_step(step) for step in steps)
        found += root.xpath(f"./{test}" if one.startswith("/") else f".//{test}")
    return found


def _step(step: str) -> str:
    name, bracket, condition = step.partition("[")
    return f"*[local-name()='{name}']{bracket}{condition}"


def _first(root: etree._Element, path: str) -> etree._Element | None:
    return next(iter(_all(root, path)), None)


def _children(root: etree._Element, *names: str) -> list[etree._Element]:
    return [child for child in root if local(child) in names]


def _said(element: etree._Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _day(said: str) -> str:
    """'20250403' and '2025-04-03' are the same day."""
    digits = said.replace("-", "")[:8]
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
