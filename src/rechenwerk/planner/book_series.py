"""An installation's books as a plan reads them: months of models, contracts, what is owned and owed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts.terms import Contract
from rechenwerk.planner.axis import Axis, month_number
from rechenwerk.planner.clearing import Floats

TOKENS = ("input", "cached_input", "cache_write", "output", "reasoning")
MILLION = 1e6
_ASSETS = ("receivable", "unresolved_price", "overrun", "passed_on")
_DEBTS = ("payable", "accrued", "wallet", "vat", "unresolved_cost")


class Month(msgspec.Struct, frozen=True):
    """What was called in a month; amounts of money as the API writes them."""

    starts: str
    name: str
    calls: int
    price: Decimal
    cost: Decimal
    listed: Decimal
    usage: Mapping[str, int]


class Standing(msgspec.Struct, frozen=True):
    """Where a contract stands; amounts of its unit."""

    unit: str
    measure: str
    amount: Decimal | None
    remaining: Decimal | None
    starts_at: str | None
    ends_at: str | None
    expires_at: str | None


class Bound(msgspec.Struct, frozen=True):
    """A contract: its terms in force, and where it stands. Shared ones have no terms for others."""

    name: str
    provider: str
    models: tuple[str, ...]
    terms: Contract | None
    position: Standing


class Books(msgspec.Struct, frozen=True):
    """What the office told.

    Args:
        organisation, currency: whose books, and their money.
        months: that are over, the oldest first.
        models: of `/books/totals?by=model`.
        contracts: of `/books/totals?by=contract`.
        bound: contracts.
        balances: account kind -> debit less credit.
    """

    organisation: str
    currency: str
    months: tuple[str, ...]
    models: tuple[Month, ...]
    contracts: tuple[Month, ...]
    bound: tuple[Bound, ...]
    balances: Mapping[str, Decimal]

    @property
    def cash(self) -> float:
        """What stands on the bank's accounts."""
        return amount(self.balances.get("bank", Decimal(0)))

    @property
    def owned(self) -> float:
        """What customers owe."""
        return amount(sum((self.balances.get(kind, Decimal(0)) for kind in _ASSETS), Decimal(0)))

    @property
    def owed(self) -> float:
        """What providers, tax and customers' wallets are owed."""
        return -amount(sum((self.balances.get(kind, Decimal(0)) for kind in _DEBTS), Decimal(0)))


def amount(money: Decimal) -> float:
    """Exact money as the planner's number: the one place where the books' money becomes a float."""
    return float(money)


class Sold(msgspec.Struct, frozen=True):
    """A model's months: (months,) each.

    Args:
        model: its name.
        unit: ``million tokens``, or ``calls`` where it counts no tokens.
        volume: units.
        price: that customers paid for one; 0 where there was none.
        cost: of one at list rates.
        paid: of the list rates, what was booked as cost.
    """

    model: str
    unit: str
    volume: Floats
    price: Floats
    cost: Floats
    paid: Floats


def months_before(last: str, count: int) -> tuple[str, ...]:
    """So many months until one, that one included."""
    axis = Axis.of(last, 1)
    return tuple(axis.name(at) for at in range(1 - count, 1))


def sold(books: Books) -> tuple[Sold, ...]:
    """Each model's series, the one that brings most first; models that nobody used are left out.

    Raises:
        PlanError: nothing was called in any of the months.
    """
    names = dict.fromkeys(row.name for row in books.models)
    found = [_sold(books, name) for name in names]
    used = [one for one in found if one.volume.any()]
    if not used:
        said = f"{books.months[0]} to {books.months[-1]}" if books.months else "any month that is over"
        raise PlanError(
            "the books have no calls in {said}; let a month end, or read more of them: --months", said=said
        )
    return tuple(sorted(used, key=lambda one: (-float((one.volume * one.price).sum()), one.model)))


