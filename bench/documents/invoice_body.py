"""The lower part of an invoice: table over pages, sums, terms, bank, notes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bench.documents import invoice_head as head
from bench.documents.invoice_sentences import CARRIED, DETAILS_OF, DUE, INTROS, NOTES, SKONTO, SPECIAL
from bench.documents.invoice_words import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.documents.invoice_sheet import Sheet
    from bench.documents.invoice_truth import Item

END = 252.0
ORDERS = {
    "full": ("position", "number", "text", "quantity", "unit", "price", "discount", "rate", "amount"),
    "no position": ("number", "text", "quantity", "unit", "price", "discount", "rate", "amount"),
    "no number": ("position", "text", "quantity", "unit", "price", "discount", "rate", "amount"),
    "short": ("text", "quantity", "price", "discount", "amount"),
    "text last": ("position", "quantity", "unit", "number", "text", "price", "discount", "rate", "amount"),
    "quantity first": ("quantity", "unit", "text", "price", "discount", "rate", "amount"),
}
SHARES = {
    "position": 8,
    "number": 16,
    "quantity": 14,
    "unit": 12,
    "price": 20,
    "discount": 12,
    "rate": 12,
    "amount": 23,
}
NAMES = {
    "number": "article_number",
    "text": "description",
    "quantity": "quantity",
    "price": "unit_price",
    "rate": "tax_rate",
    "amount": "amount",
}
"""A column's name in the truth."""
RIGHT = frozenset({"quantity", "price", "discount", "rate", "amount"})


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    left: float
    wide: float


def columns(sheet: Sheet) -> list[Column]:
    """The table's columns from left to right with their places."""
    made, style = sheet.made, sheet.style
    keys = list(ORDERS[style.columns])
    if not any(item.discount for item in made.items):
        keys.remove("discount")
    if "rate" in keys and len(made.bases) == 1 and not sheet.draws(0.3):
        keys.remove("rate")
    if "unit" in keys and style.joined_unit:
        keys.remove("unit")
    room = sheet.width - sum(SHARES.get(key, 0) for key in keys)
    left, found = sheet.left, []
    for key in keys:
        wide = SHARES.get(key, room)
        words = sheet.chance.choice(COLUMNS[style.language][key])
        found.append(Column(key, words, left, wide))
        left += wide
    return found


def titles(sheet: Sheet, table: Sequence[Column]) -> None:
    """The table's head."""
    rules = sheet.style.rules
    high = sheet.step() + 1.6
    if rules in {"grid", "zebra"}:
        sheet.box(sheet.left, sheet.y, sheet.width, high, fill=(225, 225, 230))
    for column in table:
        size = sheet.style.size
        while sheet.measure(column.title, size, bold=True) > column.wide - 1.5 and size > 5:
            size -= 0.5
        right = column.key in RIGHT
        x = column.left + (column.wide - 1 if right else 1)
        sheet.text(x, sheet.y + 0.8, column.title, size, bold=True, align="R" if right else "L")
    sheet.y += high
    if rules != "none":
        sheet.rule(sheet.y)
    sheet.y += 0.8


def cell(sheet: Sheet, key: str, position: int, item: Item) -> str:
    style = sheet.style
    sign = -1 if sheet.negative else 1
    return {
        "position": f"{position}",
        "number": item.number,
        "text": item.text,
        "quantity": style.quantity(item.quantity) + (f" {item.unit}" if style.joined_unit else ""),
        "unit": item.unit,
        "price": style.amount(item.price) if style.tax_words % 4 else style.money(item.price),
        "discount": f"{style.amount(item.discount, 0)} %" if item.discount else "",
        "rate": f"{style.amount(item.rate, 0)}{' %' if style.tax_words % 3 else '%'}",
        "amount": style.amount(sign * item.amount)
        if style.tax_words % 4
        else style.money(sign * item.amount),
    }[key]


def text_lines(sheet: Sheet, item: Item, wide: float) -> list[str]:
    """The description with what stands below it."""
    lines = sheet.wrapped(item.text, wide)
    if sheet.style.details and sheet.draws(0.6):
        day = sheet.style.date(sheet.made.date - dt.timedelta(days=sheet.chance.randrange(2, 40)))
        detail = sheet.chance.choice(DETAILS_OF[sheet.style.language])
        lines += sheet.wrapped(detail.format(date=day, number=sheet.chance.randrange(10000, 999999)), wide)
    return lines


