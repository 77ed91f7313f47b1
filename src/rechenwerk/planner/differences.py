"""Why two plans differ: what is written otherwise, and what each difference does, one after the other.

The differences are made one by one, in the order of the file, and the plan is calculated after each; so the
effects add up to the whole. An effect depends on what was changed before it, as in every bridge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from rechenwerk.base.errors import PlanError, RechenwerkError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.running import base
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.tables import Written

_TABLES = ("drivers", "lines", "contracts", "funding", "happening")
_SINGULAR = ("driver", "line", "contract", "funding", "shock")
_SILENT = frozenset({"title", "source", "date", "note", "books"})
"""Fields that change no number."""


class Change(msgspec.Struct, frozen=True):
    """A table that is written otherwise.

    Args:
        table: such as ``driver``; ``head`` for the keys before the first table.
        name: of the row; '' where there is one only.
        how: added, removed or changed.
        fields: (key, before, after) of what is changed.
    """

    table: str
    name: str
    how: str
    fields: tuple[tuple[str, str, str], ...] = ()


class Step(msgspec.Struct, frozen=True):
    """Differences and what they do to the line that is looked at, in the unit of the bridge."""

    changes: tuple[Change, ...]
    effect: float


class Bridge(msgspec.Struct, frozen=True):
    """From one plan to another.

    Args:
        line, at, unit: what is looked at.
        before, after: its value in both.
        steps: whose effects are the difference; the greatest first.
        silent: differences that change no number.
    """

    line: str
    at: str
    unit: str
    before: float
    after: float
    steps: tuple[Step, ...]
    silent: tuple[Change, ...] = ()


def bridge(left: Written, right: Written, line: str = "cash", at: str = "") -> Bridge:
    """What leads from one plan to another.

    Args:
        left: tables, in the scenario that is meant.
        right: the same of the other plan.
        line: that is looked at.
        at: the period; the last that both have unless said otherwise.

    Raises:
        PlanError: the plans have other currencies, or no such line or period.
    """
    if left.head.currency != right.head.currency:
        both = f"{left.head.currency} and {right.head.currency}"
        raise PlanError("{both} cannot be compared; bring the plans to one currency", both=both)
    first, last = build(left), build(right)
    for plan in (first, last):
        if line not in plan.lines:
            raise PlanError(
                "no line {line!r} in {title!r}; {fix}",
                line=line,
                title=plan.written.head.title,
                fix=did_you_mean(line, plan.lines),
            )
    period = at or min(plan.axis.name(plan.axis.count - 1) for plan in (first, last))
    before, after = _value(first, line, period), _value(last, line, period)
    steps, so_far, pending, written = [], before, [], left
    silent = []
    for change, changed in _changes(left, right):
        if change.how == "changed" and not change.fields:
            silent.append(msgspec.structs.replace(change, how="described otherwise"))
            written = changed(written)
            continue
        written = changed(written)
        pending.append(change)
        try:
            value = _value(build(written), line, period)
        except RechenwerkError:
            continue  # it needs what comes next, such as a line that names a new driver
        steps.append(Step(tuple(pending), value - so_far))
        so_far, pending = value, []
    if pending or abs(after - so_far) > 1e-9 * max(abs(after), abs(before), 1.0):
        pending.append(Change("file", "", "the rest of the file"))
        steps.append(Step(tuple(pending), after - so_far))
    scale = shown_unit(first, line)[1]
    ordered = sorted(
        (Step(one.changes, one.effect / scale) for one in steps), key=lambda one: -abs(one.effect)
    )
    unit = shown_unit(first, line)[0]
    return Bridge(line, period, unit, before / scale, after / scale, tuple(ordered), tuple(silent))


def _value(plan: Plan, line: str, period: str) -> float:
    index = plan.axis.index(period)
    if not 0 <= index < plan.axis.count:
        raise PlanError("{period} is outside of {title!r}", period=period, title=plan.written.head.title)
    return float(base(plan)[line][index, 0])


class _Apply(msgspec.Struct, frozen=True):
    """Makes one difference."""

    field: str
    name: str
    row: Any
    after: str = ""

    def __call__(self, written: Written) -> Written:
        if not self.name:
            return msgspec.structs.replace(written, **{self.field: self.row})
        rows = list(getattr(written, self.field))
        names = [one.name for one in rows]
        if self.name in names:
            at = names.index(self.name)
            rows[at : at + 1] = [] if self.row is None else [self.row]
        elif self.row is not None:
            rows.insert(names.index(self.after) + 1 if self.after in names else 0, self.row)
        return msgspec.structs.replace(written, **{self.field: tuple(rows)})


def _changes(left: Written, right: Written) -> Iterator[tuple[Change, _Apply]]:
    for field in ("head", "opening", "policy"):
        before, after = getattr(left, field), getattr(right, field)
        if before != after:
            yield Change(field, "", "changed", _fields(before, after)), _Apply(field, "", after)
    if left.correlations != right.correlations:
        yield Change("correlation", "", "changed", ()), _Apply("correlations", "", right.correlations)
    for field, table in zip(_TABLES, _SINGULAR, strict=True):
        old = {one.name: one for one in getattr(left, field)}
        new = {one.name: one for one in getattr(right, field)}
        for name in old:
            if name not in new:
                yield Change(table, name, "removed"), _Apply(field, name, None)
        before_it = ""
        for name, row in new.items():
            if name not in old:
                yield Change(table, name, "added"), _Apply(field, name, row, before_it)
            elif old[name] != row:
                yield Change(table, name, "changed", _fields(old[name], row)), _Apply(field, name, row)
            before_it = name


def _fields(before: msgspec.Struct, after: msgspec.Struct) -> tuple[tuple[str, str, str], ...]:
    found = []
    for key in before.__struct_fields__:
        old, new = getattr(before, key), getattr(after, key)
        if old != new and key not in _SILENT:
            found.append((key, _text(old), _text(new)))
    return tuple(found)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


def said(changes: Sequence[Change], say: Any) -> str:
    """Differences in words.

    Args:
        changes: of one step.
        say: `planner.words.Words`.
    """
    return "; ".join(_said(one, say) for one in changes)


def _said(one: Change, say: Any) -> str:
    what = " ".join(part for part in (say(one.table), one.name) if part)
    if one.how != "changed":
        return f"{what}: {say(one.how)}"
    fields = ", ".join(f"{key} {before or '-'} → {after or '-'}" for key, before, after in one.fields)
    return f"{what}: {fields}"
