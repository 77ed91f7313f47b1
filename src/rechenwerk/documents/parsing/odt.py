"""ODT: paragraphs, lists, tables, notes, headers and footers. Deleted text of tracked changes is left out."""

from __future__ import annotations

from lxml import etree

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.grids import head_of
from rechenwerk.documents.parsing.parts import Parts, local, opened
from rechenwerk.documents.parsing.writing import Token, tokens_of

TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
LEFT_OUT = frozenset(
    ["tracked-changes", "annotation", "ruby-text", "sequence-decls", "forms", "variable-decls"]
)
PROPERTIES = (
    ("title", "title"),
    ("initial-creator", "author"),
    ("creator", "author"),
    ("subject", "subject"),
)
MOST_REPEATED = 100
DEEPEST = 60


def odt_reader(data: bytes, limits: Limits) -> FlowReader:
    """A text of OpenDocument."""
    parts, flow = opened(data, limits)
    if "META-INF/manifest.xml" in parts.names and b"encryption-data" in parts.bytes_of(
        "META-INF/manifest.xml"
    ):
        raise RefusedError("locked")
    _properties(parts, flow)
    content = parts.xml_of("content.xml")
    body = content.find(f".//{OFFICE}text")
    if body is None:
        raise RefusedError("corrupt", what="no text in it")
    headers, footers = _margins(parts)
    flow.lines("\n".join(headers))
    _Walk(flow, _breaking(content)).whole(body)
    flow.lines("\n".join(footers))
    return flow.reader()


def _properties(parts: Parts, flow: Flow) -> None:
    if "meta.xml" not in parts.names:
        return
    try:
        meta = parts.xml_of("meta.xml")
    except RefusedError:
        return
    said = {local(one): one.text for one in meta.iter() if one.text}
    for theirs, ours in PROPERTIES:
        if text := said.get(theirs):
            flow.properties.setdefault(ours, text)
    if day := said.get("creation-date"):
        flow.properties["date"] = day[:10]


def _margins(parts: Parts) -> tuple[list[str], list[str]]:
    """Lines of headers and of footers."""
    if "styles.xml" not in parts.names:
        return [], []
    styles = parts.xml_of("styles.xml")
    found = []
    for kind in ("header", "footer"):
        lines = [_inner(line) for one in styles.iter(f"{STYLE}{kind}") for line in one.iter(f"{TEXT}p")]
        found.append(list(dict.fromkeys(line for line in lines if line.strip())))
    return found[0], found[1]


def _breaking(content: etree._Element) -> frozenset[str]:
    """Names of the styles that begin a page."""
    return frozenset(
        style.get(f"{STYLE}name") or ""
        for style in content.iter(f"{STYLE}style")
        for one in style.iter(f"{STYLE}paragraph-properties", f"{STYLE}table-properties")
        if one.get(f"{FO}break-before") == "page" or style.get(f"{STYLE}master-page-name")
    )


class _Walk:
    def __init__(self, flow: Flow, breaking: frozenset[str]) -> None:
        self._flow = flow
        self._breaking = breaking
        self._lines: list[str] = []

    def whole(self, body: etree._Element) -> None:
        """The whole text."""
        self._children(body, 0)
        self._flush()

    def _children(self, element: etree._Element, depth: int) -> None:
        if depth > DEEPEST:
            raise RefusedError("corrupt", what="nested too deeply")
        for child in element:
            name = local(child)
            if name in LEFT_OUT:
                continue
            style = child.get(f"{TEXT}style-name") or child.get(f"{TABLE}style-name") or ""
            if style in self._breaking and name in {"p", "h", "table"}:
                self._flush()
                self._flow.break_page()
            if name in {"p", "h"}:
                bullet = "• " if local(element) == "list-item" else ""
                self._lines.append(bullet + _inner(child))
            elif name == "table":
                self._flush()
                self._flow.table(*_table(child))
            else:
                self._children(child, depth + 1)

    def _flush(self) -> None:
        self._flow.lines("\n".join(self._lines))
        self._lines = []


def _inner(element: etree._Element, depth: int = 0) -> str:
    """The text of a paragraph; of a frame in it too."""
    if depth > DEEPEST:
        return ""
    out = [element.text or ""]
    for child in element:
        name = local(child)
        if name == "s":
            out.append(" ")
        elif name == "tab":
            out.append("\t")
        elif name == "line-break":
            out.append("\n")
        elif name == "note":
            out.append(" ")
            out.append(_inner(child, depth + 1))
        elif name not in LEFT_OUT and name != "soft-page-break":
            out.append(_inner(child, depth + 1))
            if name == "p":
                out.append("\n")
        out.append(child.tail or "")
    return "".join(out)


def _table(table: etree._Element) -> tuple[list[list[list[Token]]], int]:
    rows: list[list[list[Token]]] = []
    head = 0
    for row in table.iter(f"{TABLE}table-row"):
        cells: list[list[Token]] = []
        for cell in row:
            if local(cell) not in {"table-cell", "covered-table-cell"}:
                continue
            words = tokens_of(" ".join(_inner(one) for one in cell.iter(f"{TEXT}p", f"{TEXT}h")))
            said = cell.get(f"{TABLE}number-columns-repeated") or "1"
            repeated = min(MOST_REPEATED, int(said)) if said.isdecimal() and len(said) < 8 else 1
            cells += [words, *([list(words) for _ in range(repeated - 1)])]
        parent = row.getparent()
        if parent is not None and local(parent) == "table-header-rows":
            head += 1
        rows.append(cells)
    return rows, head or head_of(rows)