def one_row(sheet: Sheet, table: Sequence[Column], position: int, item: Item, lines: list[str]) -> None:
    rules = sheet.style.rules
    high = max(1, len(lines)) * sheet.step() + 1.4
    if rules == "zebra" and position % 2 == 0:
        sheet.box(sheet.left, sheet.y, sheet.width, high, fill=(242, 242, 245))
    for column in table:
        right = column.key in RIGHT
        x = column.left + (column.wide - 1 if right else 1)
        if rules == "grid":
            sheet.box(column.left, sheet.y, column.wide, high)
        if column.key == "text":
            for number, line in enumerate(lines):
                sheet.text(x, sheet.y + 0.6 + number * sheet.step(), line)
            continue
        text = cell(sheet, column.key, position, item)
        size = sheet.style.size
        while sheet.measure(text, size) > column.wide - 1 and size > 5:
            size -= 0.25
        sheet.text(x, sheet.y + 0.6, text, size, align="R" if right else "L")
    sheet.y += high
    if rules == "lines":
        sheet.rule(sheet.y - 0.3, grey=170)


def turn(sheet: Sheet, table: Sequence[Column] | None = None, carried: Decimal | None = None) -> None:
    """The next page, with the sum so far carried over where it is inside the table."""
    style = sheet.style
    before, after = CARRIED[style.language][style.carried % len(CARRIED[style.language])]
    page = sheet.pdf.page_no()
    carries = table is not None and carried is not None and style.carried != 5
    sign = -1 if sheet.negative else 1
    if carries and carried is not None:
        sheet.text(
            sheet.left + 20, sheet.y + 1, before.format(page=page, next=page + 1), bold=style.carried > 2
        )
        sheet.text(sheet.right - 1, sheet.y + 1, style.money(sign * carried), align="R")
    sheet.new_page()
    head.footer(sheet, sheet.foot)
    word = style.label("page")
    sheet.text(sheet.right, 12, f"{word} {page + 1}", align="R")
    if sheet.draws(0.6):
        sheet.text(sheet.left, 12, f"{style.label('invoice_number')}{style.colon} {sheet.made.number}")
    sheet.y = 22.0
    if table is None:
        return
    titles(sheet, table)
    if carries and carried is not None:
        sheet.text(sheet.left + 20, sheet.y, after.format(page=page, next=page + 1), bold=style.carried > 2)
        sheet.text(sheet.right - 1, sheet.y, style.money(sign * carried), align="R")
        sheet.y += sheet.step() + 1.5


def table(sheet: Sheet) -> None:
    """The items, over as many pages as they need."""
    found = columns(sheet)
    titles(sheet, found)
    wide = next(column.wide for column in found if column.key == "text") - 2
    so_far = Decimal(0)
    for position, item in enumerate(sheet.made.items, 1):
        lines = text_lines(sheet, item, wide)
        if sheet.y + (len(lines) + 1) * sheet.step() + 6 > END:
            turn(sheet, found, so_far)
        one_row(sheet, found, position, item, lines)
        so_far += item.amount
    if sheet.style.rules != "none":
        sheet.rule(sheet.y)
    sheet.y += 3
    shown = {column.key for column in found}
    sign = -1 if sheet.negative else 1
    sheet.says("items", [row_truth(item, shown, sign) for item in sheet.made.items])


def row_truth(item: Item, shown: set[str], sign: int) -> dict[str, Any]:
    """What a row says, by the columns that are there."""
    whole = {
        "number": item.number,
        "text": item.text,
        "quantity": str(item.quantity),
        "price": str(item.price),
        "rate": str(item.rate),
        "amount": str(sign * item.amount),
    }
    return {NAMES[key]: value for key, value in whole.items() if key in shown}


Sum = tuple[str, Decimal, bool]


