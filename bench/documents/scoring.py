"""Values beside the truth: right, wrong, left to a person, or said by the document and not seen.

Only what counts without a person is judged: values in the state 'proven'. What the document does not say but
its XML knows (a date that follows from '14 Tage netto') is right if it is given rightly, and not missed if it
is not given.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from scipy.stats import beta

MONEY = frozenset({"net", "tax", "gross", "prepaid", "payable", "unit_price", "amount"})
NUMBERS = frozenset({"tax_rate", "quantity"})
DATES = frozenset({"invoice_date", "delivery_date", "due_date"})
SALUTATION = re.compile(r"^(?:herrn?|frau|firma|mr|mrs|ms) ")
HEADER = ("invoice_number", "invoice_date", "due_date", "delivery_date", "service_period", "supplier",
          "supplier_vat_id", "supplier_tax_number", "customer", "customer_vat_id", "customer_number",
          "order_number", "net", "tax_rate", "tax", "gross", "prepaid", "payable", "iban", "bic")  # fmt: skip
COLUMNS = ("description", "quantity", "unit_price", "tax_rate", "amount")


@dataclass(frozen=True)
class Given:
    """What was extracted in one field, in the terms of the bench."""

    value: Any
    state: str
    origin: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.state == "proven" and self.value is not None


@dataclass(frozen=True)
class Judged:
    """One field of one document.

    Args:
        verdict: 'right' and 'wrong' (both accepted), 'open' (said, but left to a person), 'unseen' (said, but
            reported as not in the document), 'silent' (rightly nothing).
        said: whether the document says it outright.
    """

    document: str
    field: str
    verdict: str
    said: bool
    given: Given | None
    truth: Any


def plain(text: object) -> str:
    """A text as it is compared: letters and digits, spaces as one, quotes and dashes alike."""
    found = unicodedata.normalize("NFKC", str(text)).replace("\u2013", "-").replace("\u2019", "'")
    found = re.sub(r"[\u201e\u201c\u201d\"]", '"', found)
    return re.sub(r"\s+", " ", found).strip().casefold()


def number(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def money(value: Any, truth: Any, currency: str, *, unsigned: bool) -> bool:
    """Amount and currency; what is deducted is written with and without a minus."""
    if not isinstance(value, dict):
        return False
    stated = value.get("currency") or ""
    same = (
        abs(number(value.get("amount")) or 0) == abs(number(truth) or 0)
        if unsigned
        else (number(value.get("amount")) == number(truth))
    )
    return same and not value.get("qualifier") and (not currency or stated in {"", currency})


def named(truth: object) -> set[str]:
    """A party's name; where the XML has lines of numbers over it, the line that is the name, too."""
    lines = [plain(line) for line in str(truth).splitlines()]
    return {plain(truth)} | {line for line in lines[-1:] if not re.search(r"\d{4,}", line)}


def agrees(name: str, value: Any, truth: Any, currency: str = "") -> bool:
    """Whether a value is the true one."""
    if isinstance(truth, list):
        return any(agrees(name, value, each, currency) for each in truth)
    if name in MONEY:
        return money(value, truth, currency, unsigned=name == "prepaid")
    if name in NUMBERS:
        stated = value.get("number") if isinstance(value, dict) else value
        return number(stated) == number(truth)
    if name in {"iban", "bic", "supplier_vat_id", "customer_vat_id"}:
        return plain(value).replace(" ", "") == plain(truth).replace(" ", "")
    if name == "description":
        return plain(value).startswith(plain(truth))
    if name == "service_period":
        return bool(value == truth)
    if name in {"supplier", "customer"}:
        return SALUTATION.sub("", plain(value)) in {SALUTATION.sub("", one) for one in named(truth)}
    return plain(value) == plain(truth)


def known(name: str, value: Any, xml: dict[str, Any], currency: str) -> bool:
    """Whether a value that the document does not say is what its XML knows; the sign of a credit aside."""
    truth = xml.get(name)
    if truth in (None, [], ""):
        return False
    if name in MONEY and isinstance(value, dict):
        value = {**value, "amount": str(value.get("amount")).lstrip("-")}
        truth = str(truth).lstrip("-")
    return agrees(name, value, truth, currency)


