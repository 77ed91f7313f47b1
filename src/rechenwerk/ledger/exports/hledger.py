"""The books as an hledger journal, in full precision.

Syntax as in hledger's manual (hledger.org/hledger.html, "Journal"): an account's name ends at two spaces, a
description at a semicolon, and neither can be quoted, so what would end them is replaced. `==` asserts that
the account holds exactly this and no other commodity. Directives of commodity and accounts let `hledger check
--strict` pass; nine decimals in the directive are the precision in which transactions must balance.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta

from rechenwerk.ledger.exports.journal import Journal, day_before, day_of, flag_of, moment
from rechenwerk.ledger.exports.names import exact
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


class Hledger(Journal):
    """Writes one export; see `Journal` for its arguments."""

    def __init__(self, accounts: Iterable[Account], currency: str, span: Span) -> None:
        super().__init__(accounts, currency, span, spell)

    def head(self, title: str) -> Iterator[str]:
        """Directives, accounts, and what they held before the period.

        Args:
            title: of the file.
        """
        yield f"; {flat(title)}\n\ndecimal-mark .\ncommodity 1000.000000000 {self._currency}\n\n"
        types = dict(_TYPES)
        for account in self._accounts:
            yield f"account {self._names[account.id]}  ; type: {types[account.class_]}\n"
        if self._span.starts is not None:
            yield from self._opening(f"\n{day_before(self._span.starts)} * Opening balances\n")

    def _transaction(self, one: Transaction) -> str:
        description = " | ".join(filter(None, (described(one.who), described(one.what))))
        tags = f"outcome:{one.outcome}, time:{moment(one.at)}"
        if one.of:
            tags += f", of:{one.of}"
        reason = f"    ; reason:{tagged(one.text)}\n" if one.text else ""
        return f"\n{day_of(one)} {flag_of(one)} ({one.code}) {description}  ; {tags}\n{reason}"

    def tail(self) -> Iterator[str]:
        """The trial balance, as a transaction of nothing that asserts what every account holds."""
        last = (self._span.ends - timedelta(days=1)).astimezone(UTC).date()
        yield f"\n{last} * Trial balance\n"
        for account in self._accounts:
            name = self._names[account.id]
            yield f"    {name}  0 {self._currency} == {exact(account.closing)} {self._currency}\n"

    def _posting(self, account: int, amount: int) -> str:
        return f"    {self._names[account]}  {exact(amount)} {self._currency}\n"
