"""An invoice whose every figure is known: how it is drawn from chance, and its sums."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from bench.documents.invented import GOODS, REDUCED, Party, customer, firm

CENT = Decimal("0.01")
Kind = Literal["invoice", "credit", "reverse", "small", "part"]


def cents(amount: Decimal) -> Decimal:
    """Rounded to cents as merchants do."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Item:
    number: str
    text: str
    quantity: Decimal
    unit: str
    price: Decimal
    rate: Decimal
    discount: Decimal = Decimal(0)

    @property
    def amount(self) -> Decimal:
        return cents(self.quantity * self.price * (100 - self.discount) / 100)


@dataclass(frozen=True)
class Terms:
    """When it is to be paid: `style` says how the document says it."""

    style: Literal["date", "days", "at once", "none", "both"]
    days: int = 14
    skonto: Decimal = Decimal(0)
    skonto_days: int = 0


@dataclass(frozen=True)
class Invoice:
    """Everything that the document says."""

    name: str
    language: Literal["de", "en"]
    kind: Kind
    currency: str
    number: str
    date: dt.date
    supplier: Party
    customer: Party
    items: tuple[Item, ...]
    terms: Terms
    delivery: dt.date | None = None
    period: tuple[dt.date, dt.date] | None = None
    allowance: Decimal = Decimal(0)
    shipping: Decimal = Decimal(0)
    prepaid: Decimal = Decimal(0)
    order: str = ""
    customer_number: str = ""
    buyer_vat: bool = False

    @property
    def due(self) -> dt.date | None:
        if self.terms.style == "none":
            return None
        return self.date + dt.timedelta(days=0 if self.terms.style == "at once" else self.terms.days)

    @property
    def goods(self) -> Decimal:
        """The items' sum before discount and shipping."""
        return sum((item.amount for item in self.items), Decimal(0))

    @property
    def rebate(self) -> Decimal:
        return cents(self.goods * self.allowance / 100)

    @property
    def bases(self) -> dict[Decimal, Decimal]:
        """Net per rate; discount shared by weight (the remainder in the last), shipping in the highest."""
        sums: dict[Decimal, Decimal] = {}
        for item in self.items:
            sums[item.rate] = sums.get(item.rate, Decimal(0)) + item.amount
        rates = sorted(sums, reverse=True)
        left = self.rebate
        for rate in rates[1:]:
            part = cents(sums[rate] * self.allowance / 100)
            sums[rate] -= part
            left -= part
        sums[rates[0]] += self.shipping - left
        return {rate: sums[rate] for rate in rates}

    @property
    def taxes(self) -> dict[Decimal, Decimal]:
        return {rate: cents(base * rate / 100) for rate, base in self.bases.items()}

    @property
    def net(self) -> Decimal:
        return sum(self.bases.values(), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return sum(self.taxes.values(), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


def half(name: str) -> str:
    """The half of the set that a document belongs to, by its name and nothing else."""
    return "tuning" if hashlib.sha256(name.encode()).digest()[0] % 2 else "held"


def numbers(chance: random.Random, date: dt.date) -> str:
    """An invoice number in one of many fashions."""
    running = chance.randrange(1, 99999)
    return chance.choice(
        (
            f"{date.year}-{running:04d}",
            f"RE-{date.year}-{running:05d}",
            f"RE{date:%y%m}{running:04d}",
            f"{running:06d}",
            f"R{date:%y}/{running}",
            f"{date:%Y%m%d}-{running % 100:02d}",
            f"AR {running:06d}",
            f"{chance.randrange(10, 99)}.{running:05d}",
            f"INV-{running:05d}",
            f"{running}/{date.year}",
            f"9{running:09d}",
            f"K{chance.randrange(100, 999)}-{running:04d}",
        )
    )


def items(chance: random.Random, kind: Kind, language: str, count: int) -> tuple[Item, ...]:
    """Goods and services; untaxed where the kind of invoice wants it."""
    mixed = kind in {"invoice", "credit"} and chance.random() < 0.3
    found = []
    for position in range(count):
        reduced = mixed and (position == 0 or chance.random() < 0.4)
        german, unit, english = chance.choice(REDUCED if reduced else GOODS)
        units = {"Stück": "pcs", "Std.": "h", "Monat": "month", "Tag": "day", "PT": "days", "psch.": "flat"}
        whole = chance.random() < 0.75
        quantity = Decimal(chance.randrange(1, 40)) if whole else Decimal(chance.randrange(25, 9900)) / 100
        if unit == "psch.":
            quantity = Decimal(1)
        price = Decimal(chance.randrange(99, 30000)) / 100
        if chance.random() < 0.12:
            price *= chance.randrange(10, 80)
        untaxed = kind in {"reverse", "small"}
        found.append(
            Item(
                number=f"{chance.randrange(1000, 99999)}" if chance.random() < 0.7 else f"A-{position + 101}",
                text=german if language == "de" else english,
                quantity=quantity,
                unit=unit if language == "de" else units.get(unit, "pcs"),
                price=cents(price),
                rate=Decimal(0) if untaxed else Decimal(7 if reduced else 19),
                discount=Decimal(chance.choice((5, 10, 15))) if chance.random() < 0.07 else Decimal(0),
            )
        )
    if mixed and all(item.rate == 7 for item in found):
        german, unit, english = GOODS[4]
        found.append(Item("900", german if language == "de" else english, Decimal(1), unit, Decimal("39.00"),
                          Decimal(19)))  # fmt: skip
    return tuple(found)


def terms(chance: random.Random) -> Terms:
    drawn = chance.random()
    style: Literal["date", "days", "at once", "none", "both"] = "date"
    if drawn < 0.35:
        style = "days"
    elif drawn < 0.45:
        style = "both"
    elif drawn < 0.52:
        style = "at once"
    elif drawn < 0.62:
        style = "none"
    days = chance.choice((7, 10, 14, 14, 21, 30, 30, 45, 60))
    if style in {"days", "date", "both"} and chance.random() < 0.3 and days > 10:
        return Terms(style, days, Decimal(chance.choice((2, 2, 3))), chance.choice((5, 7, 8, 10)))
    return Terms(style, days)


@dataclass(frozen=True)
class Shape:
    """What the first draws decide, before the parties."""

    kind: Kind
    language: Literal["de", "en"]
    currency: str
    count: int
    picked: random.Random = field(repr=False)


def shape(name: str, seed: int) -> Shape:
    chance = random.Random(f"invoice {seed} {name}")
    drawn = chance.random()
    kinds: tuple[tuple[float, Kind], ...] = (
        (0.07, "credit"),
        (0.15, "reverse"),
        (0.23, "small"),
        (0.28, "part"),
    )
    kind: Kind = next((kind for bound, kind in kinds if drawn < bound), "invoice")
    language: Literal["de", "en"] = "en" if chance.random() < (0.5 if kind == "reverse" else 0.12) else "de"
    currency = chance.choice(("CHF", "USD", "GBP")) if chance.random() < 0.07 else "EUR"
    count = chance.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 11, 16, 27, 44))
    return Shape(kind, language, currency, count, chance)


