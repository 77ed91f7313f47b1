"""E-invoices (EN 16931) as people read them: Cross Industry Invoice and UBL, labels in German.

The elements are those of the two syntaxes of EN 16931 (CEN/TS 16931-3-2 UBL, -3-3 CII), as the German
XRechnung and ZUGFeRD/Factur-X use them. Other XML is written element by element.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from lxml import etree

from rechenwerk.documents.intake.encodings import decode
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.invoice_fields import CII, UBL, Line, Syntax
from rechenwerk.documents.parsing.parts import local, xml
from rechenwerk.documents.parsing.writing import tokens_of

ROOTS = MappingProxyType(
    {"CrossIndustryInvoice": CII, "CrossIndustryDocument": CII, "Invoice": UBL, "CreditNote": UBL}
)
TYPES = MappingProxyType(
    {
        "326": "Teilrechnung",
        "380": "Rechnung",
        "381": "Gutschrift",
        "384": "Rechnungskorrektur",
        "389": "Gutschrift (Selbstfakturierung)",
        "875": "Teilrechnung (Bau)",
        "876": "Teilschlussrechnung (Bau)",
        "877": "Schlussrechnung (Bau)",
    }
)
UNITS = MappingProxyType(
    {"C62": "Stück", "H87": "Stück", "XPP": "Stück", "HUR": "Stunden", "DAY": "Tage", "MON": "Monate"}
    | {
        "ANN": "Jahre",
        "KGM": "kg",
        "MTR": "m",
        "MTK": "m²",
        "MTQ": "m³",
        "LTR": "l",
        "KWH": "kWh",
        "LS": "pauschal",
    }
    | {"MIN": "Minuten", "KMT": "km", "TNE": "t", "SET": "Satz", "P1": "%", "WEE": "Wochen"}
)
HEAD = ("Pos.", "Bezeichnung", "Artikelnummer", "Menge", "Einzelpreis", "USt-Satz", "Betrag")
MOST_LINES = 20_000


def xml_reader(data: bytes, limits: Limits) -> FlowReader:
    """An e-invoice, or other XML."""
    root = xml(data)
    flow = Flow(limits)
    syntax = ROOTS.get(local(root))
    if syntax is not None and _is_invoice(root, syntax):
        flow.invoice = _as_text(data)
        _Invoice(root, syntax, flow).write()
    else:
        flow.lines("\n".join(_plain(root)))
    return flow.reader()


def _is_invoice(root: etree._Element, syntax: Syntax) -> bool:
    return any(_found(root, line.path) for line in syntax.head[:1])


def _as_text(data: bytes) -> str:
    found = decode(data)
    return found[0].lstrip("\ufeff") if found else ""


def _plain(root: etree._Element) -> Iterator[str]:
    """'element: text' for every element with text of its own."""
    for at, one in enumerate(root.iter()):
        if at > 200_000:
            raise RefusedError("memory", limit="200,000 elements,")
        text = " ".join((one.text or "").split())
        if text and local(one):
            yield f"{local(one)}: {text}"


def _found(element: etree._Element, path: str) -> list[etree._Element]:
    """Elements by the names on the way to them; 'A/B|C/D' tries the second where the first finds none.

    A step may be 'Name[@attribute=value]'.
    """
    for way in path.split("|"):
        here = [element]
        for step in way.split("/"):
            name, _, test = step.partition("[@")
            key, _, wanted = test.rstrip("]").partition("=")
            here = [
                child
                for one in here
                for child in one
                if local(child) == name and (not key or (child.get(key) or "").upper() == wanted)
            ]
        if here:
            return here
    return []


class _Invoice:
    def __init__(self, root: etree._Element, syntax: Syntax, flow: Flow) -> None:
        self._root = root
        self._syntax = syntax
        self._flow = flow
        currency = _found(root, syntax.currency)
        self._currency = (currency[0].text or "").strip() if currency else ""

    def write(self) -> None:
        """Heading, parties, positions, sums, payment."""
        self._lines(self._syntax.head)
        for title, path in self._syntax.parties:
            for party in _found(self._root, path)[:1]:
                lines = list(self._texts(party, self._syntax.party))
                self._flow.lines("\n\n" + "\n".join([title, *lines]))
        self._positions()
        self._lines(self._syntax.sums)
        taxes = []
        for tax in _found(self._root, self._syntax.taxes)[:50]:
            said = [text for line in self._syntax.tax for text in self._texts(tax, (line,))]
            taxes.append(" ".join(said))
        self._flow.lines("\n".join(taxes))
        self._lines(self._syntax.payment)

    def _lines(self, lines: tuple[Line, ...]) -> None:
        self._flow.lines("\n\n" + "\n".join(self._texts(self._root, lines)))

    def _texts(self, element: etree._Element, lines: tuple[Line, ...]) -> Iterator[str]:
        for line in lines:
            for found in _found(element, line.path)[:20]:
                if text := self._shown(found, line.kind):
                    yield f"{line.label}: {text}"

    def _positions(self) -> None:
        rows = []
        for position in _found(self._root, self._syntax.positions)[:MOST_LINES]:
            cells = []
            for line in self._syntax.position:
                found = _found(position, line.path)
                cells.append(self._shown(found[0], line.kind) if found else "")
            rows.append([tokens_of(cell) for cell in cells])
        if rows:
            self._flow.table([[tokens_of(title) for title in HEAD], *rows], 1)

    def _shown(self, element: etree._Element, kind: str) -> str:
        text = " ".join((element.text or "").split())
        if not text:
            return ""
        if kind == "money":
            currency = element.get("currencyID") or self._currency
            return f"{german(text)} {currency}".strip()
        if kind == "quantity":
            unit = element.get("unitCode") or ""
            return f"{german(text)} {UNITS.get(unit, unit)}".strip()
        if kind == "percent":
            return f"{german(text)} %"
        if kind == "date":
            return _day(text)
        if kind == "type":
            return f"{TYPES[text]} ({text})" if text in TYPES else text
        return text


def german(number: str) -> str:
    """'1234.50' -> '1.234,50'; no digit is added or lost."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        return number
    if not value.is_finite() or abs(value.adjusted()) > 30:
        return number
    return f"{value:,f}".translate(str.maketrans(",.", ".,"))


def _day(text: str) -> str:
    """'20250403' and '2025-04-03' -> '03.04.2025'."""
    digits = text[:10].replace("-", "")
    if len(digits) >= 8 and digits[:8].isdecimal():
        return f"{digits[6:8]}.{digits[4:6]}.{digits[:4]}"
    return text
