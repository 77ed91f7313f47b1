"""A base case from an installation's books: drivers as they are forecast, contracts with what remains.

Every model is a service with three drivers: its volume a month, the price that customers pay and what it
costs at list rates. Compute is needed in money at list rates, by groups of models that share contracts;
contracts that are paid anyway serve first, what remains is paid on demand. A spread is put into volumes and
prices as the back-test's way has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from rechenwerk.contracts.terms import Grant, OwnHardware, PrepaidCredit, Provisioned, TakeOrPay
from rechenwerk.planner.axis import month_number
from rechenwerk.planner.book_series import (
    MILLION,
    Books,
    Bound,
    Sold,
    amount,
    drawn_at_list,
    month_after,
    sold,
)
from rechenwerk.planner.forecasting import Forecast, Tested, back_test, forecast

_MINUTES = 60 * 8766 / 12
"""Of a month."""
_MONTH = 365.25 / 12
"""In days."""
_LARGE = 1e7
"""Of a month's revenue: then the plan is shown in millions."""
_PER_YEAR: Mapping[str, float] = MappingProxyType(
    {"hour": 8766.0, "day": 365.25, "week": 365.25 / 7, "month": 12.0, "quarter": 4.0, "year": 1.0}
)


class Forecasted(msgspec.Struct, frozen=True):
    """A series of the books, how its forecast was tested, and what is expected.

    Args:
        books: as a driver names it: ``volume:MODEL``, ``price:MODEL`` or ``cost:MODEL``.
        unit: of the values.
        history: (months,) what was.
    """

    books: str
    unit: str
    history: tuple[float, ...]
    tested: Tested
    expected: Forecast


class Drafted(msgspec.Struct, frozen=True):
    """A plan's text, what its drivers were made from, and what could not be carried over."""

    text: str
    series: tuple[Forecasted, ...]
    notes: tuple[str, ...]