def tax_label(sheet: Sheet, rate: Decimal, base: Decimal) -> str:
    """'19 % MwSt.' and its other forms."""
    style = sheet.style
    word, percent = style.label("tax"), style.percent(rate)
    on = {"de": "auf", "en": "on"}[style.language]
    forms = (f"{percent} {word}", f"{word} {percent}", f"{word} ({percent})",
             f"{word} {percent} {on} {style.amount(base)}", f"{word} {percent}{style.colon}",
             f"{percent} {word}")  # fmt: skip
    return forms[style.tax_words // 2]


def before_net(sheet: Sheet) -> list[Sum]:
    """What leads from the items to the net sum: discount and shipping."""
    made, style = sheet.made, sheet.style
    sign = -1 if sheet.negative else 1
    found: list[Sum] = []
    if made.rebate or made.shipping:
        found.append((style.label("goods"), sign * made.goods, False))
    if made.rebate:
        word = f"{style.label('discount')} {style.amount(made.allowance, 0)} %"
        found.append((word, -sign * made.rebate, False))
    if made.shipping:
        found.append((style.label("shipping"), sign * made.shipping, False))
    return found


def taxes(sheet: Sheet) -> list[Sum]:
    """VAT by rate and, where there are several and by chance, its sum."""
    made, style = sheet.made, sheet.style
    sign = -1 if sheet.negative else 1
    found: list[Sum] = [
        (tax_label(sheet, rate, sign * made.bases[rate]), sign * tax, False)
        for rate, tax in made.taxes.items()
    ]
    single = len(made.taxes) == 1
    if single:
        sheet.says("tax_rate", str(next(iter(made.taxes))))
    elif sheet.draws(0.5):
        found.append((style.label("tax_sum"), sign * made.tax, False))
        single = True
    sheet.says("tax", str(sign * made.tax), derived=not single)
    return found


def sums(sheet: Sheet) -> list[Sum]:
    """(label, amount, bold) in the order in which they stand; notes which of the truth they say."""
    made, style = sheet.made, sheet.style
    sign = -1 if sheet.negative else 1
    found = before_net(sheet)
    share = {"small": 0.0, "reverse": 0.6}.get(made.kind, 1.0 if len(made.bases) == 1 else 0.75)
    nets = sheet.draws(share)
    if nets:
        found.append((style.label("net"), sign * made.net, False))
        sheet.says("net", str(sign * made.net))
    if made.kind != "small" and (nets or made.kind != "reverse"):
        found += taxes(sheet)
    found.append((style.label("total"), sign * made.total, True))
    sheet.says("gross", str(sign * made.total))
    if made.prepaid:
        found.append((style.label("prepaid"), -made.prepaid, False))
        found.append((style.label("payable"), made.total - made.prepaid, True))
        sheet.says("prepaid", str(made.prepaid))
        sheet.says("payable", str(made.total - made.prepaid))
    return found


def totals(sheet: Sheet) -> None:
    """The sums below the table in one of their arrangements."""
    style = sheet.style
    found = sums(sheet)
    if sheet.y + (len(found) + 1) * (sheet.step() + 0.8) > END:
        turn(sheet)
    sheet.says("currency", sheet.made.currency)
    if style.symbol == "none" or style.tax_words % 4 == 1:
        code = sheet.made.currency
        text = {"de": f"Alle Beträge in {code}", "en": f"All amounts in {code}"}[style.language]
        sheet.text(sheet.left, sheet.y, text, max(style.size - 1.5, 6.0))
        sheet.y += sheet.step()
    if style.totals == "row" and len(found) <= 5:
        sums_across(sheet, found)
        return
    x = sheet.left if style.totals == "wide" else sheet.left + sheet.width * 0.5
    longest = max(sheet.measure(label, bold=True) for label, _, _ in found)
    amount = max(sheet.measure(style.money(number), bold=True) for _, number, _ in found)
    x = min(x, max(sheet.left, sheet.right - longest - amount - 6))
    if style.totals == "breakdown" and sheet.made.kind in {"invoice", "credit", "part"}:
        by_rate(sheet)
    top = sheet.y
    for label, number, bold in found:
        if bold and style.totals != "boxed":
            sheet.rule(sheet.y - 0.2, x=x)
        text = label if label.endswith(":") else label + style.colon
        sheet.text(x, sheet.y + 0.4, text, bold=bold)
        sheet.text(sheet.right - 1, sheet.y + 0.4, style.money(number), bold=bold, align="R")
        sheet.y += sheet.step() + 0.8
    if style.totals == "boxed":
        sheet.box(x - 2, top - 1, sheet.right - x + 2, sheet.y - top + 1)
    sheet.y += 4


def sums_across(sheet: Sheet, found: list[Sum]) -> None:
    """Labels in a row, amounts below them."""
    wide = sheet.width / len(found)
    for number, (label, amount, bold) in enumerate(found):
        x = sheet.left + (number + 1) * wide - 1
        size = sheet.style.size
        while sheet.measure(label, size, bold=True) > wide - 2 and size > 5:
            size -= 0.5
        sheet.text(x, sheet.y, label, size, bold=True, align="R")
        sheet.text(x, sheet.y + sheet.step() + 1, sheet.style.money(amount), bold=bold, align="R")
    sheet.rule(sheet.y + sheet.step() + 0.4)
    sheet.y += 2 * sheet.step() + 6


def by_rate(sheet: Sheet) -> None:
    """A small table of the VAT by rate, to the left above the sums."""
    made, style = sheet.made, sheet.style
    sign = -1 if sheet.negative else 1
    heads = {"de": ("Satz", "Netto", "MwSt.", "Brutto"), "en": ("Rate", "Net", "VAT", "Gross")}[
        style.language
    ]
    small = max(style.size - 1, 6.0)
    for number, word in enumerate(heads):
        sheet.text(sheet.left + (number + 1) * 24 - 6, sheet.y, word, small, bold=True, align="R")
    sheet.y += sheet.step(small)
    for rate, base in made.bases.items():
        tax = made.taxes[rate]
        row = (style.percent(rate), *(style.amount(sign * part) for part in (base, tax, base + tax)))
        for number, text in enumerate(row):
            sheet.text(sheet.left + (number + 1) * 24 - 6, sheet.y, text, small, align="R")
        sheet.y += sheet.step(small)
    sheet.y += 2


def terms(sheet: Sheet) -> None:
    """When and how it is to be paid, in words."""
    made, style = sheet.made, sheet.style
    lines: list[str] = []
    said = made.terms.style
    if (said in {"date", "both"} and made.due and "due_date" not in sheet.printed) or (
        style.due_in == "both" and said == "date"
    ):
        lines.append(
            sheet.chance.choice(DUE[style.language, "date"]).format(due=style.date(made.due or made.date))
        )
        head.entry_said(sheet, "due_date")
    if said in {"days", "both"}:
        lines.append(sheet.chance.choice(DUE[style.language, "days"]).format(days=made.terms.days))
        sheet.says("due_date", made.due.isoformat() if made.due else None, derived=True)
    if said == "at once":
        lines.append(sheet.chance.choice(DUE[style.language, "at once"]))
        sheet.says("due_date", made.date.isoformat(), derived=True)
    if made.terms.skonto:
        less = (made.total * made.terms.skonto / 100).quantize(Decimal("0.01"))
        wording = sheet.chance.choice(SKONTO[style.language])
        lines.append(wording.format(
            skonto_date=style.date(made.date + dt.timedelta(days=made.terms.skonto_days)),
            percent=made.terms.skonto, skonto=style.amount(less), currency=made.currency,
            skonto_days=made.terms.skonto_days, days=made.terms.days, rest=style.amount(made.total - less),
        ))  # fmt: skip
    for line in lines:
        sheet.paragraph(line)
    sheet.y += 1.5 if lines else 0


def bank(sheet: Sheet) -> None:
    """The account in the body of the letter."""
    style = sheet.style
    if style.bank not in {"body", "both", "body lines"} or sheet.made.kind == "credit":
        return
    account = sheet.made.supplier.accounts[0]
    label, text = style.label("iban"), style.iban(account.iban)
    if style.bank == "body lines":
        for line in (f"{'Bank' if style.language == 'en' else 'Bankverbindung'}{style.colon} {account.bank}",
                     f"{label}{style.colon} {text}", f"BIC{style.colon} {account.bic}"):  # fmt: skip
            sheet.paragraph(line)
    elif style.language == "de":
        sheet.paragraph(f"Bankverbindung: {account.bank}, {label} {text}, BIC {account.bic}")
    else:
        sheet.paragraph(f"Please transfer to {account.bank}, {label} {text}, BIC {account.bic}")
    if "iban" not in sheet.printed:
        sheet.says("iban", [account.iban])
        sheet.says("bic", [account.bic])
    sheet.y += 1.5


def closing(sheet: Sheet) -> None:
    """Reasons for no tax, notes, greeting, stamp."""
    made, style = sheet.made, sheet.style
    if (style.language, made.kind) in SPECIAL:
        sheet.paragraph(sheet.chance.choice(SPECIAL[style.language, made.kind]))
        sheet.y += 1.5
    for note in sheet.chance.sample(NOTES[style.language], sheet.chance.choice((0, 0, 1, 1, 2))):
        sheet.paragraph(note, size=max(style.size - 1, 6.0))
    if sheet.draws(0.4):
        sheet.y += 2
        sheet.paragraph("Mit freundlichen Grüßen" if style.language == "de" else "Kind regards")
        sheet.paragraph(made.supplier.contact)
    if sheet.draws(0.12):
        stamp(sheet)


def stamp(sheet: Sheet) -> None:
    """A stamp across the page: when it came in, or that it is a copy."""
    day = sheet.made.date + dt.timedelta(days=sheet.chance.randrange(1, 9))
    text = sheet.chance.choice(
        (f"EINGEGANGEN {day:%d.%m.%Y}", "KOPIE", f"Eingang {day:%d. %m. %y}", "gebucht 4711")
    )
    x, y = sheet.chance.uniform(95, 125), sheet.chance.uniform(236, 246)
    with sheet.pdf.rotation(sheet.chance.uniform(-9, 9), x, y):
        sheet.text(x, y, text, 14, bold=True, colour=(170, 40, 40))


def intro(sheet: Sheet) -> None:
    text = sheet.chance.choice(INTROS[sheet.style.language])
    day = sheet.style.date(sheet.made.date - dt.timedelta(days=9 + len(sheet.made.items)))
    if text:
        sheet.paragraph(text.format(order_date=day))
        sheet.y += 2.5
