"""What energy costs at a site, hour by hour."""

from __future__ import annotations

from decimal import Decimal

from rechenwerk.contracts.periods import DAY, HOUR
from rechenwerk.contracts.ports import Energy
from rechenwerk.contracts.terms import Site

HOURS_OF_WEEK = 168
_MONDAY = 4 * DAY  # the epoch began on a Thursday

LENGTHS = (1, 24, HOURS_OF_WEEK)
"""How many prices a site may have: one, by hour of the day, by hour of the week from Monday."""


def energy_of(site: Site) -> Energy:
    """What a kWh of a machine costs at a site, what the site draws on top of it included."""
    prices = site.prices or (Decimal(0),)

    def price(hour: int) -> Decimal:
        return prices[(hour - _MONDAY) // HOUR % HOURS_OF_WEEK % len(prices)] * site.pue

    return price
