"""German pages whose words are known: set in several fonts, rendered, then treated as a scanner treats paper.

The same seed gives the same page. Nothing of the parser is imported here.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pypdfium2
from fpdf import FPDF
from PIL import Image, ImageFilter

DPI = 200
A4 = (210.0, 297.0)
CORE = ("Helvetica", "Times", "Courier")
EMBEDDED = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")
SUBJECTS = [
    "Die Stadtverwaltung",
    "Der Auftragnehmer",
    "Das Rechenzentrum",
    "Die Gesellschaft",
    "Der Vermieter",
    "Die Käuferin",
    "Das Ministerium",
    "Der Vorstand",
    "Die Prüfstelle",
    "Der Großhändler",
    "Das Ingenieurbüro",
    "Die Versicherung",
]
VERBS = [
    "übernimmt",
    "bestätigt",
    "kündigt",
    "vereinbart",
    "prüft",
    "liefert",
    "verlängert",
    "genehmigt",
    "veröffentlicht",
    "beauftragt",
    "berechnet",
    "erstattet",
    "überweist",
    "verpflichtet",
    "ermäßigt",
]
OBJECTS = [
    "die Wartung der Heizungsanlage",
    "den Vertrag über Rechenleistung",
    "die ausstehenden Gebühren",
    "die Lieferung der Bürostühle",
    "das Angebot für die Straßenreinigung",
    "die Mängel am Gebäude",
    "den Zuschuss zur Wärmepumpe",
    "die Übergabe der Schlüssel",
    "das Gutachten über die Brücke",
    "die Änderung des Bebauungsplans",
    "den Jahresabschluss der Genossenschaft",
    "die Prämie für das Quartal",
]
TAILS = [
    "ohne Abzug",
    "nach Rücksprache mit dem Fachbereich",
    "bis auf Weiteres",
    "gemäß § 14 der Satzung",
    "zuzüglich der gesetzlichen Umsatzsteuer",
    "unter dem Vorbehalt der Zustimmung",
    "für die Dauer von drei Jahren",
    "spätestens zum Monatsende",
    "auf Grundlage der Ausschreibung",
    "einschließlich der Nebenkosten",
]
NAMES = [
    "Müller",
    "Schröder",
    "Weiß",
    "Jäger",
    "Böhm",
    "Krüger",
    "Groß",
    "Köhler",
    "Schäfer",
    "Günther",
    "Strauß",
    "Lüders",
]
TOWNS = [
    "Nürnberg",
    "Köln",
    "Düsseldorf",
    "Osnabrück",
    "Gießen",
    "Würzburg",
    "Görlitz",
    "Mönchengladbach",
    "Lüneburg",
    "Füssen",
]


@dataclass(frozen=True)
class Scan:
    """A page as a scanner gives it, and the words that stand on it.

    Args:
        image: gray PNG at 200 dpi.
        words: in the order in which they were set.
        font, angle, noise: how it was made.
    """

    image: bytes
    words: tuple[str, ...]
    font: str
    angle: float
    noise: float


def money(chance: random.Random) -> str:
    """'12.345,67 EUR'."""
    amount = f"{chance.randrange(100, 99_999_999) / 100:,.2f}".translate(str.maketrans(",.", ".,"))
    return f"{amount} {chance.choice(('EUR', '€'))}"


def day(chance: random.Random) -> str:
    """'03.04.2025'."""
    return f"{chance.randrange(1, 29):02d}.{chance.randrange(1, 13):02d}.{chance.randrange(2019, 2027)}"


def sentence(chance: random.Random) -> str:
    """A sentence of an office."""
    kind = chance.randrange(5)
    subject, verb, thing = chance.choice(SUBJECTS), chance.choice(VERBS), chance.choice(OBJECTS)
    tail = chance.choice(TAILS)
    if kind == 0:
        return f"{subject} {verb} am {day(chance)} {thing} {tail}."
    if kind == 1:
        return f"{subject} {verb} {thing} für {money(chance)} {tail}."
    if kind == 2:
        name, town = chance.choice(NAMES), chance.choice(TOWNS)
        return f"Frau {name} aus {town} {verb} {thing} unter der Nummer {chance.randrange(10**6, 10**7)}."
    if kind == 3:
        return f"{subject} {verb} {tail} {thing}; {chance.randrange(2, 99)} % davon trägt der Bund."
    return f"Sehr geehrter Herr {chance.choice(NAMES)}, {subject[0].lower()}{subject[1:]} {verb} {thing}."


def text_pages(pages: int, seed: int, words: int = 450) -> bytes:
    """A digital PDF of so many pages of running text with about so many words each."""
    chance = random.Random(seed)
    pdf = FPDF()
    pdf.set_auto_page_break(auto=False)
    for number in range(pages):
        pdf.add_page()
        pdf.set_font(CORE[number % 2], size=10)
        left = words
        while left > 0 and pdf.get_y() < 265:
            paragraph = " ".join(sentence(chance) for _ in range(4))
            left -= len(paragraph.split())
            pdf.multi_cell(0, 5, paragraph.replace("€", "EUR"))
            pdf.ln(2)
    return bytes(pdf.output())


def page(seed: int) -> tuple[bytes, tuple[str, ...], str]:
    """A page as PDF, its words, its font: letterhead, text, a small table, text."""
    chance = random.Random(seed)
    font = (CORE + EMBEDDED)[seed % 7]
    pdf = FPDF()
    pdf.set_auto_page_break(auto=False)
    pdf.set_margins(22, 20, 20)
    pdf.add_page()
    if font in EMBEDDED:
        pdf.add_font(font, fname=str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"))
    size = chance.choice((9.5, 10, 11, 12))
    pdf.set_font(font, size=size)
    words: list[str] = []

    def write(text: str, height: float = 0.5) -> None:
        text = text.replace("€", "EUR") if font in CORE else text
        words.extend(text.split())
        pdf.multi_cell(0, size * height, text, align="L", new_x="LMARGIN", new_y="NEXT")

    write(f"{chance.choice(NAMES)} & {chance.choice(NAMES)} GmbH")
    write(f"{chance.choice(TOWNS)}, den {day(chance)}")
    pdf.ln(8)
    for _ in range(chance.randrange(2, 5)):
        write(" ".join(sentence(chance) for _ in range(chance.randrange(2, 5))))
        pdf.ln(3)
    for _ in range(chance.randrange(3, 8)):
        row: tuple[str, ...] = (
            str(chance.randrange(1, 99)),
            chance.choice(OBJECTS).split(" ", 1)[1],
            money(chance),
        )
        row = tuple(cell.replace("€", "EUR") for cell in row) if font in CORE else row
        words.extend(" ".join(row).split())
        for width, cell, align in zip((15, 105, 45), row, "RLR", strict=True):
            pdf.cell(width, size * 0.55, cell, align=align)
        pdf.ln(size * 0.55)
    pdf.ln(4)
    while pdf.get_y() < 240:
        write(" ".join(sentence(chance) for _ in range(chance.randrange(2, 5))))
        pdf.ln(3)
    return bytes(pdf.output()), tuple(words), font


def scan(seed: int) -> Scan:
    """A page as it comes from a scanner: a little askew, noisy, soft, through JPEG."""
    data, words, font = page(seed)
    chance = random.Random(seed + 1_000_000)
    with pypdfium2.PdfDocument(data) as document:
        image = document[0].render(scale=DPI / 72, grayscale=True).to_pil()
    angle = chance.uniform(-1.5, 1.5)
    image = image.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255)
    image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.0, 0.7)))
    noise = chance.uniform(0, 14)
    pixels = np.asarray(image, dtype=np.float32)
    grain = np.random.default_rng(seed).normal(0, noise, pixels.shape)
    paper = chance.uniform(0.9, 1.0)
    image = Image.fromarray(np.clip(pixels * paper + grain, 0, 255).astype(np.uint8))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=chance.randrange(60, 90))
    png = io.BytesIO()
    Image.open(out).save(png, "PNG", dpi=(DPI, DPI), compress_level=1)
    return Scan(png.getvalue(), words, font, angle, noise)
