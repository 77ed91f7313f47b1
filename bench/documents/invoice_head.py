"""The upper part of an invoice and its foot: letterhead, addresses, what is said beside them, footer."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from bench.documents.invoice_sentences import SAME_DAY
from bench.documents.invoice_sheet import HEIGHT, WIDTH, Sheet
from bench.documents.invoice_words import TITLES

if TYPE_CHECKING:
    from bench.documents.invented import Party

COUNTRIES = {"DE": "Deutschland", "AT": "Österreich", "FR": "Frankreich", "NL": "Niederlande"}
Entry = tuple[str, str, str]


def name_supplier(sheet: Sheet) -> None:
    sheet.says("supplier", sheet.made.supplier.name)


def letterhead(sheet: Sheet) -> None:
    """The supplier's name and, mostly, address at the top."""
    who, style = sheet.made.supplier, sheet.style
    place = [who.street, f"{who.postcode} {who.town}", f"Tel. {who.phone}", who.mail, who.web]
    small = max(style.size - 1.5, 6.5)
    if style.head == "band":
        sheet.box(0, 0, WIDTH, 26, fill=style.colour if sum(style.colour) else (40, 40, 60))
        sheet.text(sheet.left, 7, who.name, 15, bold=True, colour=(255, 255, 255))
        sheet.text(sheet.left, 16, " · ".join(place[:3]), small, colour=(255, 255, 255))
        name_supplier(sheet)
        return
    if style.head == "none":
        return
    if style.head.startswith("logo"):
        logo(sheet, at_right=style.head.endswith("right"))
        return
    align, x = {"centre": ("C", WIDTH / 2), "plain right": ("R", sheet.right)}.get(
        style.head, ("L", sheet.left)
    )
    sheet.text(x, 12, who.name, 13, bold=True, align=align, colour=style.colour)
    name_supplier(sheet)
    y = 12 + sheet.step(13) + 1
    lines = [" - ".join(place[:2]), " - ".join(place[2:])] if style.head == "centre" else place[:4]
    for line in lines:
        sheet.text(x, y, line, small, align=align)
        y += sheet.step(small)


def logo(sheet: Sheet, *, at_right: bool) -> None:
    """A coloured sign with initials and the short name; the full name stands elsewhere or below it."""
    who, style = sheet.made.supplier, sheet.style
    x = sheet.right - 62 if at_right else sheet.left
    sheet.box(x, 10, 14, 14, fill=style.colour if sum(style.colour) else (60, 60, 60))
    sheet.text(x + 7, 14, who.short[:2].upper(), 14, bold=True, align="C", colour=(255, 255, 255))
    sheet.text(x + 17, 12, who.short.upper() if sheet.draws(0.4) else who.short, 14, bold=True)
    if sheet.draws(0.5):
        small = max(style.size - 1.5, 6.5)
        for number, line in enumerate((who.name, who.street, f"{who.postcode} {who.town}")):
            sheet.text(x + 17, 19 + number * sheet.step(small), line, small)
        name_supplier(sheet)


def address_lines(sheet: Sheet, who: Party) -> list[str]:
    lines = ["Firma"] if sheet.style.language == "de" and who.register and sheet.draws(0.2) else []
    lines.append(who.name)
    if who.contact and sheet.draws(0.3):
        lines.append(f"{'z. Hd.' if sheet.style.language == 'de' else 'Attn.'} {who.contact}")
    lines += [who.street, f"{who.postcode} {who.town}"]
    if who.country != "DE" or sheet.draws(0.15):
        lines.append(COUNTRIES[who.country] if sheet.style.language == "de" else who.country)
    return lines


