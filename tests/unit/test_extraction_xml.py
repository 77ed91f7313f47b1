"""E-invoices: what the XML says counts where the page says it, too; where they differ a person decides."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from rechenwerk.documents.extracting.extract import extract
from rechenwerk.documents.extracting.invoice_xml import values_of
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.values import Value
from tests.unit.drawn import drawn
from tests.unit.test_extraction_model import Learned, Spotted

CII = """<?xml version="1.0"?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
  xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
  xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
 <rsm:ExchangedDocument><ram:ID>B/2025-81</ram:ID>
  <ram:IssueDateTime><udt:DateTimeString format="102">20250403</udt:DateTimeString></ram:IssueDateTime>
 </rsm:ExchangedDocument>
 <rsm:SupplyChainTradeTransaction>
  <ram:IncludedSupplyChainTradeLineItem>
   <ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>
   <ram:SpecifiedTradeProduct><ram:Name>Gerüst stellen</ram:Name></ram:SpecifiedTradeProduct>
   <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">2</ram:BilledQuantity>
   </ram:SpecifiedLineTradeDelivery>
   <ram:SpecifiedLineTradeSettlement><ram:SpecifiedTradeSettlementLineMonetarySummation>
    <ram:LineTotalAmount>100.00</ram:LineTotalAmount>
   </ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
  </ram:IncludedSupplyChainTradeLineItem>
  <ram:ApplicableHeaderTradeAgreement>
   <ram:SellerTradeParty><ram:Name>Brunnhuber Gerüste GmbH</ram:Name>
    <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE136695976</ram:ID></ram:SpecifiedTaxRegistration>
   </ram:SellerTradeParty>
   <ram:BuyerTradeParty><ram:Name>Talheimer Stahl AG</ram:Name></ram:BuyerTradeParty>
  </ram:ApplicableHeaderTradeAgreement>
  <ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
   <ram:ApplicableTradeTax><ram:RateApplicablePercent>19</ram:RateApplicablePercent></ram:ApplicableTradeTax>
   <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime>
    <udt:DateTimeString format="102">20250417</udt:DateTimeString></ram:DueDateDateTime>
   </ram:SpecifiedTradePaymentTerms>
   <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    <ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
    <ram:TaxTotalAmount currencyID="EUR">19.00</ram:TaxTotalAmount>
    <ram:GrandTotalAmount>119.00</ram:GrandTotalAmount>
    <ram:TotalPrepaidAmount>0.00</ram:TotalPrepaidAmount>
   </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
  </ram:ApplicableHeaderTradeSettlement>
 </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""
UBL = """<?xml version="1.0"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
  xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
 <cbc:ID>B/2025-81</cbc:ID><cbc:IssueDate>2025-04-03</cbc:IssueDate><cbc:DueDate>2025-04-17</cbc:DueDate>
 <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
 <cac:AccountingSupplierParty><cac:Party>
  <cac:PartyTaxScheme><cbc:CompanyID>DE136695976</cbc:CompanyID></cac:PartyTaxScheme>
  <cac:PartyLegalEntity><cbc:RegistrationName>Brunnhuber Gerüste GmbH</cbc:RegistrationName>
  </cac:PartyLegalEntity>
 </cac:Party></cac:AccountingSupplierParty>
 <cac:AccountingCustomerParty><cac:Party>
  <cac:PartyLegalEntity><cbc:RegistrationName>Talheimer Stahl AG</cbc:RegistrationName></cac:PartyLegalEntity>
 </cac:Party></cac:AccountingCustomerParty>
 <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">19.00</cbc:TaxAmount>
  <cac:TaxSubtotal><cac:TaxCategory><cbc:Percent>19</cbc:Percent></cac:TaxCategory></cac:TaxSubtotal>
 </cac:TaxTotal>
 <cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
  <cbc:TaxInclusiveAmount currencyID="EUR">119.00</cbc:TaxInclusiveAmount></cac:LegalMonetaryTotal>
 <cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">2</cbc:InvoicedQuantity>
  <cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>
  <cac:Item><cbc:Name>Gerüst stellen</cbc:Name></cac:Item></cac:InvoiceLine>
</Invoice>"""
PAGE = """
Brunnhuber Gerüste GmbH

Talheimer Stahl AG
Wir haben geliefert, Beleg B/2025-81, am 03.04.2025.

Gerüst stellen             2        100,00 EUR
Nettobetrag                         100,00 EUR
USt 19 %                             19,00 EUR
Gesamtbetrag                        119,00 EUR

USt-IdNr. DE136695976
"""


