"""Contradictions of a job as a table, a row per document of a side, with what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rechenwerk.documents.clash_ports import Clash
from rechenwerk.documents.office_ports import Table

_GERMAN: Mapping[str, str] = MappingProxyType(
    {
        "Contradictions": "Widersprüche",
        "contradiction": "Widerspruch",
        "who": "wer",
        "what": "was",
        "part": "Teil",
        "from": "von",
        "to": "bis",
        "side": "Aussage",
        "number": "Zahl",
        "upper": "bis Zahl",
        "unit": "Einheit",
        "qualifier": "Zusatz",
        "status": "Stand",
        "document": "Dokument",
        "document id": "Dokument-Nr.",
        "job": "Auftrag",
        "page": "Seite",
        "quote": "Zitat",
        "sentence": "Satz",
        "box": "Rahmen",
        "decision": "Entscheidung",
        "decided by": "entschieden von",
        "decided at": "entschieden am",
        "note": "Bemerkung",
        "open": "offen",
        "gone": "besteht nicht mehr",
        "right": "stimmt",
        "wrong": "stimmt nicht",
        "both": "beides gilt",
    }
)
_COLUMNS = (
    ("contradiction", "number"),
    ("who", "text"),
    ("what", "text"),
    ("part", "text"),
    ("from", "date"),
    ("to", "date"),
    ("side", "number"),
    ("number", "number"),
    ("upper", "number"),
    ("unit", "text"),
    ("qualifier", "text"),
    ("status", "text"),
    ("document id", "number"),
    ("document", "text"),
    ("job", "number"),
    ("page", "number"),
    ("quote", "text"),
    ("sentence", "text"),
    ("box", "text"),
    ("decision", "text"),
    ("decided by", "text"),
    ("decided at", "text"),
    ("note", "text"),
)


def clash_table(clashes: Sequence[Clash], language: str) -> Table:
    """The table, with headings and words in the language."""

    def word(text: str) -> str:
        return _GERMAN.get(text, text) if language == "de" else text

    rows = [
        [*row, word(decision), *who] for clash in clashes for row, decision, who in _rows(clash, language)
    ]
    return Table(
        word("Contradictions"), [word(name) for name, _ in _COLUMNS], [kind for _, kind in _COLUMNS], rows
    )


def _rows(clash: Clash, language: str) -> Iterator[tuple[list[object], str, list[object]]]:
    content = clash.content
    what = content["what_de"] if language == "de" else content["what"]
    decided: list[object] = [clash.by, "" if clash.at is None else clash.at.isoformat()[:16], clash.note]
    for at, side in enumerate(content["sides"]):
        for fact in side["facts"]:
            period = fact["period"] or content["period"] or {}
            row = [
                clash.id,
                content["who"],
                what,
                content["part"],
                period.get("from"),
                period.get("to"),
                at + 1,
                fact["amount"],
                fact["upper"],
                fact["unit"],
                fact["qualifier"],
                fact["status"],
                int(fact["document"]),
                fact["document_name"],
                fact["job"] or clash.job_id,
                fact["page"],
                fact["quote"],
                " ".join(fact["sentence"].split()),
                _box(fact),
            ]
            yield row, _decision(clash, at), decided


def _decision(clash: Clash, side: int) -> str:
    """What was decided about one side."""
    if clash.state == "open":
        return "gone" if clash.gone else "open"
    if clash.state == "both":
        return "both"
    return "right" if clash.side == side else "wrong"


def _box(fact: Mapping[str, Any]) -> str:
    return "; ".join(",".join(f"{edge:g}" for edge in box) for box in fact["boxes"])
