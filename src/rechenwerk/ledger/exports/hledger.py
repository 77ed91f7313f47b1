"""The books as an hledger journal, in full precision.

Syntax as in hledger's manual (hledger.org/hledger.html, "Journal"): an account's name ends at two spaces, a
description at a semicolon, and neither can be quoted, so what would end them is replaced. `==` asserts that
the account holds exactly this and no other commodity. Directives of commodity and accounts let `hledger check
--strict` pass; nine decimals in the directive are the precision in which transactions must balance.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, timedelta

from rechenwerk.ledger.exports.beancount import moment
from rechenwerk.ledger.exports.names import account_names, exact
from rechenwerk.ledger.exports.ports import Account, Span, Transaction

_TYPES: tuple[tuple[str, str], ...] = (
    ("asset", "A"),
    ("liability", "L"),
    ("income", "R"),
    ("expense", "X"),
)


def spell(name: str) -> str:
    """A project's or contract's name as a part of an account's: colons part accounts, two spaces end them."""
    return flat(name).replace(":", "-").replace(";", ",") or "-"


def flat(text: str) -> str:
    """On one line, with single spaces."""
    plain = "".join(
        " " if char.isspace() or unicodedata.category(char) in {"Cc", "Cs"} else char for char in text
    )
    return " ".join(plain.split())


def described(text: str) -> str:
    """As part of a description: a semicolon would begin a comment, a bar part payee and note."""
    return flat(text).replace(";", ",").replace("|", "/")


def tagged(text: str) -> str:
    """As the value of a tag, which a comma would end."""
    return flat(text).replace(",", ";")


class Hledger:
    """Writes one export.

    Args:
        accounts: all accounts of the books.
        currency: of all amounts.
        span: what is exported; its opening balances are dated the day before it.
    """

    def __init__(self, accounts: Iterable[Account], currency: str, span: Span) -> None:
        self._accounts = sorted(accounts, key=lambda one: one.id)
        self._names: Mapping[int, str] = account_names(self._accounts, spell)
        self._currency = currency
        self._span = span

    def head(self, title: str) -> Iterator[str]:
        """Directives, accounts, and what they held before the period.

        Args:
            title: of the file.
        """
        yield f"; {flat(title)}\n\ndecimal-mark .\ncommodity 1000.000000000 {self._currency}\n\n"
        types = dict(_TYPES)
        for account in self._accounts:
            yield f"account {self._names[account.id]}  ; type: {types[account.class_]}\n"
        if self._span.starts is not None and any(account.opening for account in self._accounts):
            yield f"\n{(self._span.starts - timedelta(days=1)).date()} * Opening balances\n"
            for account in self._accounts:
                if account.opening:
                    yield self._posting(account.id, account.opening)

    def transactions(self, some: Iterable[Transaction]) -> str:
        """Transactions as text."""
        return "".join(self._transaction(one) for one in some)

    def _transaction(self, one: Transaction) -> str:
        flag = "!" if one.outcome == "unresolved" else "*"
        day = one.at.astimezone(UTC).date().isoformat()
        description = " | ".join(filter(None, (described(one.who), described(one.what))))
        tags = f"outcome:{one.outcome}, time:{moment(one.at)}"
        if one.of:
            tags += f", of:{one.of}"
        lines = [f"\n{day} {flag} ({one.code}) {description}  ; {tags}\n"]
        if one.text:
            lines.append(f"    ; reason:{tagged(one.text)}\n")
        for move in one.moves:
            lines.append(self._posting(move.debit, move.amount))
            lines.append(self._posting(move.credit, -move.amount))
        return "".join(lines)

    def tail(self) -> Iterator[str]:
        """The trial balance, as a transaction of nothing that asserts what every account holds."""
        last = (self._span.ends - timedelta(days=1)).astimezone(UTC).date()
        yield f"\n{last} * Trial balance\n"
        for account in self._accounts:
            name = self._names[account.id]
            yield f"    {name}  0 {self._currency} == {exact(account.closing)} {self._currency}\n"

    def _posting(self, account: int, amount: int) -> str:
        return f"    {self._names[account]}  {exact(amount)} {self._currency}\n"
