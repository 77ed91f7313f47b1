"""The books as a Beancount journal, for `bean-check`: exact to the last billionth, without tolerance.

Syntax as in Beancount 3's language reference (beancount.github.io/docs/beancount_language_syntax.html) and
its lexer: a part of an account's name begins with a capital letter or a digit and goes on with letters,
digits and dashes; strings escape quotes and backslashes; `balance` holds at the beginning of its day.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC

from rechenwerk.ledger.exports.journal import Journal, day_before, day_of, flag_of, moment
from rechenwerk.ledger.exports.names import exact
from rechenwerk.ledger.exports.ports import Account, Span, Transaction

_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})
_STARTS = frozenset({"Lu", "Nd"})


def spell(name: str) -> str:
    """A project's or contract's name as a part of an account's: ``Straße 5`` is ``Straße-5``."""
    text = unicodedata.normalize("NFC", name)
    kept = "".join(char if unicodedata.category(char) in _LETTERS else "-" for char in text)
    first = kept[0].upper() + kept[1:]
    return first if unicodedata.category(first[0]) in _STARTS else f"X{kept}"


def quoted(text: str) -> str:
    """A string; line breaks and other controls become spaces."""
    plain = "".join(" " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char for char in text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Beancount(Journal):
    """Writes one export; see `Journal` for its arguments."""

    def __init__(self, accounts: Iterable[Account], currency: str, span: Span) -> None:
        super().__init__(accounts, currency, span, spell)

    def head(self, title: str) -> Iterator[str]:
        """Options, accounts, and what they held before the period.

        Args:
            title: of the file.
        """
        yield f'option "title" {quoted(title)}\n'
        yield f'option "operating_currency" "{self._currency}"\n'
        # Without these Beancount would let half a billionth pass.
        yield 'option "inferred_tolerance_default" "*:0"\noption "tolerance_multiplier" "0"\n\n'
        opened = _opened(self._span)
        for account in self._accounts:
            yield f"{opened} open {self._names[account.id]} {self._currency}\n"
            yield f"  kind: {quoted(account.kind)}\n"
            if account.project is not None:
                yield f"  project: {quoted(account.project)}\n"
            if account.contract is not None:
                yield f"  contract: {quoted(account.contract)}\n"
        yield from self._opening(f'\n{opened} * "Opening balances"\n')

    def _transaction(self, one: Transaction) -> str:
        links = f"^{one.code} ^{one.of}" if one.of else f"^{one.code}"
        head = f"\n{day_of(one)} {flag_of(one)} {quoted(one.who)} {quoted(one.what)} #{one.outcome} {links}\n"
        reason = f"  reason: {quoted(one.text)}\n" if one.text else ""
        return f'{head}  time: "{moment(one.at)}"\n{reason}'

    def tail(self) -> Iterator[str]:
        """The trial balance: what every account must hold when the period is over."""
        after = _day_after(self._span)
        yield "\n"
        for account in self._accounts:
            name = self._names[account.id]
            yield f"{after} balance {name} {exact(account.closing)} ~ 0 {self._currency}\n"

    def _posting(self, account: int, amount: int) -> str:
        return f"  {self._names[account]} {exact(amount)} {self._currency}\n"


def _opened(span: Span) -> str:
    """The day before the first; for a journal from the beginning, before there was any."""
    return "1970-01-01" if span.starts is None else day_before(span.starts)


def _day_after(span: Span) -> str:
    return span.ends.astimezone(UTC).date().isoformat()
