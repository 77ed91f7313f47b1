"""What to act on while there is time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from rechenwerk.base.money import format_money
from rechenwerk.contracts.periods import DAY, NEVER, begins, day_of, ends_at
from rechenwerk.contracts.ports import Alert, Position
from rechenwerk.contracts.terms import Contract, Grant, PrepaidCredit, TakeOrPay

LEAD = 30
"""Days ahead that somebody is told."""
IDLE = 14
"""Days without a draw after which a grant counts as idle."""
_SHORT = 7 * DAY
"""Minimums of shorter periods are a matter for the router, not for people."""


def alerts(contract: Contract, position: Position, now: int, lead: int = LEAD) -> list[Alert]:
    """All that lies ahead of a contract, the nearest first.

    What is nearly sure (even the high, or the low, end of the forecast says so) is told at once, what is only
    likely `lead` days before.

    Args:
        contract: the terms.
        position: of it, or of a cap of it.
        now: epoch seconds.
        lead: days.
    """
    if position.status in {"proposed", "expired"}:
        return []
    found = [*_amounts(contract, position, now, lead)]
    if position.kind != "cap":
        found += [*_dates(contract, now, lead), *_idle(contract, position, now, lead)]
    return sorted(found, key=lambda alert: alert.at)


def money(position: Position, amount: int) -> str:
    """An amount as people read it, to the cent."""
    cents = round(amount, -7)
    return f"{format_money(cents)} {position.unit}".strip()


def _amounts(contract: Contract, position: Position, now: int, lead: int) -> Iterator[Alert]:
    end, band, amount = position.ends_at, position.forecast, position.amount
    reached = position.reached_at
    if reached is not None and amount is not None and position.status != "exhausted":
        yield from _reached(contract, position, now, lead)
    if end is None or band is None or amount is None:
        return
    near = end - now <= lead * DAY
    if isinstance(contract, TakeOrPay) and position.kind != "cap" and end - position.starts_at >= _SHORT:
        if position.shortfall and (near or band.high < amount):
            yield _alert(
                position,
                "minimum-missed",
                f"the minimum will be missed by {money(position, position.shortfall)} on {day_of(end - 1)}; "
                "send it more work, or talk to the provider",
                end,
                now,
                position.shortfall,
            )
    elif position.unused and (near or band.high < amount):
        rolls = isinstance(contract, PrepaidCredit) and contract.rolls_over
        if not rolls and isinstance(contract, PrepaidCredit | Grant):
            yield _alert(
                position,
                "credit-expires",
                f"{money(position, position.unused)} will expire unused on {day_of(end - 1)}; "
                "send it more work before",
                end,
                now,
                position.unused,
            )


def _reached(contract: Contract, position: Position, now: int, lead: int) -> Iterator[Alert]:
    """A balance, quota or cap that will be gone before its time."""
    reached = position.reached_at
    counted = position.kind == "cap" or isinstance(contract, PrepaidCredit | Grant)
    if reached is None or not counted:
        return
    end = position.ends_at if position.ends_at is not None else begins(NEVER)
    if reached.middle >= end or reached.middle - now > lead * DAY:
        return
    early, late = day_of(reached.low), day_of(min(reached.high, begins(NEVER)))
    when = f"on {early}" if early == late else f"between {early} and {_or_later(late, day_of(end - 1))}"
    credit = isinstance(contract, PrepaidCredit) and position.kind != "cap"
    yield _alert(
        position,
        "credit-empty" if credit else "cap-reached",
        f"{money(position, position.remaining or 0)} are left and will be gone {when}; "
        + ("buy more, or let others take the work" if credit else "after that others must take the work"),
        reached.middle,
        now,
        position.remaining or 0,
    )


def _or_later(late: date, end: date) -> str:
    return str(late) if late <= end else "its end"


def _dates(contract: Contract, now: int, lead: int) -> Iterator[Alert]:
    end = ends_at(contract)
    if end is None:
        return
    last = contract.ends
    if contract.notice_days is not None:
        notice = end - contract.notice_days * DAY
        if now < notice <= now + lead * DAY:
            goes_on = f" or it goes on for a {contract.renews}" if contract.renews else ""
            message = f"give notice by {day_of(notice - 1)}{goes_on}; it ends on {last}"
            yield _plain(contract, "notice", message, notice, now)
    if contract.renews is None and now < end <= now + lead * DAY:
        message = f"it ends on {last}; what takes its work after that?"
        yield _plain(contract, "ends", message, end, now)


def _idle(contract: Contract, position: Position, now: int, lead: int) -> Iterator[Alert]:
    if not isinstance(contract, Grant) or position.status == "exhausted":
        return
    left = money(position, position.remaining or 0)
    if position.last_drawn_at is None:
        if contract.use_by is not None:
            at = begins(contract.use_by) + DAY
            if now < at <= now + lead * DAY:
                message = f"nothing was drawn yet; it is called back after {contract.use_by}, {left} are left"
                yield _plain(contract, "idle", message, at, now)
        return
    if now - position.last_drawn_at >= IDLE * DAY:
        message = f"nothing was drawn since {day_of(position.last_drawn_at)}, {left} are left"
        yield _plain(contract, "idle", message, now, now)


def _alert(position: Position, sort: str, message: str, at: int, now: int, amount: int) -> Alert:
    return Alert(
        contract=position.contract,
        sort=sort,  # type: ignore[arg-type]
        message=message,
        at=at,
        days=(at - now) / DAY,
        amount=amount,
        unit=position.unit,
    )


def _plain(contract: Contract, sort: str, message: str, at: int, now: int) -> Alert:
    return Alert(
        contract=contract.name,
        sort=sort,  # type: ignore[arg-type]
        message=message,
        at=at,
        days=(at - now) / DAY,
    )
