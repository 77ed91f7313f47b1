"""Writes the example documents of examples/documents: invented firms, no real person. Run it from the root."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from fpdf import FPDF

FOLDER = Path("examples") / "documents"
INVOICE = (
    "Papier & Büro Lindenau GmbH",
    "Lindenstraße 4, 04177 Leipzig",
    "",
    "Rechnung",
    "",
    "Rechnungsnummer: 2026-0417",
    "Rechnungsdatum: 14.09.2026",
    "Lieferdatum: 11.09.2026",
    "Kunde: Stadtverwaltung Musterhausen",
    "",
    "20 Kartons Kopierpapier A4, je 21,50 EUR          430,00 EUR",
    "4 Toner schwarz, je 62,50 EUR                     250,00 EUR",
    "",
    "Nettobetrag: 680,00 EUR",
    "Umsatzsteuer 19 %: 129,20 EUR",
    "Rechnungsbetrag: 809,20 EUR",
    "",
    "Zahlbar bis 14.10.2026 auf das Konto",
    "IBAN: DE02 1203 0000 0000 2020 51",
    "USt-IdNr.: DE136695976",
)
ENGLISH = (
    "Northgate Hosting Ltd",
    "",
    "INVOICE",
    "",
    "Invoice number: NG-20931",
    "Invoice date: 2 September 2026",
    "Customer: Stadtverwaltung Musterhausen",
    "",
    "Virtual servers, August 2026      1,150.00 EUR",
    "",
    "Net amount: 1,150.00 EUR",
    "VAT 19%: 218.50 EUR",
    "Total amount: 1,368.50 EUR",
    "Due date: 2 October 2026",
)
GERMAN_ARTICLE = """Nordlicht Energie steigert Umsatz

12. August 2026. Die Nordlicht Energie AG hat im Jahr 2025 einen Umsatz von 4,2 Milliarden Euro erzielt.
Für das Jahr 2026 plant die Nordlicht Energie AG Investitionen von rund 900 Millionen Euro.
"""
ENGLISH_ARTICLE = """Nordlicht Energie reports higher revenue

13 August 2026. Nordlicht Energie AG reported revenue of 3.9 billion euros for 2025.
The company said it plans to invest about 900 million euros in 2026.
"""


def pdf(lines: tuple[str, ...], path: Path) -> None:
    """One page of text; the same bytes at each run."""
    document = FPDF()
    document.set_creation_date(datetime(2026, 9, 14, tzinfo=UTC))
    document.add_page()
    document.set_font("Helvetica", size=11)
    for line in lines:
        document.cell(0, 7, line, new_x="LMARGIN", new_y="NEXT")
    document.output(str(path))


def mail(path: Path, attachment: bytes) -> None:
    """A mail with an invoice attached."""
    message = EmailMessage()
    message["From"] = "billing@northgate.example"
    message["To"] = "post@musterhausen.example"
    message["Subject"] = "Invoice NG-20931"
    message["Date"] = "Wed, 02 Sep 2026 09:00:00 +0000"
    message.set_content("Please find our invoice NG-20931 attached.\n")
    message.add_attachment(attachment, maintype="application", subtype="pdf", filename="NG-20931.pdf")
    message.set_boundary("example")
    path.write_bytes(message.as_bytes())


def main() -> None:
    """Write them all."""
    invoices, news = FOLDER / "invoices", FOLDER / "news"
    for folder in (invoices, news):
        folder.mkdir(parents=True, exist_ok=True)
    pdf(INVOICE, invoices / "lindenau.pdf")
    pdf(ENGLISH, invoices / "northgate.pdf")
    attached = (invoices / "northgate.pdf").read_bytes()
    (invoices / "northgate.pdf").unlink()
    mail(invoices / "northgate.eml", attached)
    with zipfile.ZipFile(invoices / "older.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        older = "\n".join(INVOICE).replace("2026-0417", "2026-0388").replace("14.09.2026", "12.08.2026")
        archive.writestr(zipfile.ZipInfo("lindenau-august.txt", (2026, 8, 12, 0, 0, 0)), older)
        archive.writestr(zipfile.ZipInfo("empty.pdf", (2026, 8, 12, 0, 0, 0)), b"")
    (news / "nordlicht-de.txt").write_text(GERMAN_ARTICLE, encoding="utf-8")
    (news / "nordlicht-en.txt").write_text(ENGLISH_ARTICLE, encoding="utf-8")


if __name__ == "__main__":
    main()
