"""``[[site]]``: where machines stand, and the electricity there; read and checked. Pure."""

from __future__ import annotations

import re

from rechenwerk.base.money import parse_decimal
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import Reader, check_name
from rechenwerk.contracts.sites import LENGTHS
from rechenwerk.office.residency import PLACES, place_fix
from rechenwerk.office.standing import Site
from rechenwerk.office.tables import HourTable, SiteTable

HOURS = 24
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?")
_PRICE = re.compile(
    r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?"
)  # on a spot market energy may cost less than nothing


def site_of(table: SiteTable) -> Site:
    """The row of a table that was checked."""
    return Site(
        table.name,
        table.jurisdiction,
        table.power_cap_kw,
        table.pue,
        table.co2_grams,
        _hourly(table.prices),
    )


def _hourly(written: str | tuple[str | HourTable, ...]) -> tuple[str, ...]:
    """One price, or one for each hour; before the first step of a day the last one of the day holds."""
    if isinstance(written, str):
        return (written,)
    steps = [one for one in written if isinstance(one, HourTable)]
    if not steps:
        return tuple(one for one in written if isinstance(one, str))
    return tuple(
        next((step.price for step in reversed(steps) if step.hour <= hour), steps[-1].price)
        for hour in range(HOURS)
    )


def check_site(reader: Reader, index: int, table: SiteTable) -> None:
    """Note what is wrong with a ``[[site]]``."""
    at: Path = ("site", index)
    check_name(reader, (*at, "name"), table.name)
    if table.jurisdiction and table.jurisdiction not in PLACES:
        message = f"{table.jurisdiction[:40]!r} is no jurisdiction"
        reader.wrong((*at, "jurisdiction"), message, place_fix(table.jurisdiction, PLACES))
    for field, least in (("power_cap_kw", "above 0"), ("pue", "at least 1"), ("co2_grams", "at least 0")):
        number = getattr(table, field)
        if number is not None and not _at_least(number, least):
            message = f"{number[:40]!r} is no {field}"
            reader.wrong((*at, field), message, f'write a number in quotes, {least}, such as "1.3"')
    _check_prices(reader, (*at, "prices"), table.prices)


def _at_least(number: str, least: str) -> bool:
    if not _NUMBER.fullmatch(number):
        return False
    value = parse_decimal(number)
    return {"above 0": value > 0, "at least 1": value >= 1, "at least 0": True}[least]


def _check_prices(reader: Reader, path: Path, written: str | tuple[str | HourTable, ...]) -> None:
    prices = (written,) if isinstance(written, str) else written
    steps = [one for one in prices if isinstance(one, HourTable)]
    hours = [step.hour for step in steps]
    like = (
        "24 by hour of the day (UTC), 168 by hour of the week, or steps such as"
        ' [{ from = 6, price = "0.31" }, { from = 22, price = "0.22" }]'
    )
    if not isinstance(written, str) and not (
        len(steps) == len(prices) > 0 or (not steps and len(prices) in LENGTHS)
    ):
        reader.wrong(path, f"prices has {len(prices)} values", f"write one, {like}")
    elif hours != sorted(set(hours)) or any(not 0 <= hour < HOURS for hour in hours):
        fix = "write hours from 0 to 23, each once, in the order of the day"
        reader.wrong(path, f"prices begins at the hours {', '.join(map(str, hours))}", fix)
    for one in prices:
        price = one.price if isinstance(one, HourTable) else one
        if not _PRICE.fullmatch(price):
            fix = 'write it like "0.28": currency per kWh'
            reader.wrong(path, f"{price[:40]!r} is no price of energy", fix)
