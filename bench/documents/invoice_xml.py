"""The truth inside a PDF: Cross Industry Invoice XML (ZUGFeRD, Factur-X): written, embedded, read, removed.

Element names and order are those of the public schema UN/CEFACT CII D22B as Factur-X 1.0 (EN 16931) uses it.
"""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pypdf
from pypdf.generic import NameObject

if TYPE_CHECKING:
    from bench.documents.invented import Party
    from bench.documents.invoice_truth import Invoice, Item

RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
GUIDELINE = "urn:cen.eu:en16931:2017"
NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")
UNITS = {"Std.": "HUR", "h": "HUR", "kg": "KGM", "m": "MTR", "m²": "MTK", "t": "TNE", "km": "KMT", "l": "LTR",
         "Monat": "MON", "month": "MON", "Tag": "DAY", "day": "DAY", "days": "DAY", "PT": "DAY"}  # fmt: skip


def put(parent: ET.Element, name: str, text: object = None, **attributes: str) -> ET.Element:
    """A child; `name` is 'ram:ID' or, for several levels, 'ram:A/ram:B' of which the last has the text."""
    for part in name.split("/"):
        prefix, _, local = part.partition(":")
        space = {"ram": RAM, "rsm": RSM, "udt": UDT}[prefix]
        parent = ET.SubElement(parent, f"{{{space}}}{local}")
    parent.attrib.update(attributes)
    if text is not None:
        parent.text = str(text)
    return parent


def day(parent: ET.Element, name: str, date: dt.date) -> None:
    put(parent, f"{name}/udt:DateTimeString", f"{date:%Y%m%d}", format="102")


