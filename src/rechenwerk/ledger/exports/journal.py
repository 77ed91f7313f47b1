"""What the journals of plain-text bookkeepers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from rechenwerk.ledger.exports.names import account_names
from rechenwerk.ledger.exports.ports import Account, Span, Transaction


class Journal(ABC):
    """Writes one export.

    Args:
        accounts: all accounts of the books.
        currency: of all amounts.
        span: what is exported; its opening balances are dated the day before it.
        spell: a project's or contract's name as the format writes a part of an account's.
    """

    def __init__(
        self, accounts: Iterable[Account], currency: str, span: Span, spell: Callable[[str], str]
    ) -> None:
        self._accounts = sorted(accounts, key=lambda one: one.id)
        self._names: Mapping[int, str] = account_names(self._accounts, spell)
        self._currency = currency
        self._span = span

    @abstractmethod
    def head(self, title: str) -> Iterator[str]:
        """Directives, accounts, and what they held before the period; `title` of the file."""

    @abstractmethod
    def tail(self) -> Iterator[str]:
        """The trial balance: what every account must hold when the period is over."""

    @abstractmethod
    def _transaction(self, one: Transaction) -> str:
        """A transaction's lines above its postings."""

    @abstractmethod
    def _posting(self, account: int, amount: int) -> str:
        """A line: an account by its id, nano-units."""

    def transactions(self, some: Iterable[Transaction]) -> str:
        """Transactions as text."""
        return "".join(part for one in some for part in (self._transaction(one), *self._moves(one)))

    def _moves(self, one: Transaction) -> Iterator[str]:
        for move in one.moves:
            yield self._posting(move.debit, move.amount)
            yield self._posting(move.credit, -move.amount)

    def _opening(self, heading: str) -> Iterator[str]:
        """What accounts held before the period, where any held something."""
        if any(account.opening for account in self._accounts):
            yield heading
            for account in self._accounts:
                if account.opening:
                    yield self._posting(account.id, account.opening)


def flag_of(one: Transaction) -> str:
    """``!`` for what is to be settled."""
    return "!" if one.outcome == "unresolved" else "*"


def day_of(one: Transaction) -> str:
    """Its day in UTC: ``2026-03-01``."""
    return one.at.astimezone(UTC).date().isoformat()


def moment(at: datetime) -> str:
    """A time to the microsecond, in UTC: ``2026-03-01T08:00:00.000000Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def day_before(at: datetime) -> str:
    """The day before a moment."""
    return (at - timedelta(days=1)).date().isoformat()
