"""Published figures, those that contradict each other included, and the fields of a plan that they fill.

    [[figure]]
    name = "revenue_2027"
    unit = "USD bn"
    [[figure.says]]
    name = "target"
    value = 62
    [[figure.says]]
    name = "remark"
    value = 100

A field of a driver, a contract, a source of money, a fit, a bridge, the opening or the policy may say
``"= revenue_2027"`` instead of a number. The first value counts; a scenario picks another one, and
``"= revenue_2027:remark"`` names one for good. With the value go its source, date and status, unless the
table says its own: so a scenario without letters of intent is without what only such a letter says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import Reader, unique
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.numbers import number, parted
from rechenwerk.planner.tables import FigureTable, Said, ScenarioTable, Use, Written
from rechenwerk.planner.told import STATUSES, Told
from rechenwerk.planner.units import ONE, read_unit

_TABLES = ("driver", "contract", "funding", "fit", "bridge")
_FIELDS: Mapping[str, str] = MappingProxyType(
    {"driver": "drivers", "contract": "contracts", "funding": "funding"}
)
_BARE = frozenset({"growth", "spread", "interest", "part", "life"})
"""Fields without a unit; others are in that of their table."""
_WITH_UNIT = frozenset({"price", "fee", "capacity", "energy", "most", "units"})
"""Fields that say their unit themselves."""
_TOLD = tuple(field.name for field in msgspec.structs.fields(Told))


def read_figures(reader: Reader) -> tuple[tuple[FigureTable, ...], tuple[Use, ...]]:
    """The figures of a file; fields that name one have its value in the reader's tables afterwards."""
    found = reader.tables("figure", FigureTable)
    unique(reader, "figure", [(index, one.name) for index, one in found])
    for index, figure in found:
        _check(reader, index, figure)
    figures = {one.name: one for _, one in found}
    uses = []
    for one in list(_fields(reader.raw)):
        path, item, key, point = one.path, one.item, one.key, one.point
        text = str(item[key][point] if point else item[key]).strip().removeprefix("=").strip()
        place = (*path, key, point) if point else (*path, key)
        name, _, wished = text.partition(":")
        try:
            said = _said(figures, name, wished)
            value = _value(figures[name], said, key, one.unit)
        except PlanError as error:
            reader.wrong(place, *parted(error))
            continue
        if point:
            item[key][point] = value
        else:
            item[key] = value
        told = tuple(each for each in _TOLD if each not in item) if path[0] in _FIELDS else ()
        uses.append(
            Use(str(path[0]), str(item.get("name", "")), key, point, name, said.name, bool(wished), told)
        )
    _tell(reader.raw, figures, uses)
    return tuple(one for _, one in found), tuple(uses)


def _check(reader: Reader, index: int, one: FigureTable) -> None:
    if not one.says:
        fix = "add [[figure.says]] with name, value and source"
        reader.wrong(("figure", index), sentence("figure {name!r} says nothing", name=one.name), fix)
    names = [said.name for said in one.says]
    for at, said in enumerate(one.says):
        if said.name in names[:at]:
            path = ("figure", index, "says", at, "name")
            reader.wrong(
                path,
                sentence("figure {name!r} says {name2!r} twice", name=one.name, name2=said.name),
                "rename one of them",
            )
        try:
            number(said.value)
        except PlanError as error:
            reader.wrong(("figure", index, "says", at, "value"), *parted(error))
    try:
        read_unit(one.unit)
    except PlanError as error:
        reader.wrong(("figure", index, "unit"), *parted(error))


class _Field(msgspec.Struct, frozen=True):
    """A field that names a figure: path of its table, the table, the key, the point of a path, the unit."""

    path: Path
    item: dict[str, Any]
    key: str
    point: str
    unit: object


def _fields(raw: Mapping[str, Any]) -> Iterator[_Field]:
    """Every field that names a figure."""
    for path, item, unit in _items(raw):
        for key, value in item.items():
            if isinstance(value, str) and value.lstrip().startswith("="):
                yield _Field(path, item, key, "", unit)
            elif isinstance(value, dict):
                for point, inner in value.items():
                    if isinstance(inner, str) and inner.lstrip().startswith("="):
                        yield _Field(path, item, key, point, unit)


def _items(raw: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any], object]]:
    """Tables that may name figures, with their units; the steps of a bridge are in the bridge's."""
    found: list[tuple[Path, Any]] = [((name,), raw.get(name)) for name in ("opening", "policy")]
    found += [place for name in _TABLES for place in _rows((name,), raw.get(name))]
    for path, item in found:
        if not isinstance(item, dict):
            continue
        yield path, item, item.get("unit")
        for key in ("target", "vary", "step"):
            for place, inner in _rows((*path, key), item.get(key)):
                if isinstance(inner, dict):
                    yield place, inner, inner.get("unit", item.get("unit"))


def _rows(path: Path, rows: object) -> list[tuple[Path, Any]]:
    return [((*path, index), item) for index, item in enumerate(rows if isinstance(rows, list) else ())]


def _said(figures: Mapping[str, FigureTable], name: str, wished: str) -> Said:
    """One value of a figure.

    Raises:
        PlanError: there is none of this name.
    """
    if name not in figures:
        raise PlanError("no figure {name!r} in the file; {fix}", name=name, fix=did_you_mean(name, figures))
    says = {said.name: said for said in figures[name].says}
    if not says:
        raise PlanError("figure {name!r} says nothing; add says = [{{ name = …, value = … }}]", name=name)
    if wished and wished not in says:
        raise PlanError(
            "figure {name!r} says no {wished!r}; {fix}",
            name=name,
            wished=wished,
            fix=did_you_mean(wished, says),
        )
    return says[wished] if wished else figures[name].says[0]


