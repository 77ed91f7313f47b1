"""HTML: what a reader sees; scripts, styles and hidden parts dropped, tables kept, nothing fetched."""

from __future__ import annotations

from lxml import etree

from rechenwerk.documents.intake.encodings import decode
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.grids import head_of
from rechenwerk.documents.parsing.writing import Token, tokens_of

DROPPED = frozenset(
    ["script", "style", "noscript", "template", "head", "svg", "math", "object", "embed", "iframe", "select"]
)
BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
SPACED = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "p", "blockquote", "section", "article", "table"])
CELLS = frozenset(["td", "th"])
MOST_SPAN = 100


def html_reader(data: bytes, limits: Limits) -> FlowReader:
    """A page of HTML."""
    found = decode(data)
    if found is None:
        raise RefusedError("unknown_kind")
    text = found[0]
    flow = Flow(limits)
    root = _parsed(_said_encoding(data, found[1], text))
    title = root.find(".//title")
    if title is not None and title.text:
        flow.properties["title"] = title.text
    _Walk(flow).whole(root)
    return flow.reader()


def add_html(flow: Flow, text: str) -> None:
    """Write a piece of HTML (the body of a mail) into a document."""
    _Walk(flow).whole(_parsed(text))


def _said_encoding(data: bytes, found: str, text: str) -> str:
    """The text, read as its own <meta charset> says where the bytes alone left a choice."""
    head = data[:2048].lower()
    for mark in (b"charset=", b"encoding="):
        at = head.find(mark)
        if found.startswith("cp") and at >= 0:
            name = (
                head[at + len(mark) :]
                .strip(b"\"' ")
                .split(b'"')[0]
                .split(b"'")[0]
                .split(b">")[0]
                .split(b";")[0]
            )
            try:
                return data.decode(name.decode("ascii").strip())
            except (LookupError, UnicodeDecodeError, ValueError):
                return text
    return text


def _parsed(text: str) -> etree._Element:
    parser = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    # Letters that XML has no place for would end the document early.
    data = text.replace("\0", "").encode("utf-8", errors="replace")
    try:
        root = etree.fromstring(data or b"<p></p>", parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RefusedError("corrupt", what=" ".join(str(error).split())[:80]) from error
    if root is None:
        raise RefusedError("corrupt", what="no HTML")
    return root


class _Walk:
    """Goes through a tree and tells the flow what stands there."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._out: list[str] = []

    def whole(self, root: etree._Element) -> None:
        """Everything below."""
        self._element(root)
        self._flush()

    def _element(self, element: etree._Element) -> None:
        name = element.tag if isinstance(element.tag, str) else ""
        if not name or name in DROPPED or _is_hidden(element):
            return
        if name == "table" and (rows := _rows(element)) is not None:
            self._flush()
            self._flow.table(*rows)
            return
        if name == "br":
            self._out.append("\n")
        elif name in BLOCKS:
            self._break(twice=name in SPACED)
        elif name in CELLS:
            self._out.append(" ")
        if name == "li":
            self._out.append("• ")
        self._text(element.text, kept=name == "pre")
        for child in element:
            self._element(child)
            self._text(child.tail, kept=name == "pre")
        if name in BLOCKS:
            self._break(twice=name in SPACED)

    def _text(self, text: str | None, *, kept: bool) -> None:
        if text:
            self._out.append(text if kept else " ".join(f".{text}.".split())[1:-1])

    def _break(self, *, twice: bool) -> None:
        self._out.append("\n\n" if twice else "\n")

    def _flush(self) -> None:
        self._flow.lines("".join(self._out))
        self._out = []


def _is_hidden(element: etree._Element) -> bool:
    if element.get("hidden") is not None:
        return True
    style = (element.get("style") or "").replace(" ", "").lower()
    return "display:none" in style or "visibility:hidden" in style or "font-size:0" in style.split(";")


def _rows(table: etree._Element) -> tuple[list[list[list[Token]]], int] | None:
    """The rows of a table that holds values; None for one that only arranges other things."""
    if next(table.iterdescendants("table"), None) is not None:
        return None
    rows: list[list[list[Token]]] = []
    head = 0
    for row in table.iterdescendants("tr"):
        cells = [one for one in row if one.tag in CELLS]
        if not cells or _is_hidden(row):
            continue
        if all(cell.tag == "th" for cell in cells) and head == len(rows):
            head += 1
        words: list[list[Token]] = []
        for cell in cells:
            words.append(tokens_of(_inner(cell)))
            words += [[] for _ in range(_span(cell) - 1)]
        rows.append(words)
    if len(rows) < 2 or max(len(row) for row in rows) < 2:
        return None
    return rows, head if 0 < head < len(rows) else head_of(rows)


def _inner(cell: etree._Element) -> str:
    """The text of a cell; its blocks are words apart."""
    out: list[str] = []

    def take(element: etree._Element) -> None:
        name = element.tag if isinstance(element.tag, str) else ""
        if not name or name in DROPPED or _is_hidden(element):
            return
        apart = name in BLOCKS or name == "br"
        out.append(" " if apart else "")
        out.append(element.text or "")
        for child in element:
            take(child)
            out.append(child.tail or "")
        out.append(" " if apart else "")

    take(cell)
    return "".join(out)


def _span(cell: etree._Element) -> int:
    said = cell.get("colspan") or "1"
    return min(MOST_SPAN, max(1, int(said))) if said.isdecimal() and len(said) < 5 else 1
