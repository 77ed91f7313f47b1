"""How a document is laid out, whatever it is rendered as: head, sections of lines, annexes, sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.ledger.statements import Content, Pool, Row, cents_of, cents_text
from rechenwerk.office.closing.words import Words

_CALLS = frozenset({"usage", "calls", "rounding"})


class Line(msgspec.Struct, frozen=True):
    """A line as it is shown; numbers as in the content, empty where there are none.

    Attributes:
        amount: in cents; of an annex exact.
        note: what stands where a price would: number of a document, weight of a share.
    """

    text: str
    amount: str
    quantity: str = ""
    per: int = 0
    unit_price: str = ""
    note: str = ""


class Group(msgspec.Struct, frozen=True):
    """Lines under a heading of their own, such as a model; without one where there is nothing to say."""

    title: str
    lines: tuple[Line, ...]


class Section(msgspec.Struct, frozen=True):
    """A part of the document with its sum; `price`: what the column of prices is called, if otherwise."""

    title: str
    groups: tuple[Group, ...]
    total: str
    price: str = ""


class Sheet(msgspec.Struct, frozen=True):
    """A whole document.

    Attributes:
        facts: label and value, beside the address.
        sums: label and amount in cents; the last one is what is owed.
        notes: sentences after the sums.
        annexes: exact amounts; `notes` above them, if any, are their own first group's title.
    """

    title: str
    number: str
    issuer: tuple[str, ...]
    recipient: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    opening: tuple[str, ...]
    sections: tuple[Section, ...]
    sums: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    annexes: tuple[Section, ...]
    currency: str
    fingerprint: str


def lay_out(content: Content, words: Words, sha256: str) -> Sheet:
    """The document in the order in which it is read."""
    title = words(content.kind)
    if content.scope == "organisation":
        title = words("statement_of")
    return Sheet(
        title=title,
        number=content.number,
        issuer=content.issuer,
        recipient=content.recipient or (content.organisation,),
        facts=_facts(content, words),
        opening=_opening(content, words),
        sections=tuple(_sections(content, words)),
        sums=_sums(content, words),
        notes=_notes(content, words),
        annexes=(*_usage_annex(content, words), *_pool_annex(content, words)),
        currency=content.currency,
        fingerprint=f"{words('fingerprint')}: {sha256}",
    )


def _facts(content: Content, words: Words) -> tuple[tuple[str, str], ...]:
    day = words.day(content.issued_at[:10])
    facts = [
        (words("number"), content.number),
        (words("period"), words("from_to", first=words.day(content.starts), last=words.day(content.ends))),
        (words("issued"), day),
        (words("organisation"), content.organisation),
        (words("project"), content.project),
        (words("cost_centre"), content.cost_centre),
    ]
    if content.booked_in != content.period:
        facts.insert(2, (words("booked_in"), words.month(content.booked_in)))
    return tuple((label, value) for label, value in facts if value)


def _opening(content: Content, words: Words) -> tuple[str, ...]:
    if not content.reverses:
        return ()
    said = words(f"reverses_{content.kind}", number=content.reverses)
    return (said, f"{words('reason')}: {content.reason}")


def _sections(content: Content, words: Words) -> Iterable[Section]:
    def place(row: Row) -> str:
        return "usage" if row.kind in _CALLS else row.kind

    # Rounding of less than a cent is in the exact sum below; a line of 0.00 would say nothing.
    shown = [row for row in content.rows if row.kind != "rounding" or cents_of(row.amount)]
    for kind, rows in groupby(shown, key=place):
        listed = list(rows)
        total = cents_text(sum(cents_of(row.amount) for row in listed))
        price = words("number") if kind == "document" else ""
        yield Section(words(f"section_{kind}"), _groups(kind, listed, words), total, price)


def _groups(kind: str, rows: Sequence[Row], words: Words) -> tuple[Group, ...]:
    if kind != "usage":
        return (Group("", tuple([_line(row, words) for row in rows])),)
    return tuple(
        Group(model, tuple([_line(row, words) for row in group]))
        for model, group in groupby(rows, key=lambda row: row.text)
    )


def _line(row: Row, words: Words, *, is_exact: bool = False) -> Line:
    return Line(
        text=_text(row, words),
        amount=row.exact if is_exact else row.amount,
        quantity=row.quantity,
        per=row.per,
        unit_price=row.unit_price,
        note=row.reference if row.kind == "document" else "",
    )


def _text(row: Row, words: Words) -> str:
    if row.bucket:
        return words(row.bucket)
    if row.kind in {"calls", "rounding"}:
        return words(row.kind)
    if row.kind == "document":
        kind = f", {words(row.note)}" if row.note else ""
        return _centred(row.text, row.cost_centre, words) + kind
    return words("tariff_month", model=row.text) if row.note == "tariff" else row.text


def _centred(project: str, cost_centre: str, words: Words) -> str:
    return f"{project} ({words('cost_centre')} {cost_centre})" if cost_centre else project


def _sums(content: Content, words: Words) -> tuple[tuple[str, str], ...]:
    totals = content.totals
    return (
        (words("net"), totals.net),
        (words("vat", rate=words.rate(content.vat_rate)), totals.vat),
        (words("gross"), totals.gross),
    )


def _notes(content: Content, words: Words) -> tuple[str, ...]:
    totals, unit = content.totals, content.currency
    said = [] if content.rows else [words("nothing")]
    if content.reverse_charge:
        said.append(words("reverse_charge"))
    booked = f"{words('exact')}: {words.exact(totals.exact)} {unit}"
    said.append(f"{booked}; {words('rounding_of')}: {words.exact(totals.rounding)} {unit}.")
    if content.difference is not None:
        gap = content.difference
        net, gross = (f"{words.amount(amount)} {unit}" for amount in (gap.net, gap.gross))
        said.append(words("difference_note", number=content.reverses, net=net, gross=gross))
    if content.unresolved is not None:
        price = f"{words.exact(content.unresolved.exact)} {unit}"
        calls = words.count(str(content.unresolved.calls))
        said.append(words("unresolved_note", calls=calls, exact=price))
    if parse_money(content.overrun):
        said.append(words("overrun_note", exact=f"{words.exact(content.overrun)} {unit}"))
    if any(row.kind == "allocation" for row in content.rows):
        said.append(words(f"key_{content.key}") + ".")
    return tuple(said)


def _usage_annex(content: Content, words: Words) -> tuple[Section, ...]:
    if not content.usage:
        return ()

    def heading(row: Row) -> tuple[str, str]:
        return ("", row.text) if row.kind in _CALLS else (words(f"section_{row.kind}"), "")

    groups = []
    for (section, model), rows in groupby(content.usage, key=heading):
        lines = [_line(row, words, is_exact=True) for row in rows]
        if section:  # of these only the sum of each kind stands here; the projects' documents have the lines
            lines = [
                msgspec.structs.replace(line, text=f"{section}: {line.text}" if line.text else section)
                for line in lines
            ]
        groups.append(Group(model, tuple(lines)))
    total = plain_money(sum(parse_money(row.exact) for row in content.usage))
    return (Section(words("annex_usage"), tuple(groups), total),)


def _pool_annex(content: Content, words: Words) -> tuple[Section, ...]:
    if not content.pools:
        return ()
    total = plain_money(sum(parse_money(pool.amount) for pool in content.pools))
    title = f"{words('annex_pools')} · {words(f'key_{content.key}')}"
    groups = tuple([_pool(pool, words) for pool in content.pools])
    return (Section(title, groups, total, words("weight")),)


def _pool(pool: Pool, words: Words) -> Group:
    said = (
        f"{words('contract')} {pool.contract}: {words('fixed')} {words.exact(pool.fixed)},"
        f" {words('idle')} {words.exact(pool.idle)}, {words('absorbed')} {words.exact(pool.absorbed)},"
        f" {words('pool')} {words.exact(pool.amount)}"
    )
    lines = [
        Line(
            text=_centred(share.project, share.cost_centre, words),
            amount=share.amount,
            note=words.rate(share.weight),
        )
        for share in pool.shares
    ]
    return Group(said, tuple(lines))
