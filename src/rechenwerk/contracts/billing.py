"""What the bills of all kinds share: the job, and fees for time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.contracts.periods import DAY, HOUR, Span, overlap, periods, term, whole_period
from rechenwerk.contracts.ports import Charge, Energy, Line, Used
from rechenwerk.contracts.terms import Common, Interval
from rechenwerk.ledger.prices import PriceList


class Job(msgspec.Struct, frozen=True):
    """What a bill is made from.

    Attributes:
        rates: list rates by deployment.
        use: in order of time, from the beginning of every interval that matters to the end of the span.
        span: of the month.
        covered: what contracts charged that this one covers, in order of time, likewise.
        energy: price of energy by hour; None: energy costs nothing.
    """

    rates: Mapping[str, PriceList]
    use: Sequence[Used]
    span: Span
    covered: Sequence[Charge] = ()
    energy: Energy | None = None

    def inside(self, hour: int) -> bool:
        """Whether an hour is billed here."""
        return self.span[0] <= hour < self.span[1]


def lasts(contract: Common, span: Span, per: Interval) -> Fraction:
    """How many intervals of a fee fall into a span.

    Of months, quarters and years of the calendar, and of weeks from Monday, the part that the contract runs;
    counted from its first day, every one that begins. A fee for the term is due when it begins.
    """
    first, after = term(contract)
    running = (max(span[0], first), min(span[1], after))
    seconds = Fraction(max(0, running[1] - running[0]))
    if per == "minute":
        return seconds / 60
    if per in {"hour", "day"}:
        return seconds / (HOUR if per == "hour" else DAY)
    if per == "term":
        return Fraction(span[0] <= first < span[1])
    count = Fraction(0)
    for period in periods(contract, per, span):
        whole = whole_period(contract, per, period[0])
        if contract.anchor == "starts":
            count += span[0] <= period[0] < span[1]
        else:
            count += Fraction(overlap(running, whole), whole[1] - whole[0])
    return count


def line(
    what: str,
    sort: str,
    quantity: Fraction,
    unit: str,
    rate: Fraction | None,
    *,
    amount: Fraction | None = None,
    memo: bool = False,
) -> Line:
    """A line; the amount is quantity times rate unless it is given in nano-units. Rounded here, once."""
    if amount is None:
        amount = quantity * (rate or 0) * NANO
    fields = {
        "what": what,
        "sort": sort,
        "quantity": quantity,
        "unit": unit,
        "rate": rate,
        "amount": round(amount),
        "memo": memo,
    }
    return Line(**fields)  # type: ignore[arg-type]
