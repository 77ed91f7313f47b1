"""The report of a reconciliation as PDF: what a controller signs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fpdf.enums import XPos, YPos

from rechenwerk.base.money import plain_money
from rechenwerk.base.paper import INK, MARK, SOFT, Paper
from rechenwerk.office.bill_ports import StoredBill
from rechenwerk.office.bill_words import WORDS, cause_in
from rechenwerk.office.closing.words import Words

_MONEY = ("billed", "booked", "settled", "difference")


def report(bill: StoredBill, currency: str, words: Words) -> bytes:
    """The report of a bill that was booked; the same bill gives the same bytes.

    Args:
        bill: as it is stored.
        currency: of the books.
        words: the language.
    """
    paper = _Paper(bill, words)
    paper.add_page()
    _head(paper, bill, currency)
    _rows(paper, bill, currency)
    _causes(paper, bill, currency)
    _signatures(paper)
    return bytes(paper.output())


class _Paper(Paper):
    """A4 across, with a footer."""

    def __init__(self, bill: StoredBill, words: Words) -> None:
        super().__init__("landscape")
        self.words = words
        self.said = WORDS[words.language]
        self._foot = f"{self.said['title']} {bill.id} · SHA-256 {bill.sha256}"
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, 20)
        self.set_creation_date(bill.made_at)
        self.set_title(f"{self.said['title']} {bill.id}")
        self.set_lang(words.language)
        self.set_producer("fpdf2")

    def footer(self) -> None:
        """Which report, and which page of how many."""
        self.set_y(-13)
        self.ink(6.5, color=SOFT)
        self.cell(200, 4, self._foot)
        self.cell(0, 4, self.words("page", page=self.page_no(), pages="{nb}"), align="R")

    def money(self, column: Sequence[int]) -> list[str]:
        """The amounts of a column exactly, as the language writes them, all with as many decimals."""
        texts = [plain_money(nano) for nano in column]
        most = max((len(text.partition(".")[2]) for text in texts), default=2)
        return [self.words.exact(text, most) for text in texts]


def _head(paper: _Paper, bill: StoredBill, currency: str) -> None:
    said, words = paper.said, paper.words
    paper.say(f"{said['title']} {bill.id}", 16, bold=True, color=MARK)
    paper.ln(2)
    if bill.undone is not None:
        paper.say(said["undone"].format(reason=bill.undone), 10, bold=True, color=(160, 40, 40))
    asked = said["usage_alone"]
    if bill.currency:
        asked = f"{words.exact(bill.said)} {bill.currency}"
        if bill.currency != currency:
            asked += f" {said['rate']} {words.exact(bill.rate)}"
    first, last = words.day(str(bill.first_day)), words.day(str(bill.last_day))
    facts = (
        (said["provider"], bill.provider),
        (said["file"], f"{bill.name} ({bill.format})"),
        (said["days"], words("from_to", first=first, last=last)),
        (said["on_the_bill"], asked),
        (said["booked_by"], f"{bill.made_by}, {words.day(str(bill.made_at.date()))}"),
        (said["vouchers"], words.count(str(bill.vouchers))),
    )
    for label, value in facts:
        paper.ink(8.5, color=SOFT)
        paper.cell(38, 5, label)
        paper.ink(8.5)
        paper.multi_cell(0, 5, value, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
    paper.ln(4)


def _rows(paper: _Paper, bill: StoredBill, currency: str) -> None:
    said = paper.said
    heads = (
        said["day"],
        said["model"],
        said["contract"],
        *(f"{said[name]} {currency}" for name in _MONEY),
        said["why"],
    )
    sums = (bill.billed, bill.booked, bill.settled, bill.difference)
    columns = [
        paper.money([*(row[name] for row in bill.rows), whole])
        for name, whole in zip(_MONEY, sums, strict=True)
    ]
    *amounts, total = zip(*columns, strict=True)
    rows = [
        (
            _days(paper, row),
            row["model"],
            row["contract_name"],
            *amount,
            "" if row["cause"] == "agrees" else _why(paper, row["cause"], row["detail"]),
        )
        for row, amount in zip(bill.rows, amounts, strict=True)
    ]
    rows.append((said["sum"], "", "", *total, ""))
    widths = (26, 38, 34, 28, 28, 26, 26, 55)
    paper.grid(heads, rows, range(3, 7), widths, total=True)
    paper.ln(2)
    paper.say(said["adds_up"], 8, color=SOFT)
    paper.say(said["payable"] if bill.currency else said["usage_alone"], 8, color=SOFT)
    paper.ln(4)


def _days(paper: _Paper, row: Mapping[str, Any]) -> str:
    if not row["day"]:
        return ""
    first = paper.words.day(row["day"])
    last = row.get("until")
    return paper.words("from_to", first=first, last=paper.words.day(last)) if last else first


def _why(paper: _Paper, cause: str, detail: str) -> str:
    """The detail is English alone; a German reader gets the cause."""
    said = cause_in(paper.words.language, cause)
    return f"{said}: {detail}" if detail and (paper.words.language == "en" or cause == "fee") else said


def _causes(paper: _Paper, bill: StoredBill, currency: str) -> None:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in bill.rows:
        if row["difference"]:
            sums[row["cause"]][0] += 1
            sums[row["cause"]][1] += row["difference"]
    if not sums:
        return
    said = paper.said
    paper.say(said["by_cause"], 11, bold=True, color=MARK)
    paper.ln(1)
    ordered = sorted(sums.items(), key=lambda one: -abs(one[1][1]))
    amounts = paper.money([*(amount for _, (_, amount) in ordered), bill.difference])
    named = [(cause_in(paper.words.language, cause), count) for cause, (count, _) in ordered]
    named.append((said["sum"], sum(count for _, count in named)))
    rows = [
        (name, paper.words.count(str(count)), amount)
        for (name, count), amount in zip(named, amounts, strict=True)
    ]
    heads = (said["why"], said["rows"], f"{said['difference']} {currency}")
    paper.grid(heads, rows, (1, 2), (70, 20, 40), total=True)


def _signatures(paper: _Paper) -> None:
    """Two lines, never torn from each other."""
    if paper.get_y() + 28 > paper.h - 20:
        paper.add_page()
    paper.set_y(paper.get_y() + 18)
    paper.set_draw_color(*INK)
    for at, name in enumerate(("made", "checked")):
        left = 18 + at * 100
        paper.line(left, paper.get_y(), left + 80, paper.get_y())
        paper.set_x(left)
        paper.ink(7.5, color=SOFT)
        paper.cell(80, 5, paper.said[name])
