"""Terms of contracts as the database keeps them."""

from __future__ import annotations

import msgspec

from rechenwerk.contracts.terms import Contract, OnDemand


def terms_of(kept: str | None, name: str, provider: str) -> Contract:
    """The terms of a contract; one from before there were any is on demand."""
    if kept is None:
        return OnDemand(name=name, provider=provider)
    found: Contract = msgspec.json.decode(kept, type=Contract)
    return found