def invoice(name: str, seed: int) -> Invoice:
    """The invoice of this name; the same for ever."""
    drawn = shape(name, seed)
    chance = drawn.picked
    date = dt.date(2024, 1, 2) + dt.timedelta(days=chance.randrange(700))
    supplier = firm(chance, accounts=chance.choice((1, 1, 1, 2, 3)))
    delivery, period = None, None
    when = chance.random()
    if when < 0.5:
        delivery = date - dt.timedelta(days=chance.randrange(0, 25))
    elif when < 0.8:
        last = date.replace(day=1) - dt.timedelta(days=1)
        period = (last.replace(day=1), last)
        if chance.random() < 0.5:
            first = date - dt.timedelta(days=chance.randrange(20, 60))
            period = (first, first + dt.timedelta(days=chance.randrange(3, 19)))
    rows = items(chance, drawn.kind, drawn.language, drawn.count)
    made = Invoice(
        name=name,
        language=drawn.language,
        kind=drawn.kind,
        currency=drawn.currency,
        number=numbers(chance, date),
        date=date,
        supplier=supplier,
        customer=customer(chance, foreign=drawn.kind == "reverse"),
        items=rows,
        terms=terms(chance) if drawn.kind != "credit" else Terms("none"),
        delivery=delivery,
        period=period,
        allowance=Decimal(chance.choice((2, 3, 5, 10))) if chance.random() < 0.12 else Decimal(0),
        shipping=Decimal(chance.choice(("4.90", "6.50", "12.00", "49.00")))
        if chance.random() < 0.2
        else Decimal(0),
        order=f"{chance.choice(('B', 'PO-', '45000', 'Best-'))}{chance.randrange(1000, 99999)}",
        customer_number=f"{chance.choice(('', 'K-', 'D'))}{chance.randrange(10000, 99999)}",
        buyer_vat=drawn.kind == "reverse" or chance.random() < 0.25,
    )
    if drawn.kind == "part" or chance.random() < 0.05:
        paid = cents(made.total * Decimal(chance.randrange(2, 8)) / 10)
        return replace(made, prepaid=paid)
    return made
