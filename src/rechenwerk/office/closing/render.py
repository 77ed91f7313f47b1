"""A document in the form that somebody asked for."""

from __future__ import annotations

from typing import Literal, assert_never

from rechenwerk.ledger.statements import Content
from rechenwerk.office.closing.html import html
from rechenwerk.office.closing.pdf import pdf
from rechenwerk.office.closing.words import Language, Words
from rechenwerk.office.closing.xlsx import xlsx


def render(content: Content, language: Language, sha256: str, form: Literal["html", "pdf", "xlsx"]) -> bytes:
    """The document's bytes; the same content gives the same bytes.

    Args:
        content: what it says.
        language: of the words around it.
        sha256: of the content, in hexadecimal; printed on it.
        form: what it is rendered as.
    """
    words = Words(language)
    match form:
        case "html":
            return html(content, words, sha256)
        case "pdf":
            return pdf(content, words, sha256)
        case "xlsx":
            return xlsx(content, words, sha256)
        case _ as never:
            assert_never(never)
