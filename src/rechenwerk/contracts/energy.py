"""What a call draws from the socket, and the carbon dioxide of it.

    energy = usage x joules per unit x PUE            (1 kWh = 3.6 MJ)
    CO2    = energy x grams per kWh of the site's electricity

Joules per unit are those of the deployment, where they were measured. For own hardware they follow from
its terms: at full load a machine that takes `throughput` weighted units a minute draws `load_kw`, so one of
them costs `load_kw x 60 s / throughput`; what the machine draws while it idles belongs to no call. PUE is the
site's (ISO/IEC 30134-2: what the site draws over what its machines draw). CO2 is counted by location, as the
GHG Protocol's scope 2 guidance has it. Where neither joules nor a machine are known, nothing is said: 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import lcm

import msgspec

from rechenwerk.base.money import divide_half_even
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.terms import Bucket

_UWH_PER_JOULE = Fraction(1_000_000, 3600)
"""1 Wh = 3600 J = 1,000,000 microwatt-hours."""
_UG_PER_UWH = Fraction(1, 1000)
"""One gram per kWh is a thousandth of a microgram per microwatt-hour."""
_LIKE = (("cached_input", "input"), ("cache_write", "input"), ("reasoning", "output"))


class Meter(msgspec.Struct, frozen=True, gc=False):
    """Energy per unit of usage, as integers over one denominator.

    Attributes:
        numerators: per bucket of `BUCKETS`, microwatt-hours per unit times `denominator`.
        denominator: greater than zero.
        carbon: micrograms of CO2 per microwatt-hour, times `carbon_denominator`.
        carbon_denominator: greater than zero.
    """

    numerators: tuple[int, int, int, int, int, int, int, int]
    denominator: int
    carbon: int
    carbon_denominator: int

    def read(self, usage: Usage) -> tuple[int, int]:
        """Microwatt-hours and micrograms of CO2 of a call, each rounded half-even once."""
        total = usage.weighted(self.numerators)
        return (
            divide_half_even(total, self.denominator),
            divide_half_even(total * self.carbon, self.denominator * self.carbon_denominator),
        )


def meter(joules: Mapping[str, Fraction], pue: Decimal, co2_grams: Decimal) -> Meter:
    """Build a meter.

    Args:
        joules: bucket -> joules per unit; a missing ``cached_input`` or ``cache_write`` draws as
            ``input``, a missing ``reasoning`` as ``output``; any other missing bucket draws nothing.
        pue: of the site; 1 where there is none.
        co2_grams: per kWh.
    """
    exact = {bucket: rate * Fraction(pue) * _UWH_PER_JOULE for bucket, rate in joules.items()}
    for bucket, like in _LIKE:
        exact.setdefault(bucket, exact.get(like, Fraction(0)))
    row = [exact.get(bucket, Fraction(0)) for bucket in BUCKETS]
    denominator = lcm(*(rate.denominator for rate in row))
    a, b, c, d, e, f, g, h = (int(rate * denominator) for rate in row)
    carbon = Fraction(co2_grams) * _UG_PER_UWH
    return Meter((a, b, c, d, e, f, g, h), denominator, carbon.numerator, carbon.denominator)


def joules_at_full_load(
    load_kw: Decimal, throughput: Decimal, weights: Mapping[Bucket, Decimal]
) -> dict[str, Fraction]:
    """Joules per unit of usage on a machine of its own.

    Args:
        load_kw: what it draws at full throughput.
        throughput: weighted usage per minute then; above 0.
        weights: of usage; empty: every token weighs 1.
    """
    per_weight = Fraction(load_kw) * 1000 * 60 / Fraction(throughput)
    chosen: Mapping[Bucket, Decimal] = weights or {"input": Decimal(1), "output": Decimal(1)}
    return {bucket: per_weight * Fraction(weight) for bucket, weight in chosen.items()}
