"""How one invoice looks and writes its figures: a combination of choices drawn from its name."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.documents.invoice_words import LABELS, MONTHS

if TYPE_CHECKING:
    import datetime as dt

    from bench.documents.invoice_truth import Invoice

CORE = ("helvetica", "times", "courier")
FONTS = MappingProxyType(
    {
        "DejaVuSans": (
            "matplotlib",
            "mpl-data/fonts/ttf/DejaVuSans.ttf",
            "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf",
        ),
        "DejaVuSerif": (
            "matplotlib",
            "mpl-data/fonts/ttf/DejaVuSerif.ttf",
            "mpl-data/fonts/ttf/DejaVuSerif-Bold.ttf",
        ),
        "DejaVuSansMono": (
            "matplotlib",
            "mpl-data/fonts/ttf/DejaVuSansMono.ttf",
            "mpl-data/fonts/ttf/DejaVuSansMono-Bold.ttf",
        ),
        "Roboto": ("font_roboto", "files/Roboto-Regular.ttf", "files/Roboto-Bold.ttf"),
        "SourceSansPro": (
            "font_source_sans_pro",
            "files/SourceSansPro-Regular.ttf",
            "files/SourceSansPro-Bold.ttf",
        ),
        "SourceSerifPro": (
            "font_source_serif_pro",
            "files/SourceSerifPro-Regular.ttf",
            "files/SourceSerifPro-Bold.ttf",
        ),
        "Caladea": ("font_caladea", "files/Caladea-Regular.ttf", "files/Caladea-Bold.ttf"),
        "Lato": ("font_lato", "files/Lato-Regular.ttf", "files/Lato-Bold.ttf"),
    }
)
WIDE = frozenset({"DejaVuSansMono", "courier", "DejaVuSans", "DejaVuSerif"})
SYMBOLS = MappingProxyType({"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF"})
COLOURS = ((0, 0, 0), (20, 60, 120), (120, 20, 30), (30, 100, 60), (90, 90, 90), (160, 80, 0))


@dataclass(frozen=True)
class Style:
    """The choices; `drawn` makes them, `label`, `money` and the like carry them out."""

    language: str
    currency: str
    font: str
    size: float
    stretch: int
    left: float
    right: float
    colour: tuple[int, int, int]
    head: str
    sender: str
    address: str
    info: str
    colon: str
    upper: bool
    title: str
    columns: str
    rules: str
    joined_unit: bool
    totals: str
    tax_words: int
    symbol: str
    dates: str
    grouped: bool
    footer: str
    bank: str
    iban_groups: bool
    terms: str
    due_in: str
    details: bool
    minus: str
    carried: int
    words: tuple[tuple[str, str], ...]
    page_total: bool

    def label(self, key: str) -> str:
        """The wording that this invoice uses for a field everywhere."""
        text = dict(self.words)[key]
        return text.upper() if self.upper else text

    def with_colon(self, key: str) -> str:
        return self.label(key) + self.colon

    def amount(self, number: Decimal, places: int = 2) -> str:
        """A number without currency."""
        text = f"{abs(number):,.{places}f}"
        if self.currency == "CHF" and self.language == "de":
            text = text.replace(",", "'")
        elif self.language == "de":
            text = text.replace(",", " ").replace(".", ",").replace(" ", ".")
        if not self.grouped:
            mark = {"de": ".", "en": ","}[self.language]
            text = text.replace("'" if self.currency == "CHF" and self.language == "de" else mark, "")
        if number < 0:
            return f"{text}-" if self.minus == "after" else f"-{text}"
        return text

    def money(self, number: Decimal) -> str:
        """An amount with its currency where this invoice writes it."""
        text, sign = self.amount(number), SYMBOLS[self.currency]
        if self.font in CORE and sign == "€":
            sign = "EUR"
        return {
            "after": f"{text} {sign}",
            "code after": f"{text} {self.currency}",
            "code before": f"{self.currency} {text}",
            "before": f"{sign} {text}" if self.language == "de" or sign == "CHF" else f"{sign}{text}",
            "none": text,
        }[self.symbol]

    def quantity(self, number: Decimal) -> str:
        places = 0 if number == number.to_integral_value() else 2
        return self.amount(number, places)

    def percent(self, rate: Decimal) -> str:
        text = self.amount(rate, 2) if self.tax_words % 3 == 2 else self.amount(rate, 0)
        return f"{text}%" if self.tax_words % 2 else f"{text} %"

    def date(self, day: dt.date) -> str:
        """A date; English ones with slashes only where they can be read one way."""
        month = MONTHS[self.language][day.month - 1]
        form = self.dates
        if form == "slash" and day.day <= 12:
            form = "words"
        if form == "words":
            return (
                f"{day.day}. {month} {day.year}" if self.language == "de" else f"{day.day} {month} {day.year}"
            )
        if form == "american":
            return f"{month} {day.day}, {day.year}"
        return {
            "dots": f"{day:%d.%m.%Y}",
            "short": f"{day:%d.%m.%y}",
            "bare": f"{day.day}.{day.month}.{day.year}",
            "iso": f"{day:%Y-%m-%d}",
            "slash": f"{day:%d/%m/%Y}",
            "abbreviated": f"{day.day:02d}-{month[:3]}-{day.year}",
        }[form]

    def period(self, days: tuple[dt.date, dt.date]) -> str:
        """A period from day to day, or by the month's name where it is a whole month."""
        first, last = days
        whole = first.day == 1 and (last - first).days >= 27 and first.month == last.month
        if whole and self.tax_words % 2:
            return f"{MONTHS[self.language][first.month - 1]} {first.year}"
        if self.dates == "dots" and self.tax_words % 3 == 0:
            return f"{first:%d.%m.}-{self.date(last)}" if first.year == last.year else self.range(first, last)
        return self.range(first, last)

    def range(self, first: dt.date, last: dt.date) -> str:
        between = {"de": (" - ", " bis ", "-"), "en": (" - ", " to ", " until ")}[self.language]
        return f"{self.date(first)}{between[self.carried % 3]}{self.date(last)}"

    def iban(self, text: str) -> str:
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4)) if self.iban_groups else text

    def fits(self, text: str) -> str:
        """The text in the letters that the font has."""
        if self.font not in CORE:
            return text
        for mark, plain in (("€", "EUR"), ("\u2013", "-"), ("„", '"'), ("“", '"'), ("”", '"')):
            text = text.replace(mark, plain)
        return text


