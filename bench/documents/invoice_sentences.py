"""What invoices say in sentences: terms, notes, reasons for no tax, German and English."""

from __future__ import annotations

from types import MappingProxyType

CARRIED = MappingProxyType(
    {
        "de": (
            ("Übertrag", "Übertrag"),
            ("Zwischensumme", "Übertrag von Seite {page}"),
            ("Übertrag auf Seite {next}", "Übertrag"),
        ),
        "en": (("Carried forward", "Brought forward"), ("Subtotal", "Carried over")),
    }
)

INTROS = MappingProxyType(
    {
        "de": (
            "Sehr geehrte Damen und Herren,\nwir erlauben uns, Ihnen wie folgt zu berechnen:",
            "vielen Dank für Ihren Auftrag. Wir berechnen Ihnen:",
            "Für unsere Lieferungen und Leistungen berechnen wir:",
            "Guten Tag,\nanbei erhalten Sie die Abrechnung zu Ihrer Bestellung vom {order_date}.",
            "",
            "Wir lieferten Ihnen gemäß Lieferschein vom {order_date} zu unseren Geschäftsbedingungen:",
        ),
        "en": (
            "Dear Sir or Madam,\nplease find below the charges for our services:",
            "Thank you for your order.",
            "",
            "We invoice the following, as agreed on {order_date}:",
        ),
    }
)

DUE = MappingProxyType(
    {
        ("de", "date"): (
            "Bitte überweisen Sie den Betrag bis zum {due}.",
            "Zahlbar bis {due} ohne Abzug.",
            "Der Rechnungsbetrag ist fällig am {due}.",
            "Zahlung bis spätestens {due} erbeten.",
            "Wir bitten um Ausgleich bis zum {due} auf das unten genannte Konto.",
        ),
        ("de", "days"): (
            "Zahlbar innerhalb von {days} Tagen ohne Abzug.",
            "Zahlungsziel: {days} Tage netto",
            "Zahlungsbedingungen: {days} Tage netto ab Rechnungsdatum",
            "Bitte begleichen Sie die Rechnung binnen {days} Tagen nach Rechnungsdatum.",
            "Der Betrag ist innerhalb von {days} Tagen nach Rechnungsdatum zur Zahlung fällig.",
            "zahlbar {days} Tage rein netto",
        ),
        ("de", "at once"): (
            "Zahlbar sofort ohne Abzug.",
            "Sofort fällig, rein netto.",
            "Der Betrag ist sofort nach Erhalt der Rechnung fällig.",
        ),
        ("en", "date"): (
            "Please pay by {due}.",
            "Payment is due on {due}.",
            "Kindly transfer the amount by {due}.",
        ),
        ("en", "days"): (
            "Payment terms: net {days} days.",
            "Payable within {days} days of the invoice date.",
            "Due within {days} days without deduction.",
        ),
        ("en", "at once"): ("Payable immediately without deduction.", "Due upon receipt."),
    }
)

SKONTO = MappingProxyType(
    {
        "de": (
            "Bei Zahlung bis {skonto_date} gewähren wir {percent} % Skonto ({skonto} {currency}).",
            "{skonto_days} Tage {percent} % Skonto, {days} Tage netto",
            "Bei Zahlung in {skonto_days} Tagen {percent} % Skonto, Zahlbetrag dann {rest} {currency}.",
        ),
        "en": (
            "{percent} % cash discount for payment by {skonto_date} ({skonto} {currency}).",
            "{percent}% discount if paid within {skonto_days} days.",
        ),
    }
)

NOTES = MappingProxyType(
    {
        "de": (
            "Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum.",
            "Gerichtsstand ist Musterstadt. Es gelten unsere AGB in der Fassung vom 01.02.2019.",
            "Mängel sind innerhalb von 8 Tagen schriftlich anzuzeigen.",
            "Eine Freistellungsbescheinigung nach § 48b EStG, gültig bis 31.12.2027, liegt vor.",
            "Bitte geben Sie bei Zahlung die Rechnungs- und die Kundennummer an.",
            "Ab 01.01.2026 gelten neue Preise. Der Mindestbestellwert beträgt dann 75,00 EUR.",
            "Hinweis: Nichtunternehmer müssen diese Rechnung zwei Jahre aufbewahren (§ 14b UStG).",
        ),
        "en": (
            "Goods remain our property until paid in full.",
            "Our general terms of 1 February 2019 apply.",
            "From 1 January 2026 a minimum order value of EUR 75.00 applies.",
        ),
    }
)

SPECIAL = MappingProxyType(
    {
        ("de", "small"): (
            "Gemäß § 19 UStG wird keine Umsatzsteuer berechnet.",
            "Kein Ausweis von Umsatzsteuer, da Kleinunternehmer gemäß § 19 UStG.",
            "Umsatzsteuerfrei aufgrund der Kleinunternehmerregelung (§ 19 UStG).",
        ),
        ("en", "small"): ("No VAT is charged according to section 19 UStG (small business).",),
        ("de", "reverse"): (
            "Steuerschuldnerschaft des Leistungsempfängers (§ 13b UStG).",
            "Reverse Charge: Die Steuerschuld geht auf den Leistungsempfänger über.",
            "Steuerfreie innergemeinschaftliche Lieferung nach § 4 Nr. 1b UStG.",
        ),
        ("en", "reverse"): (
            "Reverse charge: VAT is to be accounted for by the recipient.",
            "VAT reverse charge according to article 196 of Directive 2006/112/EC.",
        ),
    }
)

SAME_DAY = MappingProxyType(
    {
        "de": ("Lieferdatum entspricht Rechnungsdatum.", "Das Leistungsdatum entspricht dem Rechnungsdatum."),
        "en": ("Date of supply equals invoice date.",),
    }
)

DETAILS_OF = MappingProxyType(
    {
        "de": (
            "Farbe nach Muster, Ausführung wie besprochen",
            "inkl. Kleinmaterial",
            "gemäß Angebot vom {date}",
            "Lieferschein {number} vom {date}",
            "Charge {number}",
            "Seriennummer SN-{number}",
            "Hersteller-Nr. {number}, Garantie 24 Monate",
            "ausgeführt in der 2. und 3. Kalenderwoche",
        ),
        "en": (
            "as agreed",
            "incl. small parts",
            "according to our offer of {date}",
            "Delivery note {number} of {date}",
            "Batch {number}",
            "Serial number SN-{number}",
        ),
    }
)
