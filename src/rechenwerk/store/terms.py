"""Terms of contracts and tariffs as the database keeps them."""

from __future__ import annotations

from datetime import date

import msgspec

from rechenwerk.base.reasons import reason
from rechenwerk.contracts.terms import Contract, OnDemand, Provisioned
from rechenwerk.ledger.tariffs import Terms


def terms_of(kept: str | None, name: str, provider: str) -> Contract:
    """The terms of a contract; one from before there were any is on demand."""
    if kept is None:
        return OnDemand(name=name, provider=provider)
    found: Contract = msgspec.json.decode(kept, type=Contract)
    return found


def tariff_terms(kept: str | None) -> Terms | None:
    """The terms of a version of a tariff; None: it ends the one before."""
    return None if kept is None else msgspec.json.decode(kept, type=Terms)


def not_running(terms: Contract, today: date) -> str:
    """Why nothing may be sent under a contract on a day; empty when it runs."""
    if terms.starts is not None and today < terms.starts:
        return reason("contract_begins", contract=terms.name, day=terms.starts)
    if terms.ends is not None and today > terms.ends and terms.renews is None:
        return reason("contract_ended", contract=terms.name, day=terms.ends)
    if terms.status in {"proposed", "expired"}:
        return reason(f"contract_{terms.status}", contract=terms.name)
    return ""


def header_lines(terms: Contract) -> bytes:
    """What requests under a contract say about the capacity that they want.

    Past bought capacity the provider is to refuse, so that the call goes where this file says, unless the
    contract lets the provider serve it as it comes (`shared`).
    """
    header = terms.header
    if header is None:
        return b""
    value: str | None = header.shared
    if isinstance(terms, Provisioned):
        value = header.spillover if terms.overflow.rule == "shared" else header.dedicated
    return b"" if value is None else f"{header.name}: {value}\r\n".encode("ascii")
