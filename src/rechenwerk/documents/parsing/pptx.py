"""PPTX: a slide is a page; shapes from top to bottom, tables, notes of the speaker."""

from __future__ import annotations

from lxml import etree

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.grids import head_of
from rechenwerk.documents.parsing.parts import Parts, local, opened
from rechenwerk.documents.parsing.writing import Token, tokens_of

RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
SHAPES = frozenset(["sp", "graphicFrame", "grpSp", "cxnSp", "pic"])
STEP = 100_000
"""EMU (a tenth of an inch) within which shapes stand on one height."""
DEEPEST = 20


def pptx_reader(data: bytes, limits: Limits) -> FlowReader:
    """A presentation."""
    parts, flow = opened(data, limits)
    main = parts.main("ppt/presentation.xml")
    related = parts.relations(main)
    hidden = 0
    for one in parts.xml_of(main).iter():
        if local(one) != "sldId":
            continue
        kind, name = related.get(one.get(RELATION) or one.get(STRICT_RELATION) or "", ("", ""))
        if kind != "slide" or name not in parts.names:
            continue
        try:
            hidden += not _slide(parts, name, flow)
        except RefusedError as why:
            flow.break_page(fault=str(why))
    if hidden:
        flow.faults.append(f"{hidden} hidden slides were not read")
    return flow.reader()


def _slide(parts: Parts, name: str, flow: Flow) -> bool:
    """Write a slide; whether it is shown at all."""
    root = parts.xml_of(name)
    if root.get("show") == "0":
        return False
    flow.break_page()
    tree = next((one for one in root.iter() if local(one) == "spTree"), None)
    if tree is not None:
        _shapes(tree, flow, 0)
    for kind, notes in parts.relations(name).values():
        if kind == "notesSlide" and notes in parts.names:
            for shape in parts.xml_of(notes).iter():
                if local(shape) == "sp" and _holder(shape) == "body":
                    flow.lines("\n\n" + _text(shape))
    return True


def _shapes(tree: etree._Element, flow: Flow, depth: int) -> None:
    if depth > DEEPEST:
        return
    shapes = [one for one in tree if local(one) in SHAPES]
    for shape in sorted(shapes, key=_place):
        if local(shape) == "grpSp":
            _shapes(shape, flow, depth + 1)
        elif (table := next((one for one in shape.iter() if local(one) == "tbl"), None)) is not None:
            rows = [
                [_cell(cell) for cell in row if local(cell) == "tc"] for row in table if local(row) == "tr"
            ]
            flow.table(rows, head_of(rows))
        elif _holder(shape) not in {"sldNum", "ftr", "dt"}:
            flow.lines(_text(shape))


def _place(shape: etree._Element) -> tuple[int, int, int]:
    """Titles first, then by height, then from the left; a shape without a place stands near the top."""
    first = 0 if _holder(shape) in {"title", "ctrTitle"} else 1
    spot = next((one for one in shape.iter() if local(one) == "off"), None)
    if spot is None:
        return (first, 0, 0)
    x, y = (spot.get("x") or "0"), (spot.get("y") or "0")
    try:
        return (first, int(y) // STEP, int(x))
    except ValueError:
        return (first, 0, 0)


def _holder(shape: etree._Element) -> str:
    one = next((item for item in shape.iter() if local(item) == "ph"), None)
    return (one.get("type") or "body") if one is not None else ""


def _text(shape: etree._Element) -> str:
    return "\n".join(_line(one) for one in shape.iter() if local(one) == "p")


def _line(paragraph: etree._Element) -> str:
    out = []
    for one in paragraph.iter():
        name = local(one)
        if name == "t":
            out.append(one.text or "")
        elif name == "br":
            out.append("\n")
        elif name == "tab":
            out.append("\t")
    return "".join(out)


def _cell(cell: etree._Element) -> list[Token]:
    return tokens_of(_text(cell))
