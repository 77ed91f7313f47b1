"""A provider's bill as lines, whatever file it came in: see `bill_files` for the formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import Literal

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO, divide_half_even
from rechenwerk.base.usage import BUCKETS, Usage

LineKind = Literal["usage", "fee", "tax"]

_DATED = re.compile(r"[-@]?(?:\d{4}-\d{2}-\d{2}|\d{8})(?:-v\d+(?::\d+)?)?$|-v\d+:\d+$|-latest$")
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})\b")
_WORD = re.compile(r"[a-z0-9]")


class BillLine(msgspec.Struct, frozen=True):
    """One line of a bill.

    Attributes:
        place: where it stands in the file: ``line 7``, ``data[0].results[3]``.
        day: on which it was used (UTC), or the first of the days; None for what is of no day.
        model: the provider's name for it; "" for what is of no model.
        amount: whole currency units, exact; None where the file tells usage alone.
        usage: in the buckets of `base.usage`; None where the file tells money alone.
        kind: what is charged: use, a fee (a commitment, a purchase, a subscription), or tax.
        until: the last of the days, where it is of several.
    """

    place: str
    day: date | None
    model: str
    amount: Fraction | None
    usage: Usage | None
    kind: LineKind = "usage"
    description: str = ""
    until: date | None = None

    @property
    def last(self) -> date | None:
        """The last day that it is of."""
        return self.until or self.day


class Bill(msgspec.Struct, frozen=True):
    """A bill: its format as people call it, its currency ("" where it tells no money), its lines."""

    format: str
    currency: str
    lines: tuple[BillLine, ...]

    @property
    def total(self) -> Fraction:
        """All amounts together, in whole currency units."""
        return sum((line.amount or Fraction(0) for line in self.lines), Fraction(0))


def in_nano(amount: Fraction, rate: Fraction = Fraction(1)) -> int:
    """Nano-units of an amount at a rate of exchange, rounded half-even once."""
    exact = amount * rate * NANO
    return divide_half_even(exact.numerator, exact.denominator)


def added(usages: Iterable[Usage]) -> Usage:
    """All buckets added."""
    rows = list(usages)
    return Usage(*[sum(getattr(one, bucket) for one in rows) for bucket in BUCKETS])


def _plain(name: str) -> str:
    """A model's name without its vendor, date and revision: ``anthropic.claude-x-20260101-v1:0``."""
    text = name.strip().casefold().rpartition("/")[2]
    head, dot, rest = text.partition(".")
    if dot and head.isalpha():
        text = rest
    return _DATED.sub("", text)


class Names:
    """Finds which deployment's name a bill means.

    Args:
        upstreams: the names by which deployments of the provider call their models.
        given: a name on the bill -> one of `upstreams`, as people said.

    Raises:
        RechenwerkError: `given` names what is no upstream.
    """

    def __init__(self, upstreams: Iterable[str], given: Mapping[str, str]) -> None:
        self._known = sorted(set(upstreams), key=lambda name: (-len(name), name))
        for said, meant in given.items():
            if meant not in self._known:
                raise RechenwerkError(
                    f"--map {said}={meant}: the provider has no deployment of {meant!r};"
                    f" it has {', '.join(sorted(self._known)) or 'none'}"
                )
        self._given = {said.casefold(): meant for said, meant in given.items()}

    def find(self, said: str) -> str | None:
        """The upstream name: as given, the same, the same but for vendor and date, or in the text."""
        folded = said.strip().casefold()
        if folded in self._given:
            return self._given[folded]
        for name in self._known:
            if name.casefold() == folded:
                return name
        alike = [name for name in self._known if _plain(name) == _plain(folded)]
        if len(alike) == 1:
            return alike[0]
        return next((name for name in self._known if _stands_in(name.casefold(), folded)), None)


def _stands_in(name: str, text: str) -> bool:
    """As a word of its own: ``gpt-4o`` stands in ``GPT-4o, input`` and not in ``gpt-4o-mini, input``."""
    at = text.find(name)
    while at >= 0:
        before, after = text[max(at - 1, 0) : at], _DATE.sub("", text[at + len(name) :])
        if not _WORD.match(before or " ") and before != "-" and not re.match(r"[a-z0-9]|[-.][a-z0-9]", after):
            return True
        at = text.find(name, at + 1)
    return False
