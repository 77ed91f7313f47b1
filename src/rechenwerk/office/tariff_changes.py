"""Which versions of tariffs to write so that from now on a file's hold. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from rechenwerk.base.toml_reader import Mistake, MistakesError
from rechenwerk.office.ports import Change, Configured
from rechenwerk.office.tariff_ports import Tariff

_EVER = datetime.min.replace(tzinfo=UTC)
_Sold = tuple[object, str] | None
"""Terms and currency; None: not sold."""


def tariff_changes(current: Configured, wanted: Configured) -> list[Change]:
    """What to write.

    What holds now stays as it is booked: a version that has begun is followed by another one, never changed.
    A version without a first day holds from now on. Before the first of a file whatever stands goes on.
    A tariff that is gone from the file ends, unless its organisation has deployments of the model: those are
    deactivated, or refused without a tariff.

    Raises:
        MistakesError: a version that has begun would change.
    """
    now = current.at or _EVER
    stands: dict[str, list[Tariff]] = defaultdict(list)
    wishes: dict[str, list[Tariff]] = defaultdict(list)
    for row in current.tariffs:
        stands[row.model].append(row)
    for row in wanted.tariffs:
        wishes[row.model].append(row)
    changes: list[Change] = []
    mistakes: list[Mistake] = []
    for model, rows in wishes.items():
        rows.sort(key=lambda row: row.starts or _EVER)
        mistakes += _begun(stands[model], rows, now, wanted)
        changes += _of_model(model, stands[model], rows, now)
    served = {row.model for row in current.deployments}
    for model in stands.keys() - wishes.keys() - served:
        changes += _of_model(model, stands[model], [], now)
    if mistakes:
        raise MistakesError(mistakes)
    return changes


def _of_model(model: str, stands: Sequence[Tariff], wishes: Sequence[Tariff], now: datetime) -> list[Change]:
    """Walk along the borders from now on, and write a version wherever another one is wanted."""
    begin = now
    if not stands and wishes and wishes[0].starts is not None:
        begin = wishes[0].starts  # the first of a model may have begun before
    borders = {one for row in (*stands, *wishes) for one in (row.starts, row.ends) if one and one > begin}
    known = list(stands)
    changes: list[Change] = []
    for at in (begin, *sorted(borders)):
        have = _at(known, at)
        want = _wanted(wishes, at) if not _is_before(wishes, at) else _at(stands, at)
        if _sold(have) == _sold(want):
            continue
        starts = None if at == now else at
        before = have or (known[-1] if known else None)
        currency = want.currency if want is not None else known[-1].currency
        after = Tariff(model, currency, None if want is None else want.terms, starts)
        known.append(msgspec.structs.replace(after, starts=at))
        action = "deactivate" if want is None else "create" if before is None else "change"
        name = model if starts is None else f"{model} from {starts:%Y-%m-%d}"
        shown = None if before is None else msgspec.structs.replace(before, starts=None)
        changes.append(Change("tariff", name, action, shown, after))
    return changes


def _is_before(wishes: Sequence[Tariff], at: datetime) -> bool:
    return bool(wishes) and wishes[0].starts is not None and at < wishes[0].starts


def _at(rows: Sequence[Tariff], at: datetime) -> Tariff | None:
    """Of versions as they were written the one that holds; None: not sold."""
    found: Tariff | None = None
    for row in rows:
        if (row.starts or _EVER) <= at and (
            found is None or (row.starts or _EVER) >= (found.starts or _EVER)
        ):
            found = row
    return None if found is None or found.terms is None else found


def _wanted(rows: Sequence[Tariff], at: datetime) -> Tariff | None:
    """Of versions of a file the one that is to hold."""
    found = None
    for row in rows:
        if (row.starts or _EVER) <= at:
            found = row if row.ends is None or at < row.ends else None
    return found


def _sold(row: Tariff | None) -> _Sold:
    return None if row is None else (row.terms, row.currency)


def _begun(
    stands: Sequence[Tariff], wishes: Sequence[Tariff], now: datetime, wanted: Configured
) -> list[Mistake]:
    want = _wanted(wishes, now)
    if not stands or want is None or want.starts is None:
        return []
    have = _at(stands, now)
    if have is not None and have.terms == want.terms:
        return []
    day = f"{want.starts:%Y-%m-%d}"
    what = "another one holds" if have is not None else "it was not sold then"
    return [
        Mistake(
            wanted.tariff_lines.get((want.model, day), 0),
            f"the tariff of {want.model!r} cannot begin on {day}, which is past: {what}",
            "write a day after today as valid_from, or leave it out: then it holds from now on",
        )
    ]
