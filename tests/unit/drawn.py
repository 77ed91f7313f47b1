"""Documents drawn as text: blanks are space on the page, as a PDF or a scan would give them."""

from __future__ import annotations

import re

from rechenwerk.documents.values import Box, Page, Parsed, Word

WIDTH, HEIGHT = 6.0, 12.0


def drawn(
    drawing: str, *, language: str = "de", pages_have_boxes: bool = True, source: str = "digital"
) -> Parsed:
    """A document as it is read from a page that looks like the drawing.

    Args:
        drawing: lines of text; three blanks and more are a gap between columns; '=====' begins a page;
            a word with '~' before it was recognised with little confidence.
        language: of the document.
        pages_have_boxes: False for formats without pages, such as mails.
        source: of its pages.
    """
    text, words, pages = "", [], []
    sheets = re.split(r"\n=====+\n", drawing.strip("\n"))
    for number, sheet in enumerate(sheets, 1):
        begin = len(text)
        lines = sheet.split("\n")
        for row, line in enumerate(lines):
            for found in re.finditer(r"\S+", line):
                if text and text[-1] not in "\n\f":
                    text += " "
                word = found[0].lstrip("~")
                box = Box(found.start() * WIDTH, row * HEIGHT, found.end() * WIDTH, row * HEIGHT + 10)
                confidence = 40 if found[0].startswith("~") else 100
                words.append(
                    Word(
                        len(text),
                        len(text) + len(word),
                        number,
                        box if pages_have_boxes else None,
                        confidence,
                    )
                )
                text += word
            text += "\n"
        height = len(lines) * HEIGHT if pages_have_boxes else 0.0
        pages.append(Page(number, begin, len(text), 100 * WIDTH if height else 0.0, height, source))
        if number < len(sheets):
            text += "\f"
    return Parsed("pdf" if pages_have_boxes else "txt", text, tuple(pages), tuple(words), (), language)
