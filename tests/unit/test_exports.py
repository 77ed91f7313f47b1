"""Parts of exports: names of accounts, text, amounts; and that half a table never looks whole."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from beancount.core import account as theirs
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.types import Message

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.ledger.exports import beancount, hledger
from rechenwerk.ledger.exports.journal import moment
from rechenwerk.ledger.exports.names import account_names, exact, kind_component
from rechenwerk.ledger.exports.ports import Account, AccountClass
from rechenwerk.ledger.exports.tables import CALL_COLUMNS, csv_lines
from rechenwerk.office.exports import Streamed
from rechenwerk.office.parquet import parquet

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
KINDS: tuple[tuple[str, AccountClass], ...] = (
    ("receivable", "asset"),
    ("cost", "expense"),
    ("unresolved_cost", "expense"),
    ("wallet", "liability"),
    ("revenue", "income"),
)
OWNERS = st.one_of(st.none(), NAMES, st.sampled_from(("a b", "a-b", "A b", "Cost", "a:b", "7")))
ACCOUNTS = st.lists(st.tuples(st.sampled_from(KINDS), OWNERS, OWNERS), max_size=12, unique=True)


def account(
    number: int, kind: str, class_: AccountClass, project: str | None, contract: str | None
) -> Account:
    return Account(number, kind, class_, project, contract, 0, 0)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0.000000000"),
        (1, "0.000000001"),
        (-1_500_000_000, "-1.500000000"),
        (10**21 + 7, f"{10**12}.000000007"),
    ],
)
def test_amounts_have_all_their_decimals(nano: int, text: str) -> None:
    assert exact(nano) == text
    assert Decimal(text) * 10**9 == nano


@given(ACCOUNTS)
def test_no_two_accounts_have_a_name_or_are_each_other_s_parents(
    rows: list[tuple[tuple[str, AccountClass], str | None, str | None]],
) -> None:
    accounts = [account(number, *kind, *owners) for number, (kind, *owners) in enumerate(rows, 1)]
    for spell in (beancount.spell, hledger.spell):
        names = account_names(accounts, spell)
        assert len(set(names.values())) == len(accounts)
        assert not [
            (one, two) for one in names.values() for two in names.values() if two.startswith(f"{one}:")
        ]
        for count in range(len(accounts)):
            earlier = account_names(accounts[:count], spell)
            assert earlier == {one: names[one] for one in earlier}, "a name never changes"
    for name in account_names(accounts, beancount.spell).values():
        assert theirs.is_valid(name), name
    for name in account_names(accounts, hledger.spell).values():
        assert not re.search(r"\s\s|[\t\n;]|^\s|\s$", name)


@pytest.mark.parametrize(
    ("name", "in_beancount", "in_hledger"),
    [
        ("town", "Town", "town"),
        ("Straße 5", "Straße-5", "Straße 5"),
        ("österreich", "Österreich", "österreich"),
        ("o\u0308sterreich", "Österreich", "o\u0308sterreich"),
        ("ßig", "SSig", "ßig"),
        ("部門", "X部門", "部門"),
        ("a:b; c", "A-b--c", "a-b, c"),
        ("-x", "X-x", "-x"),
        ("two  spaces\t", "Two--spaces-", "two spaces"),
    ],
)
def test_names_are_spelled_by_each_format_s_rules(name: str, in_beancount: str, in_hledger: str) -> None:
    assert (beancount.spell(name), hledger.spell(name)) == (in_beancount, in_hledger)


def test_text_is_escaped() -> None:
    assert beancount.quoted('say "so" \\ now\nand then') == r'"say \"so\" \\ now and then"'
    assert hledger.described("payee | note ; comment\n x") == "payee / note , comment x"
    assert kind_component("unresolved_cost") == "Unresolved-Cost"
    assert moment(datetime(2026, 3, 1, 8, tzinfo=UTC)) == "2026-03-01T08:00:00.000000Z"


async def lines(*rows: bytes, ends: Exception | None = None) -> AsyncIterator[bytes]:
    yield csv_lines([CALL_COLUMNS]).encode()
    for row in rows:
        yield row
    if ends is not None:
        raise ends


async def written(source: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in parquet(source, "EUR")])


def test_half_of_the_calls_never_become_a_file() -> None:
    with pytest.raises(OSError, match="the database went away"):
        asyncio.run(written(lines(ends=OSError("the database went away"))))


def test_a_table_that_cannot_be_read_is_told() -> None:
    with pytest.raises(RechenwerkError, match="the Parquet writer failed"):
        asyncio.run(written(lines(b"not,a,call\n")))


def test_who_stops_reading_stops_the_writer() -> None:
    async def begun() -> int:
        source = parquet(lines(), "EUR")
        size = len(await anext(source))
        await source.aclose()
        return size

    assert asyncio.run(begun()) > 0


def test_a_client_that_goes_away_leaves_the_books_closed() -> None:
    ended: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"a piece"
        finally:
            ended.append("pieces")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    async def answered() -> None:
        stack = AsyncExitStack()
        stack.callback(ended.append, "books")
        answer = Streamed(pieces(), stack, "text/plain", {})
        scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
        with pytest.raises(ClientDisconnect):
            await answer(scope, receive, send)

    asyncio.run(answered())
    assert ended == ["pieces", "books"]