def _sold(books: Books, name: str) -> Sold:
    at = {month: index for index, month in enumerate(books.months)}
    calls, tokens, brought, listed, cost = (np.zeros(len(at)) for _ in range(5))
    for row in books.models:
        index = at.get(row.starts[:7])
        if row.name == name and index is not None:
            calls[index] += row.calls
            tokens[index] += sum(row.usage.get(bucket, 0) for bucket in TOKENS)
            brought[index] += amount(row.price)
            listed[index] += amount(row.listed)
            cost[index] += amount(row.cost)
    volume, unit = (tokens / MILLION, "million tokens") if tokens.any() else (calls, "calls")
    return Sold(name, unit, volume, _each(brought, volume), _each(listed, volume), _each(cost, listed))


def _each(total: Floats, units: Floats) -> Floats:
    """By unit; of months without any the one of the month before, then of the first that had some."""
    found = np.divide(total, units, out=np.full(len(total), np.nan), where=units > 0)
    known = np.flatnonzero(~np.isnan(found))
    if not len(known):
        return np.zeros(len(total))
    places = np.maximum.accumulate(np.where(np.isnan(found), -1, np.arange(len(found))))
    filled: Floats = found[np.where(places < 0, known[0], places)]
    return filled


def drawn_at_list(books: Books, contract: str) -> tuple[Floats, Floats]:
    """(months,) of a contract: list price of its calls, and what was booked for them."""
    at = {month: index for index, month in enumerate(books.months)}
    listed, cost = np.zeros(len(at)), np.zeros(len(at))
    for row in books.contracts:
        index = at.get(row.starts[:7])
        if row.name == contract and index is not None:
            listed[index] += amount(row.listed)
            cost[index] += amount(row.cost)
    return listed, cost


def decoded(
    model_rows: Sequence[Mapping[str, Any]],
    contract_rows: Sequence[Mapping[str, Any]],
    contracts: Sequence[Mapping[str, Any]],
    balance: Mapping[str, Any],
    months: Sequence[str],
) -> Books:
    """The office's answers as values.

    Args:
        model_rows: `rows` of `/books/totals?by=model&step=month`.
        contract_rows: the same by contract.
        contracts: answers of `/contracts/NAME`.
        balance: the answer of `/books/balance`.
        months: that are over, the oldest first.
    """
    sums: dict[str, Decimal] = {}
    for row in balance["accounts"]:
        sums[row["kind"]] = sums.get(row["kind"], Decimal(0)) + Decimal(row["balance"])
    return Books(
        balance["organisation"],
        balance["currency"],
        tuple(months),
        tuple(_month(row) for row in model_rows),
        tuple(_month(row) for row in contract_rows),
        tuple(_bound(one, months[-1]) for one in contracts),
        sums,
    )


def begun(books: Books) -> Books:
    """Without the months before the first call, when nobody had begun."""
    first = min((row.starts[:7] for row in books.models), default=books.months[0])
    return msgspec.structs.replace(books, months=tuple(one for one in books.months if one >= first))


def _month(row: Mapping[str, Any]) -> Month:
    usage = {bucket: int(row["usage"].get(bucket, 0)) for bucket in BUCKETS}
    return Month(
        row["starts"],
        row["name"],
        int(row["calls"]),
        Decimal(row["price"]),
        Decimal(row["cost"]),
        Decimal(row["listed"]),
        usage,
    )


def _bound(one: Mapping[str, Any], last: str) -> Bound:
    versions = [row["terms"] for row in one["versions"] if (row["since"] or "")[:7] <= month_after(last)]
    terms = msgspec.convert(versions[-1], Contract, strict=False) if versions else None
    at = one["position"]
    standing = Standing(
        at["unit"],
        at["measure"],
        _decimal(at["amount"]),
        _decimal(at["remaining"]),
        at["starts_at"],
        at["ends_at"],
        at["expires_at"],
    )
    models = tuple(name.partition(" at ")[0] for name in one["models"])
    return Bound(one["name"], one["provider"], models, terms, standing)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def month_after(month: str) -> str:
    """The next one."""
    return Axis(month_number(month), 1, 1).name(1)
