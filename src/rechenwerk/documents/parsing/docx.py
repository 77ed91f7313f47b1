"""DOCX: paragraphs, tables, text boxes, headers, footers, notes. Read directly from its XML.

Own reading, because libraries for writing documents leave out text boxes, notes, content controls and
tracked changes. Inserted text counts, deleted text does not; hidden text is left out.
"""

from __future__ import annotations

from lxml import etree

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.grids import head_of
from rechenwerk.documents.parsing.parts import Parts, local, opened
from rechenwerk.documents.parsing.writing import Token, tokens_of

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
PAGE = "\f"
WITHIN = frozenset({"p", "tbl", "sdt", "customXml", "sdtContent", "body", "ins", "moveTo", "smartTag"})
LEFT_OUT = frozenset({"del", "moveFrom", "rPr", "pPr", "instrText", "delText", "fldData", "Fallback"})
DEEPEST = 40


def docx_reader(data: bytes, limits: Limits) -> FlowReader:
    """A Word document."""
    parts, flow = opened(data, limits)
    main = parts.main("word/document.xml")
    relations = parts.relations(main)
    for kind in ("header", "footnotes", "endnotes", "footer"):
        names = sorted({name for what, name in relations.values() if what == kind and name in parts.names})
        if kind == "footnotes":
            _Walk(flow).body(parts.xml_of(main))
        texts = list(dict.fromkeys(_text_of(parts, name) for name in names))
        flow.lines("\n".join(text for text in texts if text))
    return flow.reader()


def _text_of(parts: Parts, name: str) -> str:
    """The lines of a header, a footer or notes."""
    try:
        root = parts.xml_of(name)
    except RefusedError:
        return ""
    lines = [_paragraph(one).replace(PAGE, "") for one in root.iter() if local(one) == "p"]
    return "\n".join(line for line in lines if line.strip())


class _Walk:
    """Goes through a body and tells the flow what it finds."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._lines: list[str] = []

    def body(self, root: etree._Element) -> None:
        """The whole document."""
        self._children(root, 0)
        self._flush()

    def _children(self, element: etree._Element, depth: int) -> None:
        if depth > DEEPEST:
            raise RefusedError("corrupt", what="nested too deeply")
        for child in element:
            name = local(child)
            if name == "p":
                self._paragraph(child, depth)
            elif name == "tbl":
                self._flush()
                self._flow.table(*_table(child))
            elif name in WITHIN:
                self._children(child, depth + 1)

    def _paragraph(self, element: etree._Element, depth: int) -> None:
        for at, text in enumerate(_paragraph(element).split(PAGE)):
            if at:
                self._flush()
                self._flow.break_page()
            self._lines.append(text)
        for box in element.iter(f"{W}txbxContent", f"{STRICT}txbxContent"):
            if not any(local(one) == "Fallback" for one in box.iterancestors()):
                self._children(box, depth + 1)

    def _flush(self) -> None:
        self._flow.lines("\n".join(self._lines))
        self._lines = []


def _paragraph(element: etree._Element) -> str:
    """The text of a paragraph; a page break is a form feed, a line break a line feed."""
    out: list[str] = []
    if (style := element.find(f"{W}pPr")) is not None:
        if (breaks := style.find(f"{W}pageBreakBefore")) is not None and breaks.get(f"{W}val") not in {
            "0",
            "false",
        }:
            out.append(PAGE)
        if style.find(f"{W}numPr") is not None:
            out.append("• ")
    _runs(element, out, 0)
    return "".join(out)


def _runs(element: etree._Element, out: list[str], depth: int) -> None:
    if depth > DEEPEST:
        return
    for child in element:
        name = local(child)
        if name == "t":
            out.append(child.text or "")
        elif name in {"tab", "ptab"}:
            out.append("\t")
        elif name in {"br", "cr"}:
            out.append(PAGE if child.get(f"{W}type") == "page" else "\n")
        elif name == "noBreakHyphen":
            out.append("-")
        elif name == "sym":
            out.append(" ")
        elif name == "r" and _is_hidden(child):
            continue
        elif name not in LEFT_OUT and name not in {"txbxContent", "p"}:
            _runs(child, out, depth + 1)


def _is_hidden(run: etree._Element) -> bool:
    style = run.find(f"{W}rPr")
    mark = style.find(f"{W}vanish") if style is not None else None
    return mark is not None and mark.get(f"{W}val") not in {"0", "false"}


def _table(element: etree._Element) -> tuple[list[list[list[Token]]], int]:
    """The rows of a table; a table in a cell becomes words of that cell."""
    rows: list[list[list[Token]]] = []
    head = 0
    for row in element:
        if local(row) != "tr":
            continue
        cells: list[list[Token]] = []
        for cell in (
            one for child in row for one in ([child] if local(child) == "tc" else child.iter(f"{W}tc"))
        ):
            cells.append(_cell(cell))
            cells += [[] for _ in range(_span(cell) - 1)]
        if row.find(f"{W}trPr/{W}tblHeader") is not None and head == len(rows):
            head += 1
        rows.append(cells)
    return rows, head or head_of(rows)


def _cell(cell: etree._Element) -> list[Token]:
    texts = [_paragraph(one).replace(PAGE, "\n") for one in cell.iter() if local(one) == "p"]
    return tokens_of(" ".join(texts))


def _span(cell: etree._Element) -> int:
    mark = cell.find(f"{W}tcPr/{W}gridSpan")
    said = mark.get(f"{W}val") if mark is not None else None
    return min(100, max(1, int(said))) if said and said.isdecimal() else 1
