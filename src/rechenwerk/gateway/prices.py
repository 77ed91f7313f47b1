"""What a call is booked at, out of the snapshot: the version of the tariff and the discount that hold now."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from rechenwerk.gateway.ports import KeyRow, Snapshot
from rechenwerk.ledger.tariff_months import discount_on
from rechenwerk.ledger.tariffs import CallPrice, call_price

_DAY = 86_400


class Priced(msgspec.Struct, frozen=True):
    """A price and the time in which it is the right one, epoch seconds; None: the model is not sold."""

    price: CallPrice | None
    since: float
    until: float


def price_of(snapshot: Snapshot, key: KeyRow, model: str, now: float) -> Priced:
    """What a project pays for a call of a model that leaves now.

    Args:
        snapshot: tariffs and discounts, later ones too.
        key: whose call it is.
        model: its public name.
        now: epoch seconds.
    """
    sales = snapshot.sales.get((key.organisation, model)) or snapshot.sales.get((0, model), ())
    sale = next((one for one in sales if one.since <= now < one.until), None)
    midnight = now - now % _DAY
    if sale is None:
        return Priced(
            None, midnight, min([one.since for one in sales if one.since > now] + [midnight + _DAY])
        )
    discounts = snapshot.discounts.get(key.organisation, ())
    if not discounts:
        return Priced(sale.price, sale.since, sale.until)
    off = discount_on(discounts, key.project, model, datetime.fromtimestamp(now, UTC).date())
    price = call_price(sale.terms, off, sale.price.tariff) if off else sale.price
    return Priced(price, max(sale.since, midnight), min(sale.until, midnight + _DAY))
