"""Units of a plan: read, compared, and converted to one scale, so that billions never meet millions unseen.

A unit is written as people write it: 'USD bn', 'EUR/user/month', 'GW', 'million users', '%', '1'. Values are
kept in base units: whole currency, single things, years.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from rechenwerk.base.errors import PlanError

_SCALES: Mapping[str, float] = MappingProxyType(
    {
        "thousand": 1e3,
        "k": 1e3,
        "million": 1e6,
        "mn": 1e6,
        "m": 1e6,
        "billion": 1e9,
        "bn": 1e9,
        "trillion": 1e12,
        "tn": 1e12,
        "%": 0.01,
        "1": 1.0,
    }
)
_TIMES: Mapping[str, float] = MappingProxyType(
    {"year": 1.0, "quarter": 0.25, "month": 1 / 12, "week": 7 / 365.25, "day": 1 / 365.25, "hour": 1 / 8766}
)
_WORD = re.compile(r"[A-Za-z]+|%|1(?![0-9])")


class Unit(msgspec.Struct, frozen=True):
    """A scale and dimensions with their powers, such as 1e9 and (('USD', 1),)."""

    scale: float = 1.0
    powers: tuple[tuple[str, int], ...] = ()

    def times(self, other: Unit, sign: int = 1) -> Unit:
        """The unit of a product (sign 1) or of a quotient (-1)."""
        powers = dict(self.powers)
        for name, power in other.powers:
            powers[name] = powers.get(name, 0) + sign * power
        kept = tuple(sorted((name, power) for name, power in powers.items() if power))
        return Unit(self.scale * other.scale**sign, kept)

    def __str__(self) -> str:
        above = [name for name, power in self.powers for _ in range(power)]
        below = [name for name, power in self.powers for _ in range(-power)]
        return " ".join(above or ["1"]) + "".join(f"/{name}" for name in below)


ONE = Unit()


def read_unit(text: str) -> Unit:
    """A unit from its text.

    Raises:
        PlanError: it is empty or not understood.
    """
    unit = ONE
    if not text.strip():
        raise PlanError('no unit; write one such as "USD bn", "EUR/user/month", "%" or "1"')
    for index, part in enumerate(re.split(r"/|\bper\b", text)):
        words = _WORD.findall(part)
        if not words or _WORD.sub("", part).strip():
            raise PlanError(
                'the unit {text!r} is not understood; write one such as "USD bn" or "EUR/user/month"',
                text=text,
            )
        for word in words:
            unit = unit.times(_one(word), -1 if index else 1)
    return unit


def _one(word: str) -> Unit:
    lower = word.lower()
    if lower in _SCALES:
        return Unit(_SCALES[lower])
    single = lower.removesuffix("s")
    if single in _TIMES:
        return Unit(_TIMES[single], (("year", 1),))
    if len(word) == 3 and word.isupper():
        return Unit(1.0, ((word, 1),))
    if word in {"kW", "MW", "GW"}:
        return Unit({"kW": 1.0, "MW": 1e3, "GW": 1e6}[word], (("kW", 1),))
    if word in {"kWh", "MWh", "GWh"}:
        return Unit({"kWh": 1.0, "MWh": 1e3, "GWh": 1e6}[word], (("kWh", 1),))
    return Unit(1.0, ((single if len(single) > 2 else lower, 1),))
