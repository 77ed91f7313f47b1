"""Journals that leave the books, as the programs of others read and judge them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rechenwerk.ledger.exports import beancount, hledger
from rechenwerk.ledger.exports.names import account_names
from rechenwerk.ledger.exports.ports import Account
from tests import verifiers
from tests.flows.exporting import CONTRACTS, PROJECTS, Books, march
from tests.flows.office_desk import Office

Check = Callable[[Path], verifiers.Verdict]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("beancount", verifiers.bean_check),
    ("hledger", verifiers.hledger_check),
)


@pytest.fixture
def books(office: Office, database_url: str) -> Iterator[Books]:
    """An organisation with awkward names and nothing booked yet."""
    books = Books(office, database_url)
    yield books
    books.close()


def named(books: Books, spell: Callable[[str], str]) -> dict[str, Decimal]:
    """Name of an account -> its balance in the books."""
    rows = books.office.sql(
        "select a.id, a.kind, k.class, p.name as project, c.name as contract from account a"
        " join account_kind k on k.kind = a.kind left join project p on p.id = a.project_id"
        " left join contract c on c.id = a.contract_id where a.organisation_id = $1",
        books.organisation,
    )
    accounts = [
        Account(row["id"], row["kind"], row["class"], row["project"], row["contract"], 0, 0) for row in rows
    ]
    names = account_names(accounts, spell)
    held = books.balance()
    return {names[one.id]: Decimal(held[one.kind, one.project, one.contract]) for one in accounts}


def without_zeros(sums: dict[str, Decimal]) -> dict[str, Decimal]:
    return {account: amount for account, amount in sums.items() if amount}


@pytest.mark.parametrize(("form", "check"), CHECKS)
def test_a_journal_is_accepted(full: Books, tmp_path: Path, form: str, check: Check) -> None:
    wrong = [one for one in full.office.ok("GET", "/books/verify")["checks"] if not one["ok"]]
    assert not wrong, wrong
    for period in ("2026-01", "2026-02", "2026-03", "2026-04", None):
        verdict = check(full.write(tmp_path, form, period))
        assert verdict.accepted, verdict.said


def test_what_beancount_reads_is_what_the_books_hold(full: Books, tmp_path: Path) -> None:
    read = verifiers.beancount_reads(full.write(tmp_path, "beancount"))
    assert read.errors == 0
    held = named(full, beancount.spell)
    assert without_zeros(read.sums) == without_zeros(held)
    assert set(read.accounts) == set(held)
    kept = {(one["kind"], one.get("project"), one.get("contract")) for one in read.accounts.values()}
    assert kept == set(full.balance()), "names stand whole beside what the format makes of them"
    calls = full.office.sql("select count(*) as n from call where organisation_id = $1", full.organisation)
    vouchers = full.office.sql(
        "select count(*) as n from voucher where organisation_id = $1", full.organisation
    )
    assert read.transactions == calls[0]["n"] + vouchers[0]["n"]


def test_what_hledger_reads_is_what_the_books_hold(full: Books, tmp_path: Path) -> None:
    file = full.write(tmp_path, "hledger")
    assert without_zeros(verifiers.hledger_reads(file)) == without_zeros(named(full, hledger.spell))


def test_a_month_begins_with_what_was_before_and_ends_with_what_was_then(full: Books, tmp_path: Path) -> None:
    march_only = verifiers.beancount_reads(full.write(tmp_path, "beancount", "2026-03"))
    calls = len(PROJECTS) + 7
    assert march_only.transactions == 1 + calls + 8, "opening balances, calls, vouchers"
    april = verifiers.beancount_reads(full.write(tmp_path, "beancount", "2026-04"))
    assert april.transactions == 1 + 1
    assert without_zeros(april.sums) == without_zeros(named(full, beancount.spell))
    february = verifiers.beancount_reads(full.write(tmp_path, "beancount", "2026-02"))
    assert february.transactions == 2, "nothing was before"


CHANGES: dict[str, Callable[[str], str]] = {
    "one billionth": lambda text: re.sub(r"0\.000050001 EUR", "0.000050002 EUR", text, count=1),
    "one billionth on both sides": lambda text: text.replace("0.000050001 EUR", "0.000050002 EUR", 2),
    "a posting that is missing": lambda text: re.sub(r"\n +\S[^\n]* 0\.000050001 EUR", "", text, count=1),
    "an assertion of one billionth more": lambda text: re.sub(
        r"(balance \S+ |== )0\.000050003 ", r"\g<1>0.000050004 ", text
    ),
    "a transaction that is missing": lambda text: re.sub(
        r"\n\n2026-03-01 (?s:.*?)(?=\n\n)", "", text, count=1
    ),
    "an account that is not declared": lambda text: re.sub(
        r"\n(\S+ open|account) Assets:Receivable:ß?\S*[^\n]*(\n  [^\n]*)*", "", text, count=1
    ),
}


@pytest.mark.parametrize(("form", "check"), CHECKS)
def test_a_journal_that_was_changed_is_rejected(
    books: Books, tmp_path: Path, form: str, check: Check
) -> None:
    for number, project in enumerate(PROJECTS[:4], 1):
        books.call(march(number), 75_000 + number, 50_000 + number, project=project)
    file = books.write(tmp_path, form, "2026-03")
    assert check(file).accepted
    whole = file.read_text(encoding="utf-8")
    for change, broken in ((name, change(whole)) for name, change in CHANGES.items()):
        assert broken != whole, change
        file.write_text(broken, encoding="utf-8")
        assert not check(file).accepted, change


def test_names_are_told_apart(books: Books, tmp_path: Path) -> None:
    for project in ("a b", "a-b", "A b"):
        books.call(march(1), 10, 5, project=project)
    read = verifiers.beancount_reads(books.write(tmp_path, "beancount"))
    receivable = {name: at["project"] for name, at in read.accounts.items() if at["kind"] == "receivable"}
    assert set(receivable.values()) == {"a b", "a-b", "A b"}
    assert all(read.sums[name] == Decimal("0.00000001") for name in receivable)


SIDES = st.tuples(
    st.sampled_from(("cost", "payable", "receivable", "revenue", "wallet", "fixed", "bad_debt")),
    st.sampled_from(("", *PROJECTS)),
    st.sampled_from(("", *CONTRACTS)),
)
LINES = st.lists(
    st.tuples(SIDES, SIDES, st.integers(1, 10**24)).filter(lambda line: line[0] != line[1]),
    min_size=1,
    max_size=5,
)
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2026, 4, 30), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=30)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(TIMES, LINES, TEXTS), min_size=1, max_size=8))
def test_whatever_is_booked_comes_back(books: Books, tmp_path: Path, booked: Any) -> None:
    for at, lines, reason in booked:
        sides = [(books.side(*debit), books.side(*credit), amount) for debit, credit, amount in lines]
        books.voucher("adjustment", at, *sides, reason=reason)
    for period in (None, "2026-02"):
        file = books.write(tmp_path, "beancount", period)
        verdict = verifiers.bean_check(file)
        assert verdict.accepted, verdict.said
    whole = verifiers.beancount_reads(tmp_path / "beancount.all.beancount")
    assert without_zeros(whole.sums) == without_zeros(named(books, beancount.spell))
    if verifiers.has_hledger():
        file = books.write(tmp_path, "hledger", "2026-02")
        verdict = verifiers.hledger_check(file)
        assert verdict.accepted, verdict.said
        read = verifiers.hledger_reads(books.write(tmp_path, "hledger"))
        assert without_zeros(read) == without_zeros(named(books, hledger.spell))
