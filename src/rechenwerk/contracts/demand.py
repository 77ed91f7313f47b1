"""Demand by hour: as it was used, and as it may come. Volumes are whole billionths of a unit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO, divide_half_even, parse_decimal
from rechenwerk.base.usage import BUCKETS

WEEK = 168
DAY = 24
_HOUR_S = 3600
_LONGEST = 10 * 366 * DAY
_COLUMNS = ("hour", "volume", "model", "deployment", *BUCKETS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UsageRow(msgspec.Struct, frozen=True):
    """What was used in an hour, or in a day.

    Attributes:
        hour: hours since the epoch, UTC; the first one of a day.
        hours: 1, or 24 for a day as a whole.
        volume: billionths of the price sheet's unit; None where only buckets are known.
        counts: bucket of `base.usage.BUCKETS` -> count.
        line: where it stands.
    """

    hour: int
    hours: int
    model: str
    deployment: str
    volume: int | None
    counts: Mapping[str, int]
    line: int


class Load(msgspec.Struct, frozen=True):
    """Demand hour by hour.

    Attributes:
        start: the first hour, in hours since the epoch, UTC.
        volumes: one per hour, in billionths of a unit.
        missing: hours in between that no row speaks of; they count as nothing used.
        by_day: rows that spoke of a whole day; it was spread evenly over its hours.
    """

    start: int
    volumes: tuple[int, ...]
    missing: int = 0
    by_day: int = 0


class Outlook(msgspec.Struct, frozen=True):
    """How demand may come.

    Attributes:
        factor: of all demand, such as 7/10 for 30 % less.
        growth: per year, such as 1/10; compounding, month by month.
        season: twelve factors from January to December; none: what the history itself shows.
    """

    factor: Fraction = Fraction(1)
    growth: Fraction = Fraction(0)
    season: tuple[Fraction, ...] = ()


Month = tuple[int, ...]
"""The volumes of a calendar month, one per hour."""


def parse_usage(text: str, place: str) -> list[UsageRow]:
    """Read usage as CSV: `hour`, and `volume` or buckets of tokens; `model` and `deployment` if you like.

    Args:
        text: the file; docs/adviser.md describes it.
        place: its name, for mistakes.

    Raises:
        RechenwerkError: one line with the file, the line and the fix.
    """
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")))
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, place)
        rows = [
            _row(header, cells, f"{place}:{reader.line_num}", reader.line_num)
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise _wrong(f"{place}:{reader.line_num}", f"this is not CSV: {error}", "save it as CSV") from None
    if not rows:
        raise _wrong(f"{place}:1", "there is no usage in it", "add rows such as 2026-01-01T00:00Z,12.5")
    return rows


def _wrong(place: str, message: str, fix: str) -> RechenwerkError:
    return RechenwerkError(f"{place}: {message}; {fix}")


def _check_header(header: Sequence[str], place: str) -> None:
    at = f"{place}:1"
    for name in header:
        if name not in _COLUMNS:
            raise _wrong(at, f"unknown column {name!r}", f"choose from {', '.join(_COLUMNS)}")
        if header.count(name) > 1:
            raise _wrong(at, f"column {name!r} stands twice", "remove one")
    if "hour" not in header:
        raise _wrong(at, "there is no column 'hour'", "begin with a line such as hour,volume")
    if not {"volume", *BUCKETS} & set(header):
        raise _wrong(at, "there is no column 'volume'", "add it, or columns such as input,output")


def _row(header: Sequence[str], cells: Sequence[str], at: str, line: int) -> UsageRow:
    if len(cells) != len(header):
        raise _wrong(at, f"{len(cells)} cells for {len(header)} columns", "mend the line")
    cell = {name: text.strip() for name, text in zip(header, cells, strict=True)}
    hour, hours = _hour(cell["hour"], at)
    volume = _volume(cell["volume"], at) if cell.get("volume") else None
    counts = {name: _count(name, cell[name], at) for name in BUCKETS if cell.get(name)}
    if volume is None and not counts:
        raise _wrong(at, "the row has no volume", "write a number, 0 where nothing was used")
    return UsageRow(hour, hours, cell.get("model", ""), cell.get("deployment", ""), volume, counts, line)


def _hour(text: str, at: str) -> tuple[int, int]:
    fix = "write it like 2026-01-31T14:00Z, or 2026-01-31 for a whole day"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _wrong(at, f"{text[:40]!r} is not an hour", fix) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    if seconds % _HOUR_S or moment.microsecond:
        raise _wrong(at, f"{text[:40]!r} is not a whole hour of UTC", fix)
    return seconds // _HOUR_S, DAY if len(text) == len("2026-01-31") else 1


def _volume(text: str, at: str) -> int:
    try:
        volume = parse_decimal(text)
    except RechenwerkError:
        raise _wrong(at, f"{text[:40]!r} is not a volume", "write a number such as 12.5") from None
    if volume < 0:
        raise _wrong(at, f"the volume is below zero: {text[:40]}", "leave refunds out")
    return divide_half_even(volume.numerator * NANO, volume.denominator)


def _count(name: str, text: str, at: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _wrong(at, f"{text[:40]!r} is not a count of {name}", "write a whole number")
    return int(text)


def gather(
    rows: Sequence[UsageRow],
    place: str,
    weights: Mapping[str, Fraction] | None = None,
    models: Sequence[str] = (),
) -> Load:
    """One volume per hour out of rows of several models and deployments.

    Args:
        rows: as `parse_usage` gives them.
        place: the file's name, for mistakes.
        weights: bucket -> units per count, for rows that know buckets only.
        models: only these; none: all.

    Raises:
        RechenwerkError: nothing is left, under a day is left, or a row has neither volume nor weights.
    """
    at = f"{place}:1" if any(row.line for row in rows) else place
    hours: dict[int, int] = {}
    by_day = 0
    for row in rows:
        if models and row.model not in models:
            continue
        volume = _weighed(row, place, weights)
        by_day += row.hours > 1
        share, rest = divmod(volume, row.hours)
        for ahead in range(row.hours):
            hours[row.hour + ahead] = hours.get(row.hour + ahead, 0) + share + (ahead < rest)
    if not hours:
        raise _wrong(at, f"no row is of {', '.join(models)}", "mend models in the price sheet")
    start, count = min(hours), max(hours) - min(hours) + 1
    if count < DAY:
        raise _wrong(at, f"{count} hours are too few", "give a day at least, better four weeks")
    if count > _LONGEST:
        raise _wrong(at, "the hours lie more than ten years apart", "mend the years")
    volumes = tuple(hours.get(start + ahead, 0) for ahead in range(count))
    if not any(volumes):
        raise _wrong(at, "nothing was used in any hour", "give hours with usage")
    return Load(start, volumes, count - len(hours), by_day)


def _weighed(row: UsageRow, place: str, weights: Mapping[str, Fraction] | None) -> int:
    if row.volume is not None:
        return row.volume
    if weights is None:
        fix = "add a column volume, or [weights] to the price sheet"
        raise _wrong(f"{place}:{row.line}", "the row has buckets and the price sheet no weights", fix)
    total = sum((weights.get(name, Fraction(0)) * count for name, count in row.counts.items()), Fraction(0))
    return divide_half_even(total.numerator * NANO, total.denominator)


def first_month(load: Load) -> tuple[int, int]:
    """The year and month that follow the history: where a projection begins."""
    last = _EPOCH + timedelta(hours=load.start + len(load.volumes) - 1)
    return (last.year + last.month // 12, last.month % 12 + 1)


def project(load: Load, months: int, outlook: Outlook) -> tuple[Month, ...]:
    """Calendar months of demand from the month after the history on: the history goes on as it was.

    What repeats is its last whole number of weeks (a year at most), so that Mondays fall on Mondays; of a
    history under a week, its last whole days. Growth and season change from month to month.
    """
    count = min(len(load.volumes), 52 * WEEK)
    count -= count % (WEEK if count >= WEEK else DAY)
    tail = load.volumes[len(load.volumes) - count :]
    begins = load.start + len(load.volumes) - count
    year, month = first_month(load)
    done = []
    for ahead in range(months):
        first, after = _month_start(year, month + ahead), _month_start(year, month + ahead + 1)
        factor = outlook.factor * growth_factor(outlook.growth, ahead)
        if outlook.season:
            factor *= outlook.season[(month - 1 + ahead) % 12]
        up, down = factor.numerator, factor.denominator
        scaled = [divide_half_even(one * up, down) for one in tail] if factor != 1 else tail
        done.append(tuple(scaled[(hour - begins) % count] for hour in range(first, after)))
    return tuple(done)


def growth_factor(growth: Fraction, months: int) -> Fraction:
    """(1 + growth) to the power of months / 12, to nine decimals."""
    if growth == 0 or months == 0:
        return Fraction(1)
    with localcontext() as context:
        context.prec = 40
        base = 1 + Decimal(growth.numerator) / Decimal(growth.denominator)
        return Fraction(round(base ** (Decimal(months) / 12), 9))


def _month_start(year: int, month: int) -> int:
    moment = datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(hours=1)