def files_of(font: str) -> tuple[str, str]:
    package, regular, bold = FONTS[font]
    root = files(package)
    return str(root.joinpath(regular)), str(root.joinpath(bold))


def drawn(made: Invoice, seed: int) -> Style:
    """The style of an invoice."""
    chance = random.Random(f"style {seed} {made.name}")
    pick = chance.choice
    font = pick((*FONTS, *FONTS, *CORE))
    german = made.language == "de"
    dates = (
        pick(("dots", "dots", "dots", "dots", "words", "bare", "short", "iso"))
        if german
        else pick(("words", "american", "abbreviated", "slash", "iso", "dots"))
    )
    address = pick(("left", "left", "left", "right", "labelled", "labelled beside", "from-to"))
    infos = ["right", "right stacked", "below left", "table", "grid", "lines", "boxed right"]
    if address == "right":
        infos = ["left", "table", "grid", "lines", "below left"]
    if address == "from-to":
        infos = ["table", "grid", "lines", "below left", "below right"]
    return Style(
        language=made.language,
        currency=made.currency,
        font=font,
        size=pick((8.0, 8.5, 9.0)) if font in WIDE else pick((9.0, 9.5, 10.0, 10.5)),
        stretch=pick((100, 100, 100, 92)),
        left=pick((18.0, 20.0, 25.0)),
        right=pick((15.0, 18.0, 20.0)),
        colour=pick(COLOURS),
        head=pick(("logo left", "logo right", "centre", "band", "plain right", "plain left", "none")),
        sender=pick((" · ", " | ", " - ", ", ", "none")),
        address=address,
        info=pick(infos),
        colon=pick((":", ":", "", " :")),
        upper=chance.random() < 0.08,
        title=pick(("alone", "alone", "with number", "nr. and date", "small", "none")),
        columns=pick(("full", "no position", "short", "text last", "quantity first", "no number")),
        rules=pick(("grid", "lines", "zebra", "head only", "none", "none")),
        joined_unit=chance.random() < 0.5,
        totals=pick(("right", "right", "wide", "row", "breakdown", "boxed")),
        tax_words=chance.randrange(12),
        symbol=pick(("after", "after", "code after", "code before", "none", "before")),
        dates=dates,
        grouped=chance.random() < 0.85,
        footer=pick(("columns", "columns", "columns", "line", "two lines", "none")),
        bank=pick(("footer", "body", "both", "body lines")),
        iban_groups=chance.random() < 0.7,
        terms=pick(("after totals", "before bank", "box")),
        due_in=pick(("info", "text", "both")),
        details=chance.random() < 0.35,
        minus=pick(("before", "before", "after")),
        carried=chance.randrange(6),
        words=tuple((key, pick(wordings)) for key, wordings in LABELS[made.language].items()),
        page_total=chance.random() < 0.4,
    )