def addresses(sheet: Sheet) -> None:
    """The customer's address, with the sender's line above it or the sender beside it."""
    style, made = sheet.style, sheet.made
    x = {"right": 118.0}.get(style.address, sheet.left)
    y = 47.0
    sender = made.supplier
    if style.address == "from-to":
        words = ("Rechnungssteller", "Leistungsempfänger") if style.language == "de" else ("From", "To")
        for at, word, who in ((sheet.left, words[0], sender), (112.0, words[1], made.customer)):
            sheet.text(at, y - 6, word + style.colon, bold=True)
            for number, line in enumerate(address_lines(sheet, who)):
                sheet.text(at, y + number * sheet.step(), line)
        name_supplier(sheet)
    else:
        if style.sender != "none" or "supplier" not in sheet.printed:
            mark = style.sender if style.sender != "none" else ", "
            line = mark.join((sender.name, sender.street, f"{sender.postcode} {sender.town}"))
            small = 6.5
            sheet.text(x, y - 5, line, small)
            if sheet.draws(0.5):
                sheet.rule(y - 2, x=x, end=x + min(sheet.measure(line, small), 85))
            name_supplier(sheet)
        if style.address == "labelled":
            sheet.text(x, y, style.with_colon("to"), bold=True)
            y += sheet.step()
        shift = 0.0
        if style.address == "labelled beside":
            sheet.text(x, y, style.with_colon("to"))
            shift = sheet.measure(style.with_colon("to")) + 4
        for number, line in enumerate(address_lines(sheet, made.customer)):
            sheet.text(x + shift, y + number * sheet.step(), line)
    sheet.says("customer", made.customer.name)
    sheet.y = 80.0


def days(sheet: Sheet) -> list[tuple[str, str]]:
    """(field, value) of the dates that stand in the info block."""
    made, style = sheet.made, sheet.style
    found = []
    if style.title != "nr. and date" or sheet.draws(0.4):
        found.append(("invoice_date", style.date(made.date)))
    if made.delivery and not sheet.draws(0.2):
        found.append(("delivery_date", style.date(made.delivery)))
    if made.period and not sheet.draws(0.3):
        found.append(("service_period", style.period(made.period)))
    in_block = made.terms.style == "both" or (made.terms.style == "date" and style.due_in != "text")
    if in_block and made.due:
        found.append(("due_date", style.date(made.due)))
    return found


def entries(sheet: Sheet) -> list[Entry]:
    """(field, label, value) of what stands in the info block; dates that are not asked for among them."""
    made, style, chance = sheet.made, sheet.style, sheet.chance
    found = []
    if style.title not in {"with number", "nr. and date"} or sheet.draws(0.4):
        found.append(("invoice_number", made.number))
    found += days(sheet)
    if made.buyer_vat:
        found.append(("buyer_vat", made.customer.vat_id))
    for field, value, share in (
        ("customer_number", made.customer_number, 0.7),
        ("order", made.order, 0.5),
        ("order_date", style.date(made.date - dt.timedelta(days=9 + len(made.items))), 0.35),
        ("clerk", made.supplier.contact, 0.3),
        ("vat_id", made.supplier.vat_id if made.kind != "small" else "", 0.2),
        ("note", f"{chance.randrange(1000, 99999)}", 0.25),
        ("page", "1", 0.2),
    ):
        if sheet.draws(share):
            found.append((field, value))
    if sheet.draws(0.5):
        chance.shuffle(found)
    return [(field, style.label(field), value) for field, value in found if value]


def entry_said(sheet: Sheet, field: str) -> None:
    made = sheet.made
    said = {
        "invoice_number": ("invoice_number", made.number),
        "invoice_date": ("invoice_date", made.date.isoformat()),
        "delivery_date": ("delivery_date", made.delivery.isoformat() if made.delivery else None),
        "due_date": ("due_date", made.due.isoformat() if made.due else None),
        "buyer_vat": ("customer_vat_id", made.customer.vat_id),
        "vat_id": ("supplier_vat_id", made.supplier.vat_id),
        "customer_number": ("customer_number", made.customer_number),
        "order": ("order_number", made.order),
    }
    if field == "service_period" and made.period:
        sheet.says(field, {"from": made.period[0].isoformat(), "to": made.period[1].isoformat()})
    elif field in said:
        sheet.says(*said[field])


def info(sheet: Sheet) -> None:
    """The block of number, dates and references in one of its arrangements."""
    style = sheet.style
    found = entries(sheet)
    for field, _, _ in found:
        entry_said(sheet, field)
    arrangement = style.info
    if arrangement in {"right", "boxed right", "right stacked", "left"}:
        beside(sheet, found)
    elif arrangement in {"below left", "below right", "lines"}:
        below(sheet, found)
    else:
        across(sheet, found)