def line(parent: ET.Element, position: int, item: Item, category: str) -> None:
    row = put(parent, "ram:IncludedSupplyChainTradeLineItem")
    put(row, "ram:AssociatedDocumentLineDocument/ram:LineID", position)
    product = put(row, "ram:SpecifiedTradeProduct")
    put(product, "ram:SellerAssignedID", item.number)
    put(product, "ram:Name", item.text)
    put(row, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount", item.price)
    put(row, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", item.quantity,
        unitCode=UNITS.get(item.unit, "C62"))  # fmt: skip
    settled = put(row, "ram:SpecifiedLineTradeSettlement")
    tax = put(settled, "ram:ApplicableTradeTax")
    put(tax, "ram:TypeCode", "VAT")
    put(tax, "ram:CategoryCode", category)
    put(tax, "ram:RateApplicablePercent", item.rate)
    if item.discount:
        less = put(settled, "ram:SpecifiedTradeAllowanceCharge")
        put(less, "ram:ChargeIndicator/udt:Indicator", "false")
        put(less, "ram:CalculationPercent", item.discount)
        put(less, "ram:ActualAmount", (item.quantity * item.price).quantize(Decimal("0.01")) - item.amount)
        put(less, "ram:Reason", "Rabatt")
    put(settled, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", item.amount)


def party(parent: ET.Element, name: str, who: Party, *, vat: bool) -> None:
    found = put(parent, name)
    put(found, "ram:Name", who.name)
    address = put(found, "ram:PostalTradeAddress")
    put(address, "ram:PostcodeCode", who.postcode)
    put(address, "ram:LineOne", who.street)
    put(address, "ram:CityName", who.town)
    put(address, "ram:CountryID", who.country)
    if vat and who.tax_number:
        put(found, "ram:SpecifiedTaxRegistration/ram:ID", who.tax_number, schemeID="FC")
    if vat and who.vat_id:
        put(found, "ram:SpecifiedTaxRegistration/ram:ID", who.vat_id, schemeID="VA")


def settlement(parent: ET.Element, made: Invoice, category: str) -> None:
    settled = put(parent, "ram:ApplicableHeaderTradeSettlement")
    put(settled, "ram:InvoiceCurrencyCode", made.currency)
    for account in made.supplier.accounts:
        means = put(settled, "ram:SpecifiedTradeSettlementPaymentMeans")
        put(means, "ram:TypeCode", "58")
        put(means, "ram:PayeePartyCreditorFinancialAccount/ram:IBANID", account.iban)
        put(means, "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID", account.bic)
    for rate, base in made.bases.items():
        tax = put(settled, "ram:ApplicableTradeTax")
        put(tax, "ram:CalculatedAmount", made.taxes[rate])
        put(tax, "ram:TypeCode", "VAT")
        if category != "S":
            put(tax, "ram:ExemptionReason", "§ 19 UStG" if category == "E" else "Reverse charge")
        put(tax, "ram:BasisAmount", base)
        put(tax, "ram:CategoryCode", category)
        put(tax, "ram:RateApplicablePercent", rate)
    if made.period:
        period = put(settled, "ram:BillingSpecifiedPeriod")
        day(period, "ram:StartDateTime", made.period[0])
        day(period, "ram:EndDateTime", made.period[1])
    allowances(settled, made, category)
    if made.due:
        day(put(settled, "ram:SpecifiedTradePaymentTerms"), "ram:DueDateDateTime", made.due)
    sums = put(settled, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    put(sums, "ram:LineTotalAmount", made.goods)
    put(sums, "ram:ChargeTotalAmount", made.shipping)
    put(sums, "ram:AllowanceTotalAmount", made.rebate)
    put(sums, "ram:TaxBasisTotalAmount", made.net)
    put(sums, "ram:TaxTotalAmount", made.tax, currencyID=made.currency)
    put(sums, "ram:GrandTotalAmount", made.total)
    put(sums, "ram:TotalPrepaidAmount", made.prepaid)
    put(sums, "ram:DuePayableAmount", made.total - made.prepaid)


def allowances(parent: ET.Element, made: Invoice, category: str) -> None:
    for charge, amount, reason in (("false", made.rebate, "Rabatt"), ("true", made.shipping, "Versand")):
        if amount:
            entry = put(parent, "ram:SpecifiedTradeAllowanceCharge")
            put(entry, "ram:ChargeIndicator/udt:Indicator", charge)
            put(entry, "ram:ActualAmount", amount)
            put(entry, "ram:Reason", reason)
            tax = put(entry, "ram:CategoryTradeTax")
            put(tax, "ram:TypeCode", "VAT")
            put(tax, "ram:CategoryCode", category)
            put(tax, "ram:RateApplicablePercent", max(made.bases))


def written(made: Invoice) -> bytes:
    """The invoice as XML."""
    for prefix, space in (("rsm", RSM), ("ram", RAM), ("udt", UDT)):
        ET.register_namespace(prefix, space)
    category = {"small": "E", "reverse": "AE"}.get(made.kind, "S")
    root = ET.Element(f"{{{RSM}}}CrossIndustryInvoice")
    put(root, "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", GUIDELINE)
    head = put(root, "rsm:ExchangedDocument")
    put(head, "ram:ID", made.number)
    put(head, "ram:TypeCode", "381" if made.kind == "credit" else "380")
    day(head, "ram:IssueDateTime", made.date)
    deal = put(root, "rsm:SupplyChainTradeTransaction")
    for position, item in enumerate(made.items, 1):
        line(deal, position, item, category)
    agreed = put(deal, "ram:ApplicableHeaderTradeAgreement")
    party(agreed, "ram:SellerTradeParty", made.supplier, vat=True)
    party(agreed, "ram:BuyerTradeParty", made.customer, vat=made.buyer_vat)
    delivered = put(deal, "ram:ApplicableHeaderTradeDelivery")
    if made.delivery:
        event = put(delivered, "ram:ActualDeliverySupplyChainEvent")
        day(event, "ram:OccurrenceDateTime", made.delivery)
    settlement(deal, made, category)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def embedded(pdf: bytes, xml: bytes) -> bytes:
    """The PDF with the XML attached as Factur-X wants it."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf))
    attached = writer.add_attachment(NAMES[0], xml)
    attached.associated_file_relationship = NameObject("/Data")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def taken_out(pdf: bytes) -> tuple[bytes, bytes]:
    """The PDF without any attachment, and the XML that it had (b'' where it had none)."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    xml = next((parts[0] for name, parts in reader.attachments.items() if name.lower() in NAMES), b"")
    writer = pypdf.PdfWriter()
    for page in reader.pages:
        page.pop("/AF", None)
        writer.add_page(page)
    out = io.BytesIO()
    writer.write(out)
    bare = out.getvalue()
    assert not pypdf.PdfReader(io.BytesIO(bare)).attachments
    return bare, xml


def day_of(node: ET.Element | None, path: str) -> str | None:
    found = node.find(path) if node is not None else None
    text = (found.text or "").strip() if found is not None else ""
    try:
        return dt.datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=dt.UTC).date().isoformat()
    except ValueError:
        return None


def local(root: ET.Element) -> ET.Element:
    """The same tree without namespaces: ZUGFeRD 1.0 and Factur-X differ in them."""
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def read(xml: bytes) -> dict[str, Any]:
    """The truth as JSON by the names of the ready schema 'invoice'; what the XML does not say is None."""
    root = local(ET.fromstring(xml))  # the bench's own or a published sample

    def text(path: str) -> str | None:
        found = root.find(path)
        return (found.text or "").strip() or None if found is not None else None

    settled = next((node for node in root.iter() if node.tag.endswith("TradeSettlement")
                    and (node.tag.startswith("ApplicableHeader") or node.tag.startswith("ApplicableSupply"))),
                   root)  # fmt: skip
    sums = next((node for node in settled if node.tag.endswith("MonetarySummation")), root)
    start, end = (
        day_of(settled, f"BillingSpecifiedPeriod/{name}DateTime/DateTimeString") for name in ("Start", "End")
    )
    fiscal = [node.text for node in root.findall(".//SellerTradeParty/SpecifiedTaxRegistration/ID")
              if node.get("schemeID") == "FC"]  # fmt: skip
    vat = [node.text for node in root.findall(".//SellerTradeParty/SpecifiedTaxRegistration/ID")
           if node.get("schemeID") == "VA"]  # fmt: skip
    buyer = [node.text for node in root.findall(".//BuyerTradeParty/SpecifiedTaxRegistration/ID")
             if node.get("schemeID") == "VA"]  # fmt: skip
    head = next((node for node in root if node.tag.endswith("ExchangedDocument")), root)
    number, date = head.find("ID"), day_of(head, "IssueDateTime/DateTimeString")
    rates = {node.text for node in settled.findall("ApplicableTradeTax/RateApplicablePercent")}
    amount = {name: sums.findtext(name) for name in ("TaxBasisTotalAmount", "TaxTotalAmount",
              "GrandTotalAmount", "DuePayableAmount", "TotalPrepaidAmount")}  # fmt: skip
    return {
        "invoice_number": number.text if number is not None else None,
        "invoice_date": date,
        "delivery_date": day_of(root, ".//ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString"),
        "service_period": {"from": start, "to": end} if start and end else None,
        "due_date": day_of(settled, ".//SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"),
        "supplier": text(".//SellerTradeParty/Name"),
        "supplier_vat_id": vat[0] if vat else None,
        "supplier_tax_number": fiscal[0] if fiscal else None,
        "customer": text(".//BuyerTradeParty/Name"),
        "customer_number": text(".//BuyerTradeParty/ID"),
        "order_number": text(".//BuyerOrderReferencedDocument/IssuerAssignedID")
        or text(".//BuyerOrderReferencedDocument/ID"),
        "customer_vat_id": buyer[0] if buyer else None,
        "iban": [node.text for node in root.iter("IBANID") if node.text],
        "bic": [node.text for node in root.iter("BICID") if node.text],
        "currency": text(".//InvoiceCurrencyCode"),
        "net": amount["TaxBasisTotalAmount"],
        "tax_rate": rates.pop() if len(rates) == 1 else None,
        "tax": amount["TaxTotalAmount"],
        "gross": amount["GrandTotalAmount"],
        "prepaid": amount["TotalPrepaidAmount"],
        "payable": amount["DuePayableAmount"],
        "items": [row(node) for node in root.iter("IncludedSupplyChainTradeLineItem")],
    }


def row(node: ET.Element) -> dict[str, str | None]:
    """A line of the invoice."""

    def text(name: str) -> str | None:
        found = node.find(f".//{name}")
        return (found.text or "").strip() or None if found is not None else None

    price = node.find(".//NetPriceProductTradePrice/ChargeAmount")
    return {
        "article_number": text("SellerAssignedID"),
        "description": text("SpecifiedTradeProduct/Name"),
        "quantity": text("BilledQuantity"),
        "unit_price": price.text if price is not None else None,
        "tax_rate": text("RateApplicablePercent") or text("ApplicablePercent"),
        "amount": text("LineTotalAmount"),
    }
