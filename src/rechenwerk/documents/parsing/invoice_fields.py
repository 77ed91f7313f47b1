"""Where the values of an e-invoice stand in the two syntaxes of EN 16931, and their names in German.

Where two ways are named, the second is that of ZUGFeRD 1.
"""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A label, the way to its value, and its kind: text, money, quantity, percent, date or type."""

    label: str
    path: str
    kind: str = "text"


class Syntax(msgspec.Struct, frozen=True):
    """A syntax of EN 16931."""

    currency: str
    head: tuple[Line, ...]
    parties: tuple[tuple[str, str], ...]
    party: tuple[Line, ...]
    positions: str
    position: tuple[Line, ...]
    sums: tuple[Line, ...]
    taxes: str
    tax: tuple[Line, ...]
    payment: tuple[Line, ...]


_T = "SupplyChainTradeTransaction"
_OLD = "SpecifiedSupplyChainTradeTransaction"
_AGREED, _DELIVERED, _SETTLED = (
    f"{_T}/ApplicableHeaderTrade{part}" for part in ("Agreement", "Delivery", "Settlement")
)
_OLD_AGREED, _OLD_DELIVERED, _OLD_SETTLED = (
    f"{_OLD}/ApplicableSupplyChainTrade{part}" for part in ("Agreement", "Delivery", "Settlement")
)
_SUM = f"{_SETTLED}/SpecifiedTradeSettlementHeaderMonetarySummation"
_OLD_SUM = f"{_OLD_SETTLED}/SpecifiedTradeSettlementMonetarySummation"
_MEANS = "SpecifiedTradeSettlementPaymentMeans"


def _agreed(rest: str) -> str:
    return f"{_AGREED}/{rest}|{_OLD_AGREED}/{rest}"


def _settled(rest: str) -> str:
    return f"{_SETTLED}/{rest}|{_OLD_SETTLED}/{rest}"


def _sum(rest: str) -> str:
    return f"{_SUM}/{rest}|{_OLD_SUM}/{rest}"


CII = Syntax(
    currency=_settled("InvoiceCurrencyCode"),
    head=(
        Line("Rechnungsnummer", "ExchangedDocument/ID|HeaderExchangedDocument/ID"),
        Line("Art des Belegs", "ExchangedDocument/TypeCode|HeaderExchangedDocument/TypeCode", "type"),
        Line(
            "Rechnungsdatum",
            "ExchangedDocument/IssueDateTime/DateTimeString|HeaderExchangedDocument/IssueDateTime/DateTimeString",
            "date",
        ),
        Line("Währung", _settled("InvoiceCurrencyCode")),
        Line("Leitweg-ID", _agreed("BuyerReference")),
        Line("Bestellnummer", _agreed("BuyerOrderReferencedDocument/IssuerAssignedID")),
        Line("Auftragsnummer", _agreed("SellerOrderReferencedDocument/IssuerAssignedID")),
        Line("Vertragsnummer", _agreed("ContractReferencedDocument/IssuerAssignedID")),
        Line("Projekt", _agreed("SpecifiedProcuringProject/ID")),
        Line(
            "Liefer- oder Leistungsdatum",
            f"{_DELIVERED}/ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString"
            f"|{_OLD_DELIVERED}/ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString",
            "date",
        ),
        Line(
            "Abrechnungszeitraum von", _settled("BillingSpecifiedPeriod/StartDateTime/DateTimeString"), "date"
        ),
        Line(
            "Abrechnungszeitraum bis", _settled("BillingSpecifiedPeriod/EndDateTime/DateTimeString"), "date"
        ),
        Line(
            "Bemerkung", "ExchangedDocument/IncludedNote/Content|HeaderExchangedDocument/IncludedNote/Content"
        ),
    ),
    parties=(
        ("Verkäufer", _agreed("SellerTradeParty")),
        ("Käufer", _agreed("BuyerTradeParty")),
        ("Lieferanschrift", f"{_DELIVERED}/ShipToTradeParty|{_OLD_DELIVERED}/ShipToTradeParty"),
        ("Zahlungsempfänger", _settled("PayeeTradeParty")),
    ),
    party=(
        Line("Name", "Name"),
        Line("Kundennummer", "ID"),
        Line("Handelsregister", "SpecifiedLegalOrganization/ID"),
        Line("Straße", "PostalTradeAddress/LineOne"),
        Line("Adresszusatz", "PostalTradeAddress/LineTwo"),
        Line("PLZ", "PostalTradeAddress/PostcodeCode"),
        Line("Ort", "PostalTradeAddress/CityName"),
        Line("Land", "PostalTradeAddress/CountryID"),
        Line("USt-IdNr.", "SpecifiedTaxRegistration/ID[@schemeID=VA]"),
        Line("Steuernummer", "SpecifiedTaxRegistration/ID[@schemeID=FC]"),
        Line("Ansprechpartner", "DefinedTradeContact/PersonName"),
        Line("Telefon", "DefinedTradeContact/TelephoneUniversalCommunication/CompleteNumber"),
        Line("E-Mail", "DefinedTradeContact/EmailURIUniversalCommunication/URIID"),
    ),
    positions=f"{_T}/IncludedSupplyChainTradeLineItem|{_OLD}/IncludedSupplyChainTradeLineItem",
    position=(
        Line("", "AssociatedDocumentLineDocument/LineID"),
        Line("", "SpecifiedTradeProduct/Name"),
        Line("", "SpecifiedTradeProduct/SellerAssignedID"),
        Line(
            "",
            "SpecifiedLineTradeDelivery/BilledQuantity|SpecifiedSupplyChainTradeDelivery/BilledQuantity",
            "quantity",
        ),
        Line(
            "",
            "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount"
            "|SpecifiedSupplyChainTradeAgreement/NetPriceProductTradePrice/ChargeAmount",
            "money",
        ),
        Line(
            "",
            "SpecifiedLineTradeSettlement/ApplicableTradeTax/RateApplicablePercent"
            "|SpecifiedSupplyChainTradeSettlement/ApplicableTradeTax/ApplicablePercent",
            "percent",
        ),
        Line(
            "",
            "SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"
            "|SpecifiedSupplyChainTradeSettlement/SpecifiedTradeSettlementMonetarySummation/LineTotalAmount",
            "money",
        ),
    ),
    sums=(
        Line("Summe der Positionen", _sum("LineTotalAmount"), "money"),
        Line("Nachlässe", _sum("AllowanceTotalAmount"), "money"),
        Line("Zuschläge", _sum("ChargeTotalAmount"), "money"),
        Line("Nettobetrag", _sum("TaxBasisTotalAmount"), "money"),
        Line("Umsatzsteuerbetrag", _sum("TaxTotalAmount"), "money"),
        Line("Gesamtbetrag", _sum("GrandTotalAmount"), "money"),
        Line("Bereits gezahlt", _sum("TotalPrepaidAmount"), "money"),
        Line("Zahlbetrag", _sum("DuePayableAmount"), "money"),
    ),
    taxes=_settled("ApplicableTradeTax"),
    tax=(
        Line("Umsatzsteuersatz", "RateApplicablePercent|ApplicablePercent", "percent"),
        Line("auf", "BasisAmount", "money"),
        Line("Steuer", "CalculatedAmount", "money"),
        Line("Befreiungsgrund", "ExemptionReason"),
    ),
    payment=(
        Line(
            "Fälligkeitsdatum", _settled("SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"), "date"
        ),
        Line("Zahlungsbedingungen", _settled("SpecifiedTradePaymentTerms/Description")),
        Line("Verwendungszweck", _settled("PaymentReference")),
        Line("Kontoinhaber", _settled(f"{_MEANS}/PayeePartyCreditorFinancialAccount/AccountName")),
        Line("IBAN", _settled(f"{_MEANS}/PayeePartyCreditorFinancialAccount/IBANID")),
        Line("BIC", _settled(f"{_MEANS}/PayeeSpecifiedCreditorFinancialInstitution/BICID")),
        Line("Mandatsreferenz", _settled("SpecifiedTradePaymentTerms/DirectDebitMandateID")),
    ),
)

UBL = Syntax(
    currency="DocumentCurrencyCode",
    head=(
        Line("Rechnungsnummer", "ID"),
        Line("Art des Belegs", "InvoiceTypeCode|CreditNoteTypeCode", "type"),
        Line("Rechnungsdatum", "IssueDate", "date"),
        Line("Währung", "DocumentCurrencyCode"),
        Line("Leitweg-ID", "BuyerReference"),
        Line("Bestellnummer", "OrderReference/ID"),
        Line("Auftragsnummer", "OrderReference/SalesOrderID"),
        Line("Vertragsnummer", "ContractDocumentReference/ID"),
        Line("Projekt", "ProjectReference/ID"),
        Line("Liefer- oder Leistungsdatum", "Delivery/ActualDeliveryDate", "date"),
        Line("Abrechnungszeitraum von", "InvoicePeriod/StartDate", "date"),
        Line("Abrechnungszeitraum bis", "InvoicePeriod/EndDate", "date"),
        Line("Bemerkung", "Note"),
    ),
    parties=(
        ("Verkäufer", "AccountingSupplierParty/Party"),
        ("Käufer", "AccountingCustomerParty/Party"),
        ("Lieferanschrift", "Delivery/DeliveryParty"),
        ("Zahlungsempfänger", "PayeeParty"),
    ),
    party=(
        Line("Name", "PartyLegalEntity/RegistrationName|PartyName/Name"),
        Line("Kundennummer", "PartyIdentification/ID"),
        Line("Handelsregister", "PartyLegalEntity/CompanyID"),
        Line("Straße", "PostalAddress/StreetName"),
        Line("Adresszusatz", "PostalAddress/AdditionalStreetName"),
        Line("PLZ", "PostalAddress/PostalZone"),
        Line("Ort", "PostalAddress/CityName"),
        Line("Land", "PostalAddress/Country/IdentificationCode"),
        Line("USt-IdNr. oder Steuernummer", "PartyTaxScheme/CompanyID"),
        Line("Ansprechpartner", "Contact/Name"),
        Line("Telefon", "Contact/Telephone"),
        Line("E-Mail", "Contact/ElectronicMail"),
    ),
    positions="InvoiceLine|CreditNoteLine",
    position=(
        Line("", "ID"),
        Line("", "Item/Name"),
        Line("", "Item/SellersItemIdentification/ID"),
        Line("", "InvoicedQuantity|CreditedQuantity", "quantity"),
        Line("", "Price/PriceAmount", "money"),
        Line("", "Item/ClassifiedTaxCategory/Percent", "percent"),
        Line("", "LineExtensionAmount", "money"),
    ),
    sums=(
        Line("Summe der Positionen", "LegalMonetaryTotal/LineExtensionAmount", "money"),
        Line("Nachlässe", "LegalMonetaryTotal/AllowanceTotalAmount", "money"),
        Line("Zuschläge", "LegalMonetaryTotal/ChargeTotalAmount", "money"),
        Line("Nettobetrag", "LegalMonetaryTotal/TaxExclusiveAmount", "money"),
        Line("Umsatzsteuerbetrag", "TaxTotal/TaxAmount", "money"),
        Line("Gesamtbetrag", "LegalMonetaryTotal/TaxInclusiveAmount", "money"),
        Line("Bereits gezahlt", "LegalMonetaryTotal/PrepaidAmount", "money"),
        Line("Zahlbetrag", "LegalMonetaryTotal/PayableAmount", "money"),
    ),
    taxes="TaxTotal/TaxSubtotal",
    tax=(
        Line("Umsatzsteuersatz", "TaxCategory/Percent", "percent"),
        Line("auf", "TaxableAmount", "money"),
        Line("Steuer", "TaxAmount", "money"),
        Line("Befreiungsgrund", "TaxCategory/TaxExemptionReason"),
    ),
    payment=(
        Line("Fälligkeitsdatum", "DueDate|PaymentMeans/PaymentDueDate", "date"),
        Line("Zahlungsbedingungen", "PaymentTerms/Note"),
        Line("Verwendungszweck", "PaymentMeans/PaymentID"),
        Line("Kontoinhaber", "PaymentMeans/PayeeFinancialAccount/Name"),
        Line("IBAN", "PaymentMeans/PayeeFinancialAccount/ID"),
        Line("BIC", "PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/ID"),
        Line("Mandatsreferenz", "PaymentMeans/PaymentMandate/ID"),
    ),
)