def beside(sheet: Sheet, found: list[Entry]) -> None:
    """Beside the address: label and value in a row, or the label above its value."""
    style = sheet.style
    x = sheet.left if style.info == "left" else 122.0
    end = 105.0 if style.info == "left" else sheet.right
    y = 34.0 if len(found) > 7 else 45.0
    top = y
    flush = sheet.draws(0.4)
    gap = max((sheet.measure(label + style.colon) for _, label, _ in found), default=0) + 3
    for _, label, value in found:
        text = label + style.colon
        if style.info == "right stacked":
            sheet.text(x, y, text, 7, colour=(90, 90, 90))
            sheet.text(x, y + sheet.step(7), value)
            y += sheet.step(7) + sheet.step() + 0.8
        elif x + gap + sheet.measure(value) > end + 1:
            sheet.text(x, y, text)
            sheet.text(x + 3, y + sheet.step(), value)
            y += 2 * sheet.step()
        else:
            sheet.text(x, y, text)
            sheet.text(end if flush else x + gap, y, value, align="R" if flush else "L")
            y += sheet.step()
    if style.info == "boxed right":
        sheet.box(x - 2, top - 2, end - x + 4, y - top + 3)
    sheet.y = max(sheet.y, y + 6)


def below(sheet: Sheet, found: list[Entry]) -> None:
    """Below the address, each in a line of its own or two to a line."""
    style = sheet.style
    x = 122.0 if style.info == "below right" else sheet.left
    gap = max(sheet.measure(label + style.colon) for _, label, _ in found) + 4
    if style.info == "lines":
        half = sheet.left + sheet.width / 2 + 4
        for number, (_, label, value) in enumerate(found):
            at = half if number % 2 else sheet.left
            sheet.text(at, sheet.y, f"{label}{style.colon} {value}")
            sheet.y += sheet.step() if number % 2 else 0
        sheet.y += 2 * sheet.step()
        return
    for _, label, value in found:
        sheet.text(x, sheet.y, label + style.colon)
        sheet.text(x + gap, sheet.y, value)
        sheet.y += sheet.step()
    sheet.y += 4


def across(sheet: Sheet, found: list[Entry]) -> None:
    """A row of labels with their values below; in as many rows as are needed."""
    style = sheet.style
    a_row = 4 if style.size > 9 else 5
    for at in range(0, len(found), a_row):
        row = found[at : at + a_row]
        wide = sheet.width / len(row)
        for number, (_, label, value) in enumerate(row):
            x = sheet.left + number * wide
            small = min(7.5, style.size)
            while sheet.measure(label, small, bold=style.info == "table") > wide - 2 and small > 5:
                small -= 0.5
            size = style.size
            while sheet.measure(value, size) > wide - 2 and size > 6:
                size -= 0.5
            sheet.text(x + 1, sheet.y, label, small, bold=style.info == "table")
            sheet.text(x + 1, sheet.y + sheet.step(7.5), value, size)
            if style.info == "grid":
                sheet.box(x, sheet.y - 1, wide, sheet.step(7.5) + sheet.step() + 2)
        sheet.y += sheet.step(7.5) + sheet.step() + 3
    sheet.y += 3


def title(sheet: Sheet) -> None:
    """What the document is, and in some its number and date."""
    made, style = sheet.made, sheet.style
    word = sheet.chance.choice(TITLES[style.language, made.kind])
    if style.title == "none":
        word = word.capitalize() if made.kind == "credit" else ""
    number = {"de": "Nr. ", "en": "No. "}[style.language] if sheet.draws(0.6) else ""
    if style.title == "with number":
        word = f"{word} {number}{made.number}"
        sheet.says("invoice_number", made.number)
    elif style.title == "nr. and date":
        joint = {"de": "vom", "en": "dated"}[style.language]
        word = f"{word} {number}{made.number} {joint} {style.date(made.date)}"
        sheet.says("invoice_number", made.number)
        sheet.says("invoice_date", made.date.isoformat())
    if word:
        size = style.size + 1 if style.title == "small" else sheet.chance.choice((13.0, 15.0, 18.0))
        while sheet.measure(word, size, bold=True) > sheet.width:
            size -= 1
        sheet.text(sheet.left, sheet.y, word, size, bold=True, colour=style.colour)
        sheet.y += sheet.step(size) + 3


