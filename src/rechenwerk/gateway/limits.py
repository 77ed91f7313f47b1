"""What clients are told about their limits."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rechenwerk.base.errors import Refusal
from rechenwerk.base.money import format_money
from rechenwerk.gateway.tenants import Tenant
from rechenwerk.ledger.guards import NEVER, Guard, Owner, Period, Unit

_ADJECTIVES: Mapping[Period, str] = MappingProxyType(
    {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}
)


def limit_headers(tenant: Tenant, now: float) -> bytes:
    """The ``x-ratelimit-*`` headers as OpenAI names them, for the tightest limit of key and project."""
    lines = b""
    for guards, unit in ((tenant.requests, b"requests"), (tenant.tokens, b"tokens")):
        if guards:
            window = guards[0].at(now)
            remaining = window.pool + window.free
            for guard in guards[1:]:
                other = guard.at(now)
                if other.pool + other.free < remaining:
                    window, remaining = other, other.pool + other.free
            lines += (
                b"x-ratelimit-limit-%s: %d\r\nx-ratelimit-remaining-%s: %d\r\nx-ratelimit-reset-%s: %ds\r\n"
                % (unit, window.guard.amount, unit, max(0, remaining), unit, max(1, window.ends - now))
            )
    return lines


def refuse_guard(guard: Guard, needs: Mapping[Unit, int], now: float, currency: str) -> Refusal:
    """The refusal of a call that a guard holds back: which rule, how far, and what would lift it."""
    row = guard.row
    owner = row.owner
    window = guard.at(now)
    left = max(0, window.pool + window.free)
    if row.wallet:
        return _refuse_wallet(owner, left, needs["money"], currency)
    if row.unit == "money":
        period = _ADJECTIVES.get(row.period, "total")
        return Refusal(
            429,
            "insufficient_quota",
            "insufficient_quota",
            f"The {period} budget of this {owner} ({format_money(row.amount, currency)}) has"
            f" {format_money(left, currency)} left, and this call can cost up to"
            f" {format_money(needs['money'], currency)}: ask for fewer tokens, or for a larger budget.",
        )
    if row.unit == "calls":
        return Refusal(
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
            f"This {owner} may have {row.amount} calls running at once; wait until one has ended.",
            None,
            1,
        )
    wait = 1 if window.ends == NEVER else max(1, int(window.ends - now) + 1)
    return Refusal(
        429,
        row.unit,
        "rate_limit_exceeded",
        f"This {owner} may use {row.amount} {row.unit} per minute; {left} are left and this call needs up to"
        f" {needs[row.unit]}. Try again in {wait} s.",
        None,
        None if needs[row.unit] > row.amount else wait,
    )


def _refuse_wallet(owner: Owner, left: int, need: int, currency: str) -> Refusal:
    """402, which SDKs do not try again: only somebody who pays can lift it."""
    return Refusal(
        402,
        "insufficient_quota",
        "wallet_empty",
        f"The prepaid wallet of this {owner} has {format_money(left, currency)} left, and this call can cost"
        f" up to {format_money(need, currency)}: top it up, or ask for fewer tokens.",
    )