def _value(figure: FigureTable, said: Said, key: str, unit: object) -> float | str:
    """What a field says with one value of a figure.

    Raises:
        PlanError: they are in units that do not fit.
    """
    if key in _WITH_UNIT:
        return f"{number(said.value)!r} {figure.unit}"
    own = read_unit(figure.unit)
    wanted = read_unit(unit) if isinstance(unit, str) and key not in _BARE else ONE
    if own.powers != wanted.powers:
        raise PlanError(
            "{name} is in {unit!r}; {key} must be in {known}",
            name=figure.name,
            unit=figure.unit,
            key=key,
            known=unit or "a bare number",
        )
    return number(said.value) if own == wanted else number(said.value) * (own.scale / wanted.scale)


def _tell(raw: Mapping[str, Any], figures: Mapping[str, FigureTable], uses: Sequence[Use]) -> None:
    """Give tables the source, date and status of the figures that fill them."""
    rows = {
        (table, item["name"]): item
        for table in _FIELDS
        for item in (raw.get(table) or ())
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    }
    for (table, name), item in rows.items():
        mine = [one for one in uses if (one.table, one.name) == (table, name)]
        if mine:
            item.update(_told(mine, figures))


def _told(uses: Sequence[Use], figures: Mapping[str, FigureTable]) -> dict[str, str]:
    """Source, date and status of all that fills a table; of several the status that is least firm."""
    used = [_said(figures, one.figure, one.said) for one in uses]
    told = {
        "source": "; ".join(dict.fromkeys(one.source for one in used if one.source)),
        "date": max(one.date for one in used),
        "status": max((one.status for one in used), key=STATUSES.index),
    }
    return {key: value for key, value in told.items() if key in uses[0].told}


def picked(written: Written, choices: Mapping[str, str]) -> Written:
    """A plan's tables with other values of some figures.

    Args:
        written: tables.
        choices: by figure the name of what one source says.

    Raises:
        PlanError: there is no such figure or nothing of this name that it says.
    """
    figures = {one.name: one for one in written.figures}
    for name, choice in choices.items():
        _said(figures, name, choice)
    uses = tuple(
        msgspec.structs.replace(one, said=choices[one.figure])
        if one.figure in choices and not one.fixed
        else one
        for one in written.uses
    )
    written = msgspec.structs.replace(written, uses=uses)
    changed: dict[str, Any] = {
        field: tuple(_filled(written, table, row) for row in getattr(written, field))
        for table, field in _FIELDS.items()
    }
    for table in ("opening", "policy"):
        changed[table] = _filled(written, table, getattr(written, table))
    return msgspec.structs.replace(written, **changed)


def _filled(written: Written, table: str, row: Any) -> Any:
    """A table with what figures say now."""
    mine = [one for one in written.uses if (one.table, one.name) == (table, getattr(row, "name", ""))]
    if not mine:
        return row
    figures = {one.name: one for one in written.figures}
    changes: dict[str, Any] = {}
    for one in mine:
        said = _said(figures, one.figure, one.said)
        value = _value(figures[one.figure], said, one.key, getattr(row, "unit", None))
        if one.point:
            changes[one.key] = {**changes.get(one.key, getattr(row, one.key)), one.point: value}
        else:
            changes[one.key] = value
    told = _told(mine, figures) if table in _FIELDS else {}
    return msgspec.structs.replace(row, **changes, **told)


class Contradiction(msgspec.Struct, frozen=True):
    """One value of a figure beside the others.

    Args:
        figure, title, unit, period: what it is of.
        said: its name, value, source, date, status and note.
        used_by: scenarios that use it; '' is the plan as written.
        fills: fields of the plan that the figure fills.
    """

    figure: str
    title: str
    unit: str
    period: str
    said: Said
    used_by: tuple[str, ...]
    fills: tuple[str, ...]


def _picks(scenario: ScenarioTable, uses: Sequence[Use], said: str) -> bool:
    """Whether a scenario uses what one source says."""
    return any(said == (one.said if one.fixed else scenario.figure.get(one.figure, one.said)) for one in uses)


def side_by_side(written: Written, *, contradicting: bool = False) -> tuple[Contradiction, ...]:
    """All figures of a plan with all their values, and who uses which.

    Args:
        written: tables, as the file has them.
        contradicting: only figures of which sources say different things.
    """
    found = []
    for figure in written.figures:
        if contradicting and len(figure.says) < 2:
            continue
        uses = [one for one in written.uses if one.figure == figure.name]
        for said in figure.says:
            users = {one.name for one in written.scenarios if _picks(one, uses, said.name)}
            used = tuple(name for name in ("", *(one.name for one in written.scenarios)) if name in users)
            if any(one.said == said.name for one in uses):
                used = ("", *used)
            fills = tuple(
                f"{one.name or one.table}.{one.key}" for one in uses if not one.fixed or one.said == said.name
            )
            found.append(
                Contradiction(figure.name, figure.title, figure.unit, figure.period, said, used, fills)
            )
    return tuple(found)


def picks(plans: Sequence[Written]) -> list[tuple[str, ...]]:
    """Figures of which plans use different values: (title and unit, what each uses)."""
    found = []
    for figure in plans[0].figures:
        cells = []
        for written in plans:
            used = [one.said for one in written.uses if one.figure == figure.name and not one.fixed]
            says = {said.name: said for said in figure.says}
            cells.append(f"{says[used[0]].value} ({used[0]})" if used else "")
        if len(set(cells)) > 1:
            rows = (f"{figure.title or figure.name} ({figure.unit})", *cells)
            found.append(rows)
    return found