def values(document: str, page: str = PAGE) -> dict[str, Value]:
    parsed = msgspec.structs.replace(drawn(page), invoice=document)
    return {value.field: value for value in asyncio.run(extract(parsed, ready("invoice")))}


@pytest.mark.parametrize("document", [CII, UBL], ids=["cii", "ubl"])
def test_both_syntaxes_say_the_same(document: str) -> None:
    said = values_of(document)
    assert said["invoice_number"] == "B/2025-81"
    assert (said["invoice_date"], said["due_date"]) == ("2025-04-03", "2025-04-17")
    assert (said["supplier"], said["customer"]) == ("Brunnhuber Gerüste GmbH", "Talheimer Stahl AG")
    assert said["supplier_vat_id"] == "DE136695976"
    assert said["gross"] == {"amount": "119.00", "currency": "EUR"}
    assert said["tax_rate"] == {"number": "19", "unit": "%"}
    assert said["items.0.description"] == "Gerüst stellen"
    assert said["items.0.amount"] == {"amount": "100.00", "currency": "EUR"}
    assert "prepaid" not in said


@pytest.mark.parametrize("document", ["", "no xml", "<a/>", "<Invoice><cbc:ID>1</Invoice>"])
def test_what_is_no_e_invoice_says_nothing(document: str) -> None:
    assert values_of(document) == {}


@pytest.mark.parametrize("document", [CII, UBL], ids=["cii", "ubl"])
def test_the_role_comes_from_the_xml_and_the_evidence_from_the_page(document: str) -> None:
    found = values(document)
    for field, value in (
        ("invoice_number", "B/2025-81"),
        ("invoice_date", "2025-04-03"),
        ("supplier", "Brunnhuber Gerüste GmbH"),
        ("customer", "Talheimer Stahl AG"),
    ):
        one = found[field]
        assert (one.value, one.state, one.origin) == (value, "proven", "xml"), field
        assert one.evidence is not None
        parsed = drawn(PAGE)
        assert parsed.text[one.evidence.start : one.evidence.end] == one.evidence.quote
        assert one.evidence.boxes
    assert found["gross"].state == "proven"


@pytest.mark.parametrize("document", [CII, UBL], ids=["cii", "ubl"])
def test_what_the_page_does_not_say_goes_to_a_person(document: str) -> None:
    found = values(document)["due_date"]
    assert (found.value, found.state) == ("2025-04-17", "unproven")
    assert found.reasons == ("xml: the page does not say it",)


@pytest.mark.parametrize("document", [CII, UBL], ids=["cii", "ubl"])
def test_a_page_that_says_something_else_goes_to_a_person(document: str) -> None:
    page = PAGE.replace("119,00", "129,00").replace("19,00", "29,00").replace("USt 19 %", "USt 29 %")
    found = values(document, page)["gross"]
    assert found.state == "unproven"
    assert any(reason.startswith("xml: the e-invoice says 119.00 EUR") for reason in found.reasons)


@pytest.mark.parametrize("document", [CII, UBL], ids=["cii", "ubl"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [("Gesamtbetrag: nicht 119,00 EUR", "negation:"), ("> Gesamtbetrag: 119,00 EUR", "quoted:")],
)
def test_what_a_page_denies_or_quotes_is_not_proven_by_the_xml(document: str, line: str, reason: str) -> None:
    parsed = msgspec.structs.replace(drawn(line), invoice=document)
    start = parsed.text.index("119,00 EUR")
    trained = Learned([Spotted("gross", start, start + len("119,00 EUR"), 1.0)])
    found = asyncio.run(extract(parsed, ready("invoice"), trained=trained))
    (gross,) = [value for value in found if value.field == "gross"]
    assert gross.state == "unproven"
    assert any(said.startswith(reason) for said in gross.reasons), gross.reasons
