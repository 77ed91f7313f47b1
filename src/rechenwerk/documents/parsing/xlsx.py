"""XLSX: a sheet is a page and a table; cells as they are displayed; of formulas their stored values."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from lxml import etree

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.grids import head_of
from rechenwerk.documents.parsing.languages import language_of
from rechenwerk.documents.parsing.number_formats import BUILT_IN, displayed
from rechenwerk.documents.parsing.parts import Parts, local, opened
from rechenwerk.documents.parsing.writing import Token, tokens_of

RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
ROWS_A_PAGE = 2000
MOST_CELLS = 2_000_000
"""Of a workbook, empty ones within the table counted."""
REFERENCE = re.compile(r"([A-Z]{1,3})\d+$")
GERMAN_SIGNS = re.compile(r"€|\[\$[^\]]*-(?:0*407|0*c07|0*807)\]|TT|JJJJ", re.IGNORECASE)


class Book:
    """What all sheets of a workbook share: strings, formats, its language."""

    def __init__(self, parts: Parts, main: str) -> None:
        self.root = parts.xml_of(main)
        related = parts.relations(main)
        by_kind = {kind: name for kind, name in related.values() if name in parts.names}
        self.related = related
        self.strings = _strings(parts, by_kind.get("sharedStrings", ""))
        self.codes = _codes(parts, by_kind.get("styles", ""))
        properties = next((one for one in self.root.iter() if local(one) == "workbookPr"), None)
        self.since_1904 = properties is not None and properties.get("date1904") in {"1", "true"}
        said = language_of(" ".join(self.strings[:3000]))
        self.german = said == "de" or (not said and any(GERMAN_SIGNS.search(code) for code in self.codes))


def xlsx_reader(data: bytes, limits: Limits) -> FlowReader:
    """A workbook."""
    parts, flow = opened(data, limits)
    book = Book(parts, parts.main("xl/workbook.xml"))
    room = MOST_CELLS
    for sheet in (one for one in book.root.iter() if local(one) == "sheet"):
        title = sheet.get("name") or ""
        if sheet.get("state") in {"hidden", "veryHidden"}:
            flow.faults.append(f"hidden sheet {title!r} was not read")
            continue
        kind, name = book.related.get(sheet.get(RELATION) or sheet.get(STRICT_RELATION) or "", ("", ""))
        if kind != "worksheet" or name not in parts.names:
            continue
        flow.break_page(title)
        try:
            room = _Sheet(book, flow, title).write(parts.bytes_of(name), room)
        except RefusedError as why:
            flow.break_page(title, fault=str(why))
    return flow.reader()


def _strings(parts: Parts, name: str) -> list[str]:
    if not name:
        return []
    return [_rich(one) for one in parts.xml_of(name) if local(one) == "si"]


def _rich(element: etree._Element) -> str:
    """The text of a string, without its phonetic reading."""
    return "".join(
        one.text or ""
        for one in element.iter()
        if local(one) == "t" and not any(local(above) == "rPh" for above in one.iterancestors())
    )


def _codes(parts: Parts, name: str) -> list[str]:
    """The format code of every cell style."""
    if not name:
        return ["General"]
    root = parts.xml_of(name)
    own: dict[int, str] = {}
    for one in root.iter():
        if local(one) == "numFmt" and (said := one.get("numFmtId") or "").isdecimal():
            own[int(said)] = one.get("formatCode") or "General"
    styles = next((one for one in root if local(one) == "cellXfs"), None)
    codes = []
    for one in styles if styles is not None else ():
        said = one.get("numFmtId") or "0"
        number = int(said) if said.isdecimal() else 0
        codes.append(own.get(number) or BUILT_IN.get(number, "General"))
    return codes or ["General"]


class _Sheet:
    """One sheet being written."""

    def __init__(self, book: Book, flow: Flow, title: str) -> None:
        self._book = book
        self._flow = flow
        self._title = title
        self._unknown = 0

    def write(self, data: bytes, room: int) -> int:
        """Write it, at most so many cells; how many may follow."""
        rows: list[dict[int, list[Token]]] = []
        first = True
        for row in self._rows(data):
            rows.append(row)
            if len(rows) >= ROWS_A_PAGE:
                room = self._page(rows, room, first=first)
                rows, first = [], False
        room = self._page(rows, room, first=first)
        if self._unknown:
            self._flow.faults.append(
                f"sheet {self._title!r}: {self._unknown} formulas have no stored value; "
                "open and save the file in a spreadsheet program"
            )
        return room

    def _page(self, rows: list[dict[int, list[Token]]], room: int, *, first: bool) -> int:
        columns = sorted({column for row in rows for column in row})
        if not columns:
            return room
        if len(columns) * len(rows) > room:
            raise RefusedError("memory", limit=f"{MOST_CELLS:,} cells,")
        if not first:
            self._flow.break_page(self._title)
        table = [[row.get(column, []) for column in columns] for row in rows]
        self._flow.table(table, head_of(table[:50]) if first else 0)
        return room - len(columns) * len(rows)

    def _rows(self, data: bytes) -> Iterator[dict[int, list[Token]]]:
        parser = etree.iterparse(
            io.BytesIO(data), events=("end",), resolve_entities=False, no_network=True, huge_tree=False
        )
        if b"<!ENTITY" in data:
            raise RefusedError("xml_entities")
        try:
            for _, element in parser:
                if local(element) != "row":
                    continue
                hidden = element.get("hidden") in {"1", "true"}
                row = {} if hidden else self._cells(element)
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
                if row:
                    yield row
        except etree.XMLSyntaxError as error:
            raise RefusedError("corrupt", what=" ".join(str(error).split())[:80]) from error

    def _cells(self, row: etree._Element) -> dict[int, list[Token]]:
        cells: dict[int, list[Token]] = {}
        column = -1
        for cell in row:
            if local(cell) != "c":
                continue
            column = _column(cell.get("r") or "", column + 1)
            if words := tokens_of(self._shown(cell)):
                cells[column] = words
        return cells

    def _shown(self, cell: etree._Element) -> str:
        kind = cell.get("t") or "n"
        if kind == "inlineStr":
            return _rich(cell)
        value = next((one.text or "" for one in cell if local(one) == "v"), "")
        if not value:
            self._unknown += any(local(one) == "f" for one in cell)
            return ""
        if kind == "s":
            at = int(value) if value.isdecimal() and len(value) < 9 else -1
            return self._book.strings[at] if 0 <= at < len(self._book.strings) else ""
        if kind == "b":
            words = ("FALSCH", "WAHR") if self._book.german else ("FALSE", "TRUE")
            return words[value == "1"]
        if kind in {"str", "e"}:
            return value
        if kind == "d":
            return value[:10]
        style = cell.get("s") or "0"
        codes = self._book.codes
        code = (
            codes[int(style)]
            if style.isdecimal() and len(style) < 7 and int(style) < len(codes)
            else "General"
        )
        return displayed(value, code, german=self._book.german, since_1904=self._book.since_1904)


def _column(reference: str, otherwise: int) -> int:
    found = REFERENCE.match(reference)
    if not found:
        return otherwise
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1