def slug(name: str, taken: set[str]) -> str:
    """A name that can stand in a formula, of its own."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "model"
    text = text if text[0].isalpha() else f"m_{text}"
    found, count = text, 2
    while found in taken:
        found, count = f"{text}_{count}", count + 1
    taken.add(found)
    return found


def draft(books: Books, periods: int, paths: int) -> Drafted:
    """The base case.

    Args:
        books: as read.
        periods: months that are planned.
        paths: that the plan asks for.

    Raises:
        PlanError: the books have no calls.
    """
    models = sold(books)
    writer = _Writer(books, periods)
    taken: set[str] = set()
    names = {one.model: slug(one.model, taken) for one in models}
    parts = [writer.head(models, paths), *(writer.model(one, names[one.model]) for one in models)]
    parts += [
        writer.compute(number, group, names)
        for number, group in enumerate(_groups(models, books.bound), start=1)
    ]
    return Drafted("\n".join(parts), tuple(writer.series), tuple(writer.notes))


def _groups(models: Sequence[Sold], bound: Sequence[Bound]) -> list[tuple[list[Sold], list[Bound]]]:
    """Models that share contracts, together with these."""
    group = {one.model: one.model for one in models}
    for contract in bound:
        mine = [name for name in contract.models if name in group]
        for name in mine[1:]:
            old, new = group[name], group[mine[0]]
            group = {key: new if value == old else value for key, value in group.items()}
    found: dict[str, tuple[list[Sold], list[Bound]]] = {}
    for one in models:
        found.setdefault(group[one.model], ([], []))[0].append(one)
    for contract in bound:
        served = next((name for name in contract.models if name in group), None)
        if served is not None:
            found[group[served]][1].append(contract)
    return list(found.values())


class _Writer:
    """Writes tables, and keeps what was forecast.

    Args:
        books: as read.
        periods: months that are planned.
    """

    def __init__(self, books: Books, periods: int) -> None:
        self._books = books
        self._periods = periods
        self._first = month_after(books.months[-1])
        self._last = self._month(periods - 1)
        self._taken: set[str] = set()
        self.series: list[Forecasted] = []
        self.notes: list[str] = []

    def _month(self, after: int) -> str:
        year, month = divmod(month_number(self._first) + after, 12)
        return f"{year}-{month + 1:02}"

    def _told(self, status: str, what: str = "") -> dict[str, Any]:
        source = f"books{': ' if what else ''}{what}"
        return {"source": source, "date": self._books.months[-1], "status": status}

    def head(self, models: Sequence[Sold], paths: int) -> str:
        """The keys before the first table, and what is owned and owed."""
        books = self._books
        revenue = sum(float((one.volume * one.price)[-3:].mean()) for one in models)
        cost = sum(float((one.volume * one.cost * one.paid)[-3:].mean()) for one in models)
        keys = {
            "title": f"{books.organisation}, from its books",
            "currency": books.currency,
            "shown_in": books.currency + (" million" if revenue >= _LARGE else ""),
            "starts": self._first,
            "periods": self._periods,
            "paths": paths,
        }
        months = f"{books.months[0]} to {books.months[-1]}"
        opening = {
            "unit": books.currency,
            "cash": _number(books.cash),
            "receivables": _number(books.owned),
            "payables": _number(books.owed),
            **self._told("reported", "balances of bank, receivables and payables"),
        }
        waits = {
            "receivable_days": self._days("receivables", books.owned, revenue),
            "payable_days": self._days("payables", books.owed, cost),
        }
        first = f"# Written from the books of {months}. Lines may be added; drivers keep their `books`.\n"
        return first + _keys(keys) + "\n" + _table("[opening]", opening) + "\n" + _table("[policy]", waits)

    def _days(self, what: str, owed: float, monthly: float) -> float | int:
        """How long is waited for money, a month at most: what is older is settled in the first month."""
        if not monthly or owed <= 0:
            return 0
        days = owed / monthly * _MONTH
        if days > _MONTH:
            self.notes.append(
                f"{what} are {days:.0f} days old: what is older than a month is settled in the first"
            )
        return _number(min(days, _MONTH))

    def model(self, one: Sold, name: str) -> str:
        """Drivers and lines of a model."""
        currency, unit = self._books.currency, one.unit
        priced = f"{currency}/{unit}"
        tables = [
            self._driver(f"volume_{name}", f"volume:{one.model}", f"{unit}/month", one.volume, one.model),
            self._driver(f"price_{name}", f"price:{one.model}", priced, one.price, one.model),
            self._driver(f"cost_{name}", f"cost:{one.model}", priced, one.cost, one.model),
        ]
        for line, formula, shown, group in (
            (f"sold_{name}", f"volume_{name} * price_{name} * length()", currency, "revenue"),
            (f"used_{name}", f"volume_{name} * length()", unit, ""),
            (f"list_{name}", f"volume_{name} * cost_{name} * length()", currency, ""),
        ):
            keys = {"name": line, "formula": formula, "unit": shown, "group": group, "service": name}
            title = {"sold": "sold", "used": "used", "list": "at list rates"}[line.partition("_")[0]]
            # What is needed at list rates is money; its group bears the cost.
            keys |= {"title": f"{one.model}: {title}"}
            self._taken.add(line)
            tables.append(_table("[[line]]", {key: value for key, value in keys.items() if value}))
        return "\n".join(tables)

    def _driver(self, name: str, books: str, unit: str, history: np.ndarray, model: str) -> str:
        self._taken.add(name)
        used = np.flatnonzero(history)
        series = (history[used[0] :] if len(used) else history[-1:]).tolist()
        tested = back_test(series)
        expected = forecast(series, self._periods, tested.way)
        self.series.append(Forecasted(books, unit, tuple(series), tested, expected))
        keys: dict[str, Any] = {"name": name, "unit": unit, "title": f"{books.partition(':')[0]} of {model}"}
        if len(set(expected.path)) == 1:
            keys["value"] = _number(expected.path[0])
        else:
            keys["path"] = {self._month(at): _number(value) for at, value in enumerate(expected.path)}
            keys["shape"] = "steps"
        if expected.path[0] > 0 and expected.spread > 0:
            keys |= {"noise": expected.noise, "spread": _number(expected.spread)}
        keys |= {"books": books, **self._told("estimated", f"{len(series)} months, {expected.way}")}
        return _table("[[driver]]", keys)

    def compute(self, number: int, group: tuple[list[Sold], list[Bound]], names: dict[str, str]) -> str:
        """What a group of models needs at list rates, and the contracts that serve it."""
        models, bound = group
        need = f"compute_{number}"
        parts = " + ".join(f"list_{names[one.model]}" for one in models)
        self._taken.add(need)
        keys = {"name": need, "formula": parts, "unit": self._books.currency}
        if len(models) == 1:
            keys["service"] = names[models[0].model]
        tables = [_table("[[line]]", keys | {"title": "Compute at list rates"})]
        for contract in sorted(bound, key=_firmness):
            written = self._contract(contract, need, slug(contract.name, self._taken), models)
            tables += [_table("[[contract]]", written)] if written else []
        listed, cost = np.zeros(len(self._books.months)), np.zeros(len(self._books.months))
        for contract in bound:
            if contract.terms is None or contract.terms.__struct_config__.tag == "on-demand":
                drawn, paid = drawn_at_list(self._books, contract.name)
                listed, cost = listed + drawn, cost + paid
        part = float(cost.sum() / listed.sum()) if listed.sum() else 1.0
        tables.append(
            _table(
                "[[contract]]",
                {
                    "name": slug(f"on_demand_{number}", self._taken),
                    "kind": "on-demand",
                    "need": need,
                    "price": repr(_number(part)),
                    **self._told("contracted", "what was paid of list rates on demand"),
                },
            )
        )
        return "\n".join(tables)

    def _contract(self, one: Bound, need: str, name: str, models: Sequence[Sold]) -> dict[str, Any] | None:
        """The tables' keys of a contract that is paid anyway; None for one that is not."""
        terms, currency = one.terms, self._books.currency
        last = self._last
        if terms is not None and terms.ends is not None:
            last = str(terms.ends)[:7]
        if terms is None or last < self._first:
            return None
        keys: dict[str, Any] = {"name": name, "need": need, "provider": one.provider, "title": one.name}
        said = self._told("contracted", f"contract {one.name}, what remains")
        match terms:
            case TakeOrPay():
                total = self._remaining(one, terms, last)
                if total <= 0:
                    return None
                settled = "period" if terms.period in {"hour", "day", "week", "month"} else "year"
                keys |= {"kind": "take-or-pay", "total": _number(total), "unit": currency, "settled": settled}
                keys |= {"first": self._first, "last": last, "price": self._ratio(one)}
            case PrepaidCredit():
                left = amount(one.position.remaining) if one.position.remaining is not None else 0.0
                if left <= 0:
                    return None
                before = self._month(-1)
                keys |= {
                    "kind": "prepaid",
                    "total": _number(left),
                    "unit": currency,
                    "price": self._ratio(one),
                }
                keys |= {"first": before, "last": min(last, (one.position.expires_at or last)[:7])}
            case Provisioned() | OwnHardware() | Grant():
                keys |= {"kind": "provisioned", "units": "1", "first": self._first, "last": last}
                fee, room = self._fixed(terms), self._room(one, terms, models)
                keys |= {
                    "fee": f"{_number(fee)} {currency}/month",
                    "capacity": f"{_number(room)} {currency}/month",
                }
                if room <= 0:
                    self.notes.append(f"{one.name} was never used: its capacity is not known, it is left out")
                    return None
            case _:
                return None
        return keys | said

    def _remaining(self, one: Bound, terms: TakeOrPay, last: str) -> float:
        """What a minimum still demands, in money, until the contract's last month."""
        each = 1.0 if terms.unit_price is None else amount(terms.unit_price)
        now = amount(one.position.remaining) if one.position.remaining is not None else 0.0
        period = terms.period or "term"
        if period == "term":
            return now * each
        months = month_number(last) - month_number(self._first) + 1
        if period in {"hour", "day", "week", "month"}:
            return amount(terms.minimum) * _PER_YEAR[period] / 12 * months * each
        ends = one.position.ends_at or self._first
        here = month_number(ends[:7]) - month_number(self._first) + 1
        later = max(months - max(here, 0), 0) / 12 * _PER_YEAR[period]
        return (now + amount(terms.minimum) * later) * each

    def _ratio(self, one: Bound) -> str:
        """What was paid of list rates under a contract; all where nothing was drawn."""
        listed, cost = drawn_at_list(self._books, one.name)
        ratio = float(cost.sum() / listed.sum()) if listed.sum() and cost.sum() else 1.0
        return repr(_number(ratio))

    def _fixed(self, terms: Provisioned | OwnHardware | Grant) -> float:
        """What is paid a month, used or not."""
        if isinstance(terms, Provisioned):
            return sum(
                amount(block.units * block.hold_fee) * _PER_YEAR.get(block.per, 1.0) / 12
                for block in terms.blocks
            )
        if isinstance(terms, OwnHardware):
            return amount((terms.purchase - terms.residual) / max(terms.months, 1) + terms.upkeep)
        return 0.0

    def _room(self, one: Bound, terms: Provisioned | OwnHardware | Grant, models: Sequence[Sold]) -> float:
        """What a month's capacity is worth at list rates: as told, else the busiest month there was."""
        listed, _ = drawn_at_list(self._books, one.name)
        served = [model for model in models if model.model in one.models and model.volume.any()]
        told = 0.0
        if isinstance(terms, OwnHardware):
            told = amount(terms.throughput)
        elif isinstance(terms, Provisioned):
            told = sum(amount(block.units * block.throughput) for block in terms.blocks if block.throughput)
        if told and served and all(model.unit == "million tokens" for model in served):
            volume = sum(float(model.volume.sum()) for model in served)
            worth = sum(float((model.volume * model.cost).sum()) for model in served)
            return told * _MINUTES / MILLION * worth / volume
        if listed.any():
            self.notes.append(f"{one.name}: its capacity is taken from its busiest month")
        return float(listed.max(initial=0.0))


def _firmness(one: Bound) -> tuple[int, str]:
    """What is paid already serves first, then what is paid anyway, then minimums."""
    order = (Grant, OwnHardware, Provisioned, PrepaidCredit, TakeOrPay)
    return next((at for at, kind in enumerate(order) if isinstance(one.terms, kind)), len(order)), one.name


def _number(value: float) -> float | int:
    """As short as it is exact enough."""
    rounded = float(f"{value:.10g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _keys(keys: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {_value(value)}" for key, value in keys.items()) + "\n"


def _table(head: str, keys: dict[str, Any]) -> str:
    return f"{head}\n{_keys(keys)}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {_value(one)}' for key, one in value.items())} }}"
    return (
        json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        if isinstance(value, str)
        else repr(value)
    )
