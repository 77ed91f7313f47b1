"""What a configuration changes: the one that stands against the one that a file wants. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date
from typing import Any

import msgspec

from rechenwerk.base.toml_reader import Mistake, MistakesError
from rechenwerk.contracts.changes import may_change
from rechenwerk.contracts.concentration import Cap
from rechenwerk.contracts.terms import Contract as Terms
from rechenwerk.office.ports import (
    Change,
    Configured,
    Contract,
    DataClassRow,
    Deployment,
    Provider,
    Row,
)
from rechenwerk.office.standing import Site
from rechenwerk.office.tariff_changes import tariff_changes

_Standing = Provider | Site | Contract | Deployment | DataClassRow | Cap
"""Rows that are deactivated when they are gone from the file."""


def diff(current: Configured, wanted: Configured) -> list[Change]:
    """What to do so that `wanted` stands: in the order in which it can be written.

    What is missing from `wanted` is deactivated, never deleted. A changed rate is a new row.

    Raises:
        MistakesError: the currency cannot change any more, or a contract or tariff not like this.
    """
    changes: list[Change] = []
    if wanted.currency != current.currency:
        if current.currency_is_fixed:
            fix = f'write currency = "{current.currency}"'
            message = f"the currency cannot change to {wanted.currency}: {current.currency_is_fixed}"
            raise MistakesError([Mistake(1, message, fix)])
        changes.append(Change("currency", wanted.currency, "change", current.currency, wanted.currency))
    _check_booked(current, wanted)
    at = "{0.model} at {0.provider} under {0.contract}".format
    changes += _rows("provider", current.providers, wanted.providers, lambda row: str(row.name))
    changes += _rows("site", current.sites, wanted.sites, lambda row: str(row.name))
    changes += _rows("contract", current.contracts, wanted.contracts, lambda row: str(row.name))
    changes += _rows("deployment", current.deployments, wanted.deployments, at)
    changes += _rates("cost", current.costs, wanted.costs, at)
    changes += tariff_changes(current, wanted)
    changes += _rows("data class", current.data_classes, wanted.data_classes, lambda row: str(row.name))
    changes += _rows("concentration cap", current.caps, wanted.caps, lambda row: str(row.name))
    return changes


def _check_booked(current: Configured, wanted: Configured) -> None:
    stand = {row.name: row for row in current.contracts}
    mistakes = []
    for row in wanted.contracts:
        before = stand.get(row.name)
        used = None if before is None else _booked(before.terms, current)
        if before is None or used is None:
            continue
        first, last = used
        problem = may_change(before.terms, row.terms, last, first)
        if problem is not None:
            line = wanted.lines.get((row.name, problem.field)) or wanted.lines.get((row.name, ""), 0)
            mistakes.append(Mistake(line, f"contract {row.name!r}: {problem.message}", problem.fix))
    if mistakes:
        raise MistakesError(mistakes)


def _booked(terms: Terms, current: Configured) -> tuple[date, date] | None:
    """First and last day of calls that count for a contract: its own, and what it covers while it runs."""
    own = current.used.get(terms.name)
    days = [hour.astimezone(UTC).date() for hour in own or ()]
    for name in terms.covers:
        if hours := current.used.get(name):
            first, last = (hour.astimezone(UTC).date() for hour in hours)
            first, last = max(first, terms.starts or first), min(last, terms.ends or last)
            days += [first, last] if first <= last else []
    return (min(days), max(days)) if days else None


def _rows(
    what: str,
    current: Sequence[_Standing],
    wanted: Sequence[_Standing],
    name: Callable[[Any], str],
) -> list[Change]:
    stand = {name(row): row for row in current}
    keep = {name(row) for row in wanted}
    changes = _rates(what, current, wanted, name)
    for key, row in stand.items():
        if key not in keep and row.active:
            gone = msgspec.structs.replace(row, active=False)
            changes.append(Change(what, key, "deactivate", row, gone))
    return changes


def _rates(
    what: str, current: Sequence[Row], wanted: Sequence[Row], name: Callable[[Any], str]
) -> list[Change]:
    stand = {name(row): row for row in current}
    changes = []
    for row in wanted:
        before = stand.get(name(row))
        if before != row:
            action = "change" if before is not None else "create"
            changes.append(Change(what, name(row), action, before, row))
    return changes
