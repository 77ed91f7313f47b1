"""Invoices whose content is known: PDFs in varied layouts, digital and scanned, with the truth inside.

    python -m bench.documents.invoices FOLDER [--count 240]    # writes them to look at

The same name gives the same invoice. What a document says (`said`) is noted while it is drawn: not every
value of the XML is printed on every invoice, and some only follow from words ('zahlbar in 14 Tagen').
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter
from rich.progress import track

from bench.documents import invoice_body as body
from bench.documents import invoice_head as head
from bench.documents.invoice_sheet import Sheet
from bench.documents.invoice_style import Style, drawn
from bench.documents.invoice_truth import Invoice, half, invoice
from bench.documents.invoice_xml import embedded, read, written

SEED = 2026
ALL = 240
ROUTINE = 60
SCANNED = 0.15
DPI = 200


@dataclass(frozen=True)
class Document:
    """An invoice as a file, and the truth about it.

    Args:
        name: 'invoice-017', without suffix.
        data: the PDF, with the XML attached.
        said: what the document says, by field; a field that is not there is not said.
        derived: fields that are said only in words from which they follow.
        half: 'tuning' or 'held'.
        scanned: whether it has no text layer.
        style: how it looks.
    """

    name: str
    data: bytes
    said: dict[str, Any]
    derived: frozenset[str]
    half: str
    scanned: bool
    style: Style
    made: Invoice


def page(made: Invoice, style: Style, seed: int) -> Sheet:
    """The invoice drawn; the order of drawing varies, as it does between programs."""
    sheet = Sheet(made, style, seed)
    sheet.foot = head.foot_blocks(sheet)
    foot_first = sheet.draws(0.3)
    if foot_first:
        head.footer(sheet, sheet.foot)
    head.letterhead(sheet)
    head.addresses(sheet)
    if sheet.draws(0.5) and style.info not in {"right", "boxed right", "right stacked", "left"}:
        head.title(sheet)
        head.info(sheet)
    else:
        head.info(sheet)
        head.title(sheet)
    sheet.y = max(sheet.y, 84.0)
    body.intro(sheet)
    if sheet.draws(0.3):
        head.performed(sheet)
    if not foot_first:
        head.footer(sheet, sheet.foot)
    body.table(sheet)
    body.totals(sheet)
    if sheet.y > body.END - 32:
        body.turn(sheet)
    parts = [body.bank, body.terms] if style.terms == "before bank" else [body.terms, body.bank]
    for part in (*parts, head.performed, body.closing):
        part(sheet)
    return sheet


def scanned(pdf: bytes, name: str, seed: int) -> bytes:
    """The same pages as a scanner leaves them: an image each, askew, grey, blurred, noisy."""
    chance = random.Random(f"scan {seed} {name}")
    noise = np.random.default_rng(
        int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big")
    )
    pages = []
    for one in pypdfium2.PdfDocument(pdf):
        image = one.render(scale=DPI / 72, grayscale=True).to_pil().convert("L")
        image = image.rotate(chance.uniform(-0.9, 0.9), resample=Image.Resampling.BICUBIC, fillcolor=255)
        image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 0.8)))
        grey = np.asarray(image, dtype=np.float32)
        speckle = noise.normal(0, chance.uniform(2, 7), grey.shape).astype(np.float32)
        grey = 18 + grey * np.float32(chance.uniform(0.86, 0.92)) + speckle
        kept = io.BytesIO()
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(
            kept, "JPEG", quality=chance.choice((60, 75, 85))
        )
        pages.append(Image.open(io.BytesIO(kept.getvalue())))
    out = io.BytesIO()
    pages[0].save(out, "PDF", resolution=DPI, save_all=True, append_images=pages[1:])
    return out.getvalue()


def document(number: int, seed: int = SEED) -> Document:
    """The invoice of this number."""
    name = f"invoice-{number:03d}"
    made = invoice(name, seed)
    style = drawn(made, seed)
    sheet = page(made, style, seed)
    pdf = bytes(sheet.pdf.output())
    as_scan = random.Random(f"kind {seed} {name}").random() < SCANNED
    if as_scan:
        pdf = scanned(pdf, name, seed)
    said = {field: value for field, value in sheet.printed.items() if value is not None}
    data = embedded(pdf, written(made))
    return Document(name, data, said, frozenset(sheet.derived), half(name), as_scan, style, made)


def documents(count: int = ALL, seed: int = SEED) -> Iterator[Document]:
    """The first so many."""
    return (document(number, seed) for number in range(count))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.documents.invoices")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=ALL)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for one in track(documents(asked.count, asked.seed), "drawing", total=asked.count):
        (asked.folder / f"{one.name}.pdf").write_bytes(one.data)
        truth = {"said": one.said, "derived": sorted(one.derived), "half": one.half, "scanned": one.scanned,
                 "xml": read(written(one.made))}  # fmt: skip
        text = json.dumps(truth, ensure_ascii=False, indent=1)
        (asked.folder / f"{one.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