def performed(sheet: Sheet) -> None:
    """A sentence for when it was done, where the info block does not say it."""
    made, style = sheet.made, sheet.style
    german = style.language == "de"
    if made.delivery and "delivery_date" not in sheet.printed:
        if made.delivery == made.date:
            sheet.paragraph(sheet.chance.choice(SAME_DAY[style.language]))
            sheet.says("delivery_date", made.delivery.isoformat(), derived=True)
        else:
            day = style.date(made.delivery)
            sheet.paragraph(f"Die Leistung wurde am {day} erbracht." if german else f"Delivered on {day}.")
            sheet.says("delivery_date", made.delivery.isoformat())
        sheet.y += 2
    if made.period and "service_period" not in sheet.printed:
        text = style.period(made.period)
        sheet.paragraph(f"Leistungszeitraum {text}" if german else f"Services rendered {text}")
        entry_said(sheet, "service_period")
        sheet.y += 2


def numbers(sheet: Sheet) -> list[str]:
    """The supplier's tax numbers as the footer shows them; a small business mostly has no VAT id."""
    made, style = sheet.made, sheet.style
    only_tax = made.kind == "small" or (
        sheet.draws(0.12) and made.kind != "reverse" and "supplier_vat_id" not in sheet.printed
    )
    lines = []
    if only_tax or sheet.draws(0.5):
        lines.append(f"{style.label('tax_number')}{style.colon} {made.supplier.tax_number}")
        sheet.says("supplier_tax_number", made.supplier.tax_number)
    if not only_tax:
        lines.append(f"{style.label('vat_id')}{style.colon} {made.supplier.vat_id}")
        sheet.says("supplier_vat_id", made.supplier.vat_id)
    return lines


def accounts(sheet: Sheet) -> list[str]:
    """The supplier's accounts, line by line."""
    style, lines = sheet.style, []
    for account in sheet.made.supplier.accounts:
        lines += [
            account.bank,
            f"{style.label('iban')}{style.colon} {style.iban(account.iban)}",
            f"BIC{style.colon} {account.bic}",
        ]
    sheet.says("iban", [account.iban for account in sheet.made.supplier.accounts])
    sheet.says("bic", [account.bic for account in sheet.made.supplier.accounts])
    return lines


def foot_blocks(sheet: Sheet) -> list[list[str]]:
    """What the footer says: place and ways to reach, law, and the bank where it stands there."""
    who, style = sheet.made.supplier, sheet.style
    place = [who.name, who.street, f"{who.postcode} {who.town}"]
    reach = [f"Tel. {who.phone}", who.mail, who.web]
    leader = {"de": "Geschäftsführung", "en": "Managing director"}[style.language]
    law = [who.register, f"{leader}: {who.director}", *numbers(sheet)]
    money = accounts(sheet) if style.bank in {"footer", "both"} else []
    blocks = [place, reach, money, law] if style.carried % 2 else [place + reach[:1], law, money]
    name_supplier(sheet)
    return [[line for line in block if line] for block in blocks if block]


def footer(sheet: Sheet, blocks: list[list[str]]) -> None:
    """The foot of a page."""
    style = sheet.style
    size = 6.5 if max(len(block) for block in blocks) < 9 else 5.5
    if style.footer != "columns":
        parts = [" · ".join(block) for block in blocks]
        if style.footer == "line":
            parts = [" | ".join(parts)]
        lines = [line for part in parts for line in sheet.wrapped(part, sheet.width, size)]
        y = HEIGHT - 8 - len(lines) * sheet.step(size)
        for line in lines:
            sheet.text(WIDTH / 2, y, line, size, align="C", colour=(60, 60, 60))
            y += sheet.step(size)
        return
    wide = sheet.width / len(blocks)
    wraps = [[part for line in block for part in sheet.wrapped(line, wide - 2, size)] for block in blocks]
    top = HEIGHT - 7 - max(len(lines) for lines in wraps) * sheet.step(size)
    sheet.rule(top - 1.5, grey=120)
    for number, lines in enumerate(wraps):
        for row, line in enumerate(lines):
            sheet.text(
                sheet.left + number * wide, top + row * sheet.step(size), line, size, colour=(60, 60, 60)
            )