def judge(
    document: str,
    given: dict[str, Given],
    said: dict[str, Any],
    derived: frozenset[str],
    xml: dict[str, Any],
    fields: tuple[str, ...] = HEADER,
) -> list[Judged]:
    """The header fields of one document.

    Args:
        document: its name.
        given: what was extracted, by path.
        said: what the document says; `derived` of it only in words from which it follows.
        derived: names of such fields.
        xml: what its XML knows.
        fields: which are judged: for documents of others those that the XML knows.
    """
    currency = said.get("currency") or xml.get("currency") or ""
    found = []
    for name in fields:
        one = given.get(name)
        outright = name in said and name not in derived
        truth = said.get(name, xml.get(name))
        if one is not None and one.accepted:
            right = (name in said and agrees(name, one.value, said[name], currency)) or (
                not outright and known(name, one.value, xml, currency)
            )
            verdict = "right" if right else "wrong"
        elif not outright:
            verdict = "silent"
        else:
            verdict = "unseen" if one is None or one.state == "absent" else "open"
        found.append(Judged(document, name, verdict, outright, one, truth))
    return found


Row = dict[str, Given]


def table(given: dict[str, Given]) -> list[Row]:
    """The extracted rows, in order: 'items.2.amount' belongs to the third."""
    rows: defaultdict[int, Row] = defaultdict(dict)
    for path, one in given.items():
        parts = path.split(".")
        if len(parts) == 3 and parts[0] == "items" and parts[1].isdigit():
            rows[int(parts[1])][parts[2]] = one
    return [rows[position] for position in sorted(rows)]


def alike(row: Row, truth: dict[str, Any], currency: str) -> int:
    """How many cells of two rows agree, the amount counting twice."""
    agreed = [
        name for name in COLUMNS if name in row and name in truth
        and agrees(name, row[name].value, truth[name], currency)
    ]  # fmt: skip
    return len(agreed) + ("amount" in agreed)


def aligned(
    rows: list[Row], truth: list[dict[str, Any]], currency: str
) -> list[tuple[Row | None, int | None]]:
    """Extracted rows beside true rows in the order of both, with as many agreeing cells as there can be."""
    best = [[0] * (len(truth) + 1) for _ in range(len(rows) + 1)]
    scores = [[alike(row, one, currency) for one in truth] for row in rows]
    for at in range(len(rows) - 1, -1, -1):
        for beside in range(len(truth) - 1, -1, -1):
            pair = scores[at][beside] + best[at + 1][beside + 1]
            best[at][beside] = max(best[at + 1][beside], best[at][beside + 1], pair)
    found: list[tuple[Row | None, int | None]] = []
    at = beside = 0
    while at < len(rows) and beside < len(truth):
        pair = scores[at][beside] + best[at + 1][beside + 1]
        same_count = len(rows) - at == len(truth) - beside
        if (scores[at][beside] or same_count) and best[at][beside] == pair:
            found.append((rows[at], beside))
            at, beside = at + 1, beside + 1
        elif best[at][beside] == best[at + 1][beside]:
            found.append((rows[at], None))
            at += 1
        else:
            found.append((None, beside))
            beside += 1
    found += [(row, None) for row in rows[at:]]
    found += [(None, left) for left in range(beside, len(truth))]
    return found


def judge_rows(
    document: str, given: dict[str, Given], truth: list[dict[str, Any]], currency: str
) -> list[Judged]:
    """The cells of the table; a row that is not in the document is wrong in each accepted cell."""
    found = []
    for row, position in aligned(table(given), truth, currency):
        real = truth[position] if position is not None else {}
        for name in COLUMNS:
            one = (row or {}).get(name)
            if one is not None and one.accepted:
                right = name in real and agrees(name, one.value, real[name], currency)
                verdict = "right" if right else "wrong"
            elif name not in real:
                continue
            else:
                verdict = "unseen" if row is None or one is None or one.state == "absent" else "open"
            found.append(Judged(document, f"items.{name}", verdict, name in real, one, real.get(name)))
    return found


def upper(found: int, tried: int, confidence: float = 0.95) -> float:
    """The upper bound of Clopper and Pearson, one-sided: larger shares would seldom show so few."""
    return float(beta.ppf(confidence, found + 1, tried - found)) if found < tried else 1.0


@dataclass
class Score:
    """Counts over judged fields."""

    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, judged: list[Judged]) -> None:
        for one in judged:
            self.counts[one.verdict] += 1
            if one.said:
                self.counts["said"] += 1
                self.counts["said and right"] += one.verdict == "right"

    @property
    def accepted(self) -> int:
        return self.counts["right"] + self.counts["wrong"]

    @property
    def wrong(self) -> float:
        """Share of accepted values that are wrong."""
        return self.counts["wrong"] / self.accepted if self.accepted else 0.0

    @property
    def wrong_at_most(self) -> float:
        return upper(self.counts["wrong"], self.accepted)

    @property
    def share(self) -> float:
        """Share of the fields that documents say which were accepted, and rightly, without a person."""
        return self.counts["said and right"] / self.counts["said"] if self.counts["said"] else 0.0

    @property
    def unseen(self) -> float:
        """Share of the fields that documents say which were reported as not there."""
        return self.counts["unseen"] / self.counts["said"] if self.counts["said"] else 0.0
