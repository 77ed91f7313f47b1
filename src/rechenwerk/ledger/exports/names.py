"""Names of accounts and amounts as text, for formats of other bookkeepers.

    Assets:Receivable:<project>                  receivable, revenue, overrun, unresolved_price: per project
    Expenses:Cost:<project>:<contract>           cost, failed, unresolved_cost: per project and contract
    Liabilities:Payable:<contract>               payable, fixed, idle, …: per contract
    Assets:Bank                                  of neither

A format spells a name by its own rules, and two names may be spelled alike, or one like the beginning of
another (which would make it its parent). Then the account that came first keeps the name, and the later one's
kind carries its number: ``Assets:Receivable-17:Town``. Accounts are never removed, so a name never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from rechenwerk.base.money import NANO
from rechenwerk.ledger.exports.ports import Account, AccountClass

ROOTS: Mapping[AccountClass, str] = MappingProxyType(
    {"asset": "Assets", "liability": "Liabilities", "income": "Income", "expense": "Expenses"}
)


def exact(nano: int) -> str:
    """Whole units with all nine decimals: ``0.000050000``; what another reads is what was booked."""
    whole, rest = divmod(abs(nano), NANO)
    return f"{'-' if nano < 0 else ''}{whole}.{rest:09d}"


def kind_component(kind: str) -> str:
    """A kind as a part of a name: ``unresolved_cost`` is ``Unresolved-Cost``."""
    return "-".join(word.capitalize() for word in kind.split("_"))


def account_names(accounts: Iterable[Account], spell: Callable[[str], str]) -> dict[int, str]:
    """A name for each account, by its id; no two alike, and none the parent of another.

    Args:
        accounts: all of them.
        spell: a project's or contract's name as the format writes a part of an account's.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    parents: set[str] = set()
    for account in sorted(accounts, key=lambda one: one.id):
        owners = [spell(owner) for owner in (account.project, account.contract) if owner is not None]
        kind = kind_component(account.kind)
        # A kind never has digits of its own, so the second try cannot be taken.
        for part in (kind, f"{kind}-{account.id}"):
            parts = [ROOTS[account.class_], part, *owners]
            steps = [":".join(parts[:length]) for length in range(1, len(parts) + 1)]
            name = steps.pop()
            if name not in taken and name not in parents and taken.isdisjoint(steps):
                break
        names[account.id] = name
        taken.add(name)
        parents.update(steps)
    return names
