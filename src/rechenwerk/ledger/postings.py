"""Double entry of a call: which accounts move, by outcome."""

from __future__ import annotations

from rechenwerk.ledger.ports import Accounts, Outcome, Transfer


def transfers(outcome: Outcome, accounts: Accounts, price: int, cost: int, held: int) -> tuple[Transfer, ...]:
    """The transfers that book a call.

    posted      cost -> payable, receivable -> revenue; the part of the price above the hold on overrun
    failed      failed -> payable: it cost money and served nobody, so nobody is charged
    unresolved  the same as posted on the unresolved accounts, until usage or a bill settles them
    void        nothing moved

    Args:
        outcome: how the call ended.
        accounts: of the project under the contract.
        price: nano-units at the tariff.
        cost: nano-units at the contract's price.
        held: nano-units that the hold reserved.
    """
    if outcome == "void":
        return ()
    if outcome == "failed":
        return (Transfer(accounts.failed, accounts.payable, cost),) if cost else ()
    settled = outcome == "posted"
    within = min(price, held)
    booked = []
    if cost:
        booked.append(
            Transfer(accounts.cost if settled else accounts.unresolved_cost, accounts.payable, cost)
        )
    if within:
        booked.append(
            Transfer(accounts.receivable if settled else accounts.unresolved_price, accounts.revenue, within)
        )
    if price > within:
        booked.append(Transfer(accounts.overrun, accounts.revenue, price - within))
    return tuple(booked)
