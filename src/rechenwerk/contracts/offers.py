"""Price sheets: what a unit costs on demand, and what providers offer to those who commit."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import lcm
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO, parse_decimal
from rechenwerk.base.toml_lines import Path, line_at, lines_of
from rechenwerk.base.usage import BUCKETS

INTERVALS: Mapping[str, int] = MappingProxyType(
    {"hour": 0, "day": 0, "month": 1, "quarter": 3, "year": 12, "term": 0}
)
"""What is not used in one of these is lost -> its months, where it has whole ones."""
HOLD_PER = ("hour", "month", "term")
LONGEST_TERM = 120
MOST_OFFERS = 40
_FIELDS = ("currency", "unit", "on_demand", "models", "discount_rate", "weights", "demand", "offer")
_DEMAND = ("growth", "season", "chance_lower", "chance_higher")
_OFFER = (
    *("name", "interval", "term_months", "capacity", "price", "discount", "hold", "hold_per", "use"),
    *("beyond", "minimum", "step", "most"),
)


class Offer(msgspec.Struct, frozen=True):
    """A commitment that can be bought in whole pieces. Money in nano-units, volume in billionths.

    Attributes:
        interval: one of `INTERVALS`: what a piece allows in it and nobody uses is lost.
        term_months: how long one is bound.
        capacity: volume that one piece allows per interval.
        hold: what one piece costs per `hold_per`, used or not.
        hold_per: hour, month, term (all of it at the start), or interval.
        use: on top of it, per unit of volume used inside the commitment.
        beyond: per unit beyond it; None: the on-demand price.
        minimum, step, most: how many pieces can be bought.
    """

    name: str
    interval: str
    term_months: int
    capacity: int
    hold: Fraction
    hold_per: str
    use: Fraction = Fraction(0)
    beyond: Fraction | None = None
    minimum: int = 1
    step: int = 1
    most: int | None = None


class Sheet(msgspec.Struct, frozen=True):
    """A price sheet.

    Attributes:
        unit: what volumes are counted in, such as "million tokens".
        on_demand: nano-units per unit without any commitment.
        weights: bucket -> units per token or piece; None: the usage says its volume itself.
        models: whose usage counts; none: all.
        growth: of demand, per year.
        season: twelve factors from January on, or none.
        discount_rate: of money, per year.
        chances: of 30 % less and of 30 % more demand; the rest is the base.
    """

    currency: str
    unit: str
    on_demand: Fraction
    offers: tuple[Offer, ...]
    weights: Mapping[str, Fraction] | None = None
    models: tuple[str, ...] = ()
    growth: Fraction = Fraction(0)
    season: tuple[Fraction, ...] = ()
    discount_rate: Fraction = Fraction(0)
    chances: tuple[Fraction, Fraction] = (Fraction(1, 4), Fraction(1, 4))


class _Reader:
    """A TOML file that knows its lines; the first mistake ends the reading."""

    def __init__(self, text: str, place: str) -> None:
        self._place = place
        self._lines = lines_of(text)
        try:
            self.raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"line (\d+)", str(error))
            line = found[1] if found else text.count("\n") + 1
            what = re.sub(r" \(at .*\)$", "", str(error))
            raise RechenwerkError(f"{place}:{line}: this is not TOML: {what}; mend the syntax") from None

    def wrong(self, path: Path, message: str, fix: str) -> RechenwerkError:
        return RechenwerkError(f"{self._place}:{max(1, line_at(self._lines, path))}: {message}; {fix}")

    def known(self, path: Path, table: Mapping[str, Any], fields: Iterable[str]) -> None:
        fields = tuple(fields)
        for key in table:
            if key not in fields:
                near = difflib.get_close_matches(key, fields, 1)
                fix = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(fields)}"
                raise self.wrong((*path, key), f"unknown field {key!r}", fix)

    def text(self, path: Path, table: Mapping[str, Any], key: str, example: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 200:
            what = f"{key} is missing" if key not in table else f"{key} is not a text in quotes"
            raise self.wrong((*path, key), what, f'write {key} = "{example}"')
        return value

    def number(
        self, path: Path, table: Mapping[str, Any], key: str, default: str | None, most: int | None = None
    ) -> Fraction:
        """A decimal number of at least zero, in quotes or whole."""
        value = table.get(key, default)
        fix = f'write {key} = "0.25"'
        if isinstance(value, bool) or not isinstance(value, str | int):
            what = f"{key} is missing" if value is None else f"{key} is not a number in quotes"
            raise self.wrong((*path, key), what, fix)
        try:
            number = parse_decimal(str(value))
        except RechenwerkError:
            raise self.wrong((*path, key), f"{str(value)[:40]!r} is not a number", fix) from None
        if number < 0:
            raise self.wrong((*path, key), f"{key} is below zero", "a price or share is never negative")
        if most is not None and number > most:
            raise self.wrong((*path, key), f"{key} is above {most}", fix)
        return number

    def whole(self, path: Path, table: Mapping[str, Any], key: str, default: int | None) -> int:
        value = table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1 or value > NANO:
            what = f"{key} is missing" if value is None else f"{key} is not a whole number above 0"
            raise self.wrong((*path, key), what, f"write {key} = 12")
        return value


def parse_sheet(text: str, place: str) -> Sheet:
    """Read a price sheet; docs/adviser.md describes it.

    Raises:
        RechenwerkError: one line with the file, the line and the fix.
    """
    reader = _Reader(text, place)
    raw = reader.raw
    reader.known((), raw, _FIELDS)
    currency = reader.text((), raw, "currency", "EUR")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise reader.wrong(("currency",), "currency is not three capital letters", 'write currency = "EUR"')
    unit = reader.text((), raw, "unit", "million tokens")
    on_demand = reader.number((), raw, "on_demand", None) * NANO
    if on_demand == 0:
        raise reader.wrong(("on_demand",), "on_demand is zero", "nothing need be committed then")
    demand = raw.get("demand", {})
    if not isinstance(demand, dict):
        raise reader.wrong(("demand",), "demand is not a table", "write [demand]")
    reader.known(("demand",), demand, _DEMAND)
    lower = reader.number(("demand",), demand, "chance_lower", "0.25", 1)
    higher = reader.number(("demand",), demand, "chance_higher", "0.25", 1)
    if lower + higher > 1:
        raise reader.wrong(("demand", "chance_lower"), "the chances are more than 1", "lower one of them")
    rate = reader.number((), raw, "discount_rate", "0", 1)
    offers = _offers(reader, on_demand)
    if rate and any(one.interval == "term" and one.term_months > 12 for one in offers):
        fix = "leave it out, or settle by the year"
        message = "discount_rate needs commitments that are settled within a year"
        raise reader.wrong(("discount_rate",), message, fix)
    return Sheet(
        currency=currency,
        unit=unit,
        on_demand=on_demand,
        offers=offers,
        weights=_weights(reader),
        models=_models(reader),
        growth=_growth(reader, demand),
        season=_season(reader, demand),
        discount_rate=rate,
        chances=(lower, higher),
    )


def _weights(reader: _Reader) -> Mapping[str, Fraction] | None:
    table = reader.raw.get("weights")
    if table is None:
        return None
    if not isinstance(table, dict) or not table:
        raise reader.wrong(("weights",), "weights is not a table", 'write [weights] and input = "0.000001"')
    reader.known(("weights",), table, BUCKETS)
    return {bucket: reader.number(("weights",), table, bucket, None) for bucket in table}


def _models(reader: _Reader) -> tuple[str, ...]:
    models = reader.raw.get("models", [])
    if not isinstance(models, list) or not all(isinstance(one, str) and one for one in models):
        raise reader.wrong(("models",), "models is not a list of names", 'write models = ["gpt-x"]')
    return tuple(models)


def _growth(reader: _Reader, demand: Mapping[str, Any]) -> Fraction:
    value = demand.get("growth", "0")
    try:
        growth = parse_decimal(value) if isinstance(value, str) else None
    except RechenwerkError:
        growth = None
    if growth is None or not -1 < growth <= 10:
        fix = 'write growth = "0.2" for 20 % more a year, "-0.1" for 10 % less'
        raise reader.wrong(("demand", "growth"), "growth is not a number above -1 in quotes", fix)
    return growth


def _season(reader: _Reader, demand: Mapping[str, Any]) -> tuple[Fraction, ...]:
    season = demand.get("season", [])
    if not isinstance(season, list) or len(season) not in (0, 12):
        fix = 'write season = ["1.0", … ], January first'
        raise reader.wrong(("demand", "season"), "season is not a list of twelve factors", fix)
    return tuple(reader.number(("demand",), {"season": one}, "season", None, 100) for one in season)


def _offers(reader: _Reader, on_demand: Fraction) -> tuple[Offer, ...]:
    tables = reader.raw.get("offer", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        raise reader.wrong(("offer",), "there is no offer", "write an [[offer]] for what could be bought")
    if len(tables) > MOST_OFFERS:
        raise reader.wrong(("offer",), f"more than {MOST_OFFERS} offers", "compare fewer at a time")
    offers = tuple(_offer(reader, ("offer", index), table, on_demand) for index, table in enumerate(tables))
    names = [one.name for one in offers]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise reader.wrong(("offer", index, "name"), f"two offers are called {name!r}", "rename one")
    if (together := lcm(*(one.term_months for one in offers))) > LONGEST_TERM:
        terms = ", ".join(str(one) for one in sorted({one.term_months for one in offers}))
        message = f"terms of {terms} months end together only after {together}"
        fix = f"compare terms that end together within {LONGEST_TERM} months"
        raise reader.wrong(("offer", 0, "term_months"), message, fix)
    return offers


def _offer(reader: _Reader, at: Path, table: Mapping[str, Any], on_demand: Fraction) -> Offer:
    reader.known(at, table, _OFFER)
    name = reader.text(at, table, "name", "reserved, one year")
    interval = reader.text(at, table, "interval", "hour")
    if interval not in INTERVALS:
        raise reader.wrong(
            (*at, "interval"), f"unknown interval {interval!r}", f"choose from {', '.join(INTERVALS)}"
        )
    term = reader.whole(at, table, "term_months", None)
    if term > LONGEST_TERM or (INTERVALS[interval] and term % INTERVALS[interval]):
        fix = f"write whole intervals, at most {LONGEST_TERM} months"
        raise reader.wrong((*at, "term_months"), f"{term} months are no term of whole {interval}s", fix)
    capacity = reader.number(at, table, "capacity", "1") * NANO
    if capacity < 1:
        raise reader.wrong((*at, "capacity"), "capacity is zero", "write what one piece allows per interval")
    use = reader.number(at, table, "use", "0") * NANO
    beyond = reader.number(at, table, "beyond", None) * NANO if "beyond" in table else None
    top = on_demand if beyond is None else beyond
    if top > on_demand:
        fix = "leave it out: beyond a commitment the on-demand price can always be paid"
        raise reader.wrong((*at, "beyond"), "beyond is above on_demand", fix)
    if use > top:
        raise reader.wrong((*at, "use"), "use is above what the volume costs beyond", "nobody would buy it")
    hold, hold_per = _hold(reader, at, table, on_demand, capacity)
    minimum = reader.whole(at, table, "minimum", 1)
    most = reader.whole(at, table, "most", None) if "most" in table else None
    if most is not None and most < minimum:
        raise reader.wrong((*at, "most"), "most is below minimum", "swap them")
    step = reader.whole(at, table, "step", 1)
    return Offer(name, interval, term, int(capacity), hold, hold_per, use, beyond, minimum, step, most)


def _hold(
    reader: _Reader, at: Path, table: Mapping[str, Any], on_demand: Fraction, capacity: Fraction
) -> tuple[Fraction, str]:
    given = [key for key in ("hold", "price", "discount") if key in table]
    if len(given) != 1:
        what = "the offer has no price" if not given else f"{' and '.join(given)} say the same"
        fix = "write one of hold (for a piece), price (for a unit) or discount (off on_demand)"
        raise reader.wrong((*at, given[-1]) if given else at, what, fix)
    per = table.get("hold_per", "hour" if given == ["hold"] and table.get("interval") == "hour" else "")
    if given == ["hold"]:
        if per not in HOLD_PER:
            what = f"unknown hold_per {per!r}" if per else "hold_per is missing"
            raise reader.wrong((*at, "hold_per"), what, f"choose from {', '.join(HOLD_PER)}")
        return reader.number(at, table, "hold", None) * NANO, per
    if per:
        fix = f"leave it out: {given[0]} is for a unit of each interval"
        raise reader.wrong((*at, "hold_per"), "hold_per goes with hold only", fix)
    if given == ["price"]:
        price = reader.number(at, table, "price", None) * NANO
    else:
        price = on_demand * (1 - reader.number(at, table, "discount", None, 1))
    return price * capacity / NANO, "interval"
