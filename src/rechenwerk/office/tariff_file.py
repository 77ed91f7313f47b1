"""``[[tariff]]``: versions as a file states them; read and checked. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import Reader, check_name, items_of
from rechenwerk.base.type_words import did_you_mean, missing_fix
from rechenwerk.ledger.tariffs import Terms
from rechenwerk.office.tables import TariffTable
from rechenwerk.office.tariff_ports import Tariff

CheckRates = Callable[[Reader, Path, Mapping[str, str]], None]

_DAY = timedelta(days=1)
_MOST = Decimal(10**15)
_FIELDS = frozenset(TariffTable.__struct_fields__)
_PARTS = ("tiers", "free", "step")


def read_tariffs(reader: Reader, currency: str, check_rates: CheckRates) -> tuple[Tariff, ...]:
    """All versions of the file; what is wrong is noted in the reader."""
    tables = reader.tables("tariff", TariffTable)
    for index, table in tables:
        _check(reader, ("tariff", index), table, check_rates)
    of_model: dict[str, list[tuple[int, TariffTable]]] = defaultdict(list)
    for index, table in tables:
        of_model[table.model].append((index, table))
    if len(tables) == len(items_of(reader, "tariff")):  # else a gap may be a table that cannot be read
        for model, versions in of_model.items():
            _check_order(reader, model, versions)
    return tuple(
        Tariff(table.model, currency, terms_of(table), _begin(table.valid_from), _end(table.valid_to))
        for _, table in tables
    )


def tariff_lines(reader: Reader) -> dict[tuple[str, str], int]:
    """Model and first day (empty: none said) -> its line in the file."""
    return {
        (str(item.get("model")), str(item.get("valid_from") or "")): reader.line(("tariff", index))
        for index, item in enumerate(items_of(reader, "tariff"))
    }


def terms_of(table: TariffTable) -> Terms:
    """What a table says, without its model and its days."""
    return Terms(**{name: getattr(table, name) for name in Terms.__struct_fields__})


def _begin(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _end(day: date | None) -> datetime | None:
    begin = _begin(day)
    return None if begin is None else begin + _DAY


def _check(reader: Reader, at: Path, table: TariffTable, check_rates: CheckRates) -> None:
    check_name(reader, (*at, "model"), table.model)
    written = items_of(reader, "tariff")[int(at[1])]
    if "price" in written:
        check_rates(reader, (*at, "price"), table.price)
    elif table.cost_plus is None and not table.fee and not written.keys() - _FIELDS:
        reader.wrong(at, "[[tariff]] has no price", f"{missing_fix('price')}, or add cost_plus or a fee")
    _check_money(reader, at, table)
    if table.form != "per unit":
        for name in _PARTS:
            if name in written:
                fix = f"leave {name} out, or give the model a price per unit"
                reader.wrong((*at, name), f"{name} needs a price per unit, and this one is {table.form}", fix)
    for name in ("minimum", "included"):
        if table.form == "flat" and getattr(table, name):
            message = f"a flat rate has no {name}: use is included"
            reader.wrong((*at, name), message, f"leave {name} out")
    if table.valid_from and table.valid_to and table.valid_to < table.valid_from:
        message = f"the tariff of {table.model!r} ends on {table.valid_to}, before it begins"
        reader.wrong((*at, "valid_to"), message, "write the last day on which it holds")
    _check_tiers(reader, at, table)
    _check_free(reader, at, table)


def _check_money(reader: Reader, at: Path, table: TariffTable) -> None:
    for name in ("fee", "minimum", "included"):
        amount: Decimal = getattr(table, name)
        if not amount.is_finite() or not 0 <= amount < _MOST:
            reader.wrong((*at, name), f"{name} must be 0 or more", 'write an amount such as "25.00"')
    if table.cost_plus is not None and (not table.cost_plus.is_finite() or not 0 <= table.cost_plus <= 1000):
        fix = 'write the share that is put on the cost, such as "0.15" for 15 %'
        reader.wrong((*at, "cost_plus"), "cost_plus must be from 0 to 1000", fix)


def _check_tiers(reader: Reader, at: Path, table: TariffTable) -> None:
    seen = set()
    for number, tiers in enumerate(table.tiers):
        here: Path = (*at, "tiers", number)
        if tiers.bucket in seen:
            message = f"{tiers.bucket} has tiers twice"
            reader.wrong((*here, "bucket"), message, "put all steps of a bucket into one")
        seen.add(tiers.bucket)
        if tiers.bucket not in table.price:
            fix = f"add its rate up to the first tier to price: {tiers.bucket} = …"
            reader.wrong((*here, "bucket"), f"{tiers.bucket} has tiers and no price", fix)
        if not tiers.steps:
            fix = 'write steps = [{ above = "10000000", rate = "1.50" }]'
            reader.wrong((*here, "steps"), f"the tiers of {tiers.bucket} have no steps", fix)
        before = Decimal(0)
        for place, step in enumerate(tiers.steps):
            if not step.above.is_finite() or not before < step.above < _MOST:
                message = f"the tiers of {tiers.bucket} overlap: above {step.above} follows above {before}"
                if not place:
                    message = f"the first tier of {tiers.bucket} must begin above 0"
                fix = "write the steps in ascending order; up to the first one the price holds"
                reader.wrong((*here, "steps", place, "above"), message, fix)
            if not step.rate.is_finite() or not 0 <= step.rate < _MOST:
                reader.wrong((*here, "steps", place, "rate"), "a rate must be 0 or more", 'such as "0.15"')
            before = step.above


def _check_free(reader: Reader, at: Path, table: TariffTable) -> None:
    for bucket, count in table.free.items():
        if count <= 0:
            fix = "write how many units of a month are included"
            reader.wrong((*at, "free", bucket), f"free.{bucket} must be above 0", fix)
        if bucket not in table.price:
            fix = did_you_mean(bucket, table.price)
            reader.wrong((*at, "free", bucket), f"free.{bucket} has no price to be free of", fix)
    step = table.step
    if step is not None and (step.size <= 0 or not step.buckets):
        fix = "write step = { size = 1000000 }"
        reader.wrong((*at, "step"), "a step needs a size above 0 and buckets", fix)


def _check_order(reader: Reader, model: str, versions: Sequence[tuple[int, TariffTable]]) -> None:
    """Versions follow each other: each begins when the one before it ends."""
    ordered = sorted(versions, key=lambda one: (one[1].valid_from or date.min, one[0]))
    for (_, before), (index, table) in pairwise(ordered):
        at: Path = ("tariff", index)
        if table.valid_from is None:
            fix = "say from which day it holds: valid_from = 2027-01-01"
            reader.wrong(at, f"tariff {model!r} stands here twice", fix)
        elif table.valid_from == before.valid_from:
            message = f"two tariffs of {model!r} begin on {table.valid_from}"
            reader.wrong((*at, "valid_from"), message, "remove one of them, or move its first day")
        elif before.valid_to is not None and before.valid_to >= table.valid_from:
            message = f"tariffs of {model!r} overlap from {table.valid_from} to {before.valid_to}"
            ends, begins = table.valid_from - _DAY, before.valid_to + _DAY
            fix = f"end the earlier one on {ends}, or begin this one on {begins}"
            reader.wrong((*at, "valid_from"), message, fix)
        elif before.valid_to is not None and before.valid_to + _DAY < table.valid_from:
            first, last = before.valid_to + _DAY, table.valid_from - _DAY
            message = f"there is no tariff of {model!r} from {first} to {last}"
            reader.wrong((*at, "valid_from"), message, f"begin this one on {first}, or add one for the gap")
