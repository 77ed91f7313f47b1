"""Reading a plan's file: tables, types, names and numbers, every mistake with its line and its fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import MistakesError, Reader
from rechenwerk.base.type_words import did_you_mean, explained
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.case_tables import (
    BridgeTable,
    FitTable,
    HolderTable,
    OwnershipTable,
    RoundTable,
    WarrantTable,
)
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.figures import read_figures
from rechenwerk.planner.numbers import number, parted
from rechenwerk.planner.tables import (
    ContractTable,
    CorrelationTable,
    DriverTable,
    FundingTable,
    Head,
    LineTable,
    OpeningTable,
    PolicyTable,
    ScenarioTable,
    ShockTable,
    Written,
)
from rechenwerk.planner.told import Number

_FREE = frozenset({"scenario", "shock", "holder", "round", "warrant", "fit", "bridge"})
"""Tables whose names never stand in a formula."""
_LIMITS = (
    ("part", 0, 1),
    ("keeps", 0, 0.99),
    ("pool", 0, 0.99),
    ("spread", 0, 5),
    ("life", 0.01, 100),
    ("interest", -1, 10),
)
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
T = TypeVar("T", bound=msgspec.Struct)

TABLES: tuple[tuple[str, str, type[msgspec.Struct]], ...] = (
    ("driver", "drivers", DriverTable),
    ("correlation", "correlations", CorrelationTable),
    ("line", "lines", LineTable),
    ("contract", "contracts", ContractTable),
    ("funding", "funding", FundingTable),
    ("fit", "fits", FitTable),
    ("bridge", "bridges", BridgeTable),
    ("holder", "holders", HolderTable),
    ("round", "rounds", RoundTable),
    ("warrant", "warrants", WarrantTable),
    ("shock", "shocks", ShockTable),
    ("scenario", "scenarios", ScenarioTable),
)


def read_plan(text: str | Reader) -> tuple[Written, Reader]:
    """The tables of a plan's file, and the reader that knows their lines.

    Args:
        text: TOML, or a reader of tables that were read from something else.

    Raises:
        MistakesError: all mistakes that can be told from the tables alone.
    """
    reader = text if isinstance(text, Reader) else Reader(text, numbers=float)
    known = {table for table, _, _ in TABLES} | {"opening", "policy", "ownership", "figure"}
    heads = [field.name for field in msgspec.structs.fields(Head)]
    for key in reader.raw:
        if key not in known and key not in heads:
            said = sentence("unknown table or key {key!r}", key=key)
            reader.wrong((key,), said, did_you_mean(key, [*heads, *sorted(known)]))
    figures, uses = read_figures(reader)
    head = _one(reader, (), {key: reader.raw[key] for key in heads if key in reader.raw}, Head)
    opening = _one(reader, ("opening",), reader.raw.get("opening", {}), OpeningTable)
    policy = _one(reader, ("policy",), reader.raw.get("policy", {}), PolicyTable)
    ownership = _one(reader, ("ownership",), reader.raw.get("ownership", {}), OwnershipTable)
    found = {field: reader.tables(table, kind) for table, field, kind in TABLES}
    for table, field, _ in TABLES:
        for index, one in found[field]:
            _check(reader, (table, index), one)
    if head is not None:
        _check_axis(reader, head)
    if reader.mistakes or head is None or opening is None or policy is None or ownership is None:
        raise MistakesError(reader.mistakes)
    tables: dict[str, Any] = {field: tuple(one for _, one in rows) for field, rows in found.items()}
    tables |= {"figures": figures, "uses": uses, "ownership": ownership}
    return Written(head, opening, policy, **tables), reader


def _one(reader: Reader, path: Path, item: object, kind: type[T]) -> T | None:
    if not isinstance(item, dict):
        reader.wrong(
            path, sentence("{item} must be one table", item=path[0]), sentence("write [{item}]", item=path[0])
        )
        return None
    try:
        return msgspec.convert(item, kind)
    except msgspec.ValidationError as error:
        inner, what, fix = explained(error, kind, item)
        if what.startswith(" has no"):
            what = sentence("{where}{what}", where="the file" if not path else f"[{path[0]}]", what=what)
        reader.wrong((*path, *inner), what, fix)
        return None


def _check_axis(reader: Reader, head: Head) -> None:
    try:
        Axis.of(head.starts, head.periods)
    except PlanError as error:
        key = "periods" if "periods" in str(error) else "starts"
        reader.wrong((key,), *parted(error))


def _check(reader: Reader, path: Path, one: msgspec.Struct) -> None:
    name = getattr(one, "name", None)
    if name is not None and path[0] not in _FREE and not _NAME.fullmatch(name):
        fix = "use small letters, digits and _, such as price_per_user"
        reader.wrong((*path, "name"), sentence("{name!r} cannot stand in a formula", name=name), fix)
    for key, value in numbers_of(one):
        try:
            number(value)
        except PlanError as error:
            reader.wrong((*path, key), *parted(error))
            return
    for key, low, high in _LIMITS:
        if getattr(one, key, None) is not None and not low <= number(getattr(one, key)) <= high:
            reader.wrong(
                (*path, key),
                sentence("{key} is {value}", key=key, value=getattr(one, key)),
                sentence("write a number from {low} to {high}", low=low, high=high),
            )
    for key in ("vary", "target", "step"):
        for index, inner in enumerate(getattr(one, key, ())):
            _check(reader, (*path, key, index), inner)
    if isinstance(one, DriverTable):
        _check_driver(reader, path, one)


def numbers_of(one: msgspec.Struct) -> Iterator[tuple[str, Number]]:
    """Fields that are numbers, with their values."""
    for field in msgspec.structs.fields(type(one)):
        if "float" in str(field.type) or "Number" in str(field.type):
            value = getattr(one, field.name)
            if isinstance(value, tuple):
                yield from ((field.name, each) for each in value)
            elif isinstance(value, Mapping):
                yield from ((field.name, each) for each in value.values() if not isinstance(each, Mapping))
            elif value is not None:
                yield field.name, value


def _check_driver(reader: Reader, path: Path, one: DriverTable) -> None:
    if (one.value is None) == (not one.path):
        fix = 'write value = 10, or path = { "2026-01" = 10, "2027-01" = 12 }'
        reader.wrong(path, sentence("driver {name!r} needs either a value or a path", name=one.name), fix)
    if one.noise != "none" and not number(one.spread):
        reader.wrong(
            (*path, "noise"),
            sentence("driver {name!r} has a noise without a spread", name=one.name),
            'add spread = "10%"',
        )
    if one.noise == "none" and number(one.spread):
        reader.wrong(
            (*path, "spread"),
            sentence("driver {name!r} has a spread without a noise", name=one.name),
            'add noise = "walk"',
        )
    try:
        points(one, Axis(0, 1, 1))
    except PlanError as error:
        reader.wrong((*path, "path"), *parted(error))


def points(one: DriverTable, axis: Axis) -> Floats:
    """(periods,) the course of a driver as written, in its own unit.

    Raises:
        PlanError: a period of its path is none, or growth between values that have no ratio.
    """
    months = axis.first + axis.months * np.arange(axis.count)
    if one.value is not None:
        years = (months - axis.first) / 12
        return np.asarray(number(one.value) * (1 + number(one.growth)) ** years, dtype=np.float64)
    at = np.asarray([_month(period) for period in one.path], dtype=np.float64)
    values = np.asarray([number(value) for value in one.path.values()])
    if (np.diff(at) <= 0).any():
        raise PlanError("the periods of a path must follow each other; bring them into order")
    if one.shape == "steps":
        before = np.clip(np.searchsorted(at, months, side="right") - 1, 0, len(at) - 1)
        return np.asarray(values[before], dtype=np.float64)
    if one.shape == "linear" or len(values) == 1:
        found = np.interp(months, at, values)
    else:
        if (values <= 0).any():
            raise PlanError('a path that grows needs values above 0; write shape = "linear" or "steps"')
        found = np.exp(np.interp(months, at, np.log(values)))
    beyond = np.maximum(months - at[-1], 0) / 12
    return np.asarray(found * (1 + number(one.growth)) ** beyond, dtype=np.float64)


def _month(period: str) -> int:
    return Axis.of(period, 1).first
