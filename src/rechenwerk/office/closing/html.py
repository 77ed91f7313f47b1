"""Documents as HTML pages: one file with its own style, ready to print on A4."""

from __future__ import annotations

from importlib import resources

import jinja2

from rechenwerk.ledger.statements import Content
from rechenwerk.office.closing.layout import lay_out
from rechenwerk.office.closing.words import Words


def html(content: Content, words: Words, sha256: str) -> bytes:
    """The page; everything that people wrote is escaped."""
    text = (resources.files("rechenwerk.office.closing") / "statement.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(text).render(sheet=lay_out(content, words, sha256), words=words)
    return page.encode()
