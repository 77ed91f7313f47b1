"""The proof of the books in pieces: the same findings as at once, beside the requests that ask for it."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from rechenwerk.base.ids import EPOCH_MS, encode_call
from rechenwerk.office.verify_ports import Progress
from rechenwerk.store.folds import FOLDS
from rechenwerk.store.seal_check import first_id
from rechenwerk.store.verifying import ALL_PROOFS, StoredVerifier
from tests.flows.office_desk import Bookkeeper, Office

CENT = 10_000_000
DAY = 86_400
SEALED = "everything sealed is as it was sealed"
PRICED = "every call's price is on revenue"
ZERO = "all entries sum to zero"
TOTALS = "every day's totals are the sums of its calls"
DRAWN = "every contract's draws are the cost and usage of its calls"
POSTED = "every slice has posted what its calls were charged"
MONTHS = "every account's months are the sums of its entries"


@pytest.fixture
def week(office: Office, bookkeeper: Bookkeeper) -> list[str]:
    """A call a day for a week, the days sealed."""
    calls = []
    for _ in range(7):
        hold = bookkeeper.hold("default", 10 * CENT, started=office.clock.at)
        calls.append(bookkeeper.post(hold, "posted", 4 * CENT, 3 * CENT))
        office.clock.at += DAY
    office.ok("POST", "/books/seal")
    return calls


def proved(office: Office, **body: str) -> Any:
    """Start a proof and follow it to its end; the last news of it."""
    run = office.ok("POST", "/books/verify", json=body)
    while run["state"] == "running":
        run = office.ok("GET", f"/books/verify/{run['id']}")
    return run


def damage(office: Office, *statements: str) -> None:
    """What somebody may do who owns the database."""
    for table in ("call", "transfer"):
        office.sql(f"alter table {table} disable trigger all")
    for statement in statements:
        office.sql(statement)


def wrong(result: Any) -> dict[str, str]:
    """What does not hold, with what is said of it."""
    return {one["name"]: one["detail"] for one in result["checks"] if not one["ok"]}


def test_a_proof_runs_beside_the_requests_that_ask_for_it(office: Office, week: list[str]) -> None:
    run = proved(office)
    assert (run["state"], run["done"], run["failed"]) == ("done", run["whole"], None)
    assert run["result"] == office.ok("GET", "/books/verify")
    assert run["result"]["ok"]
    named = {one["name"]: one["detail"] for one in run["result"]["checks"]}
    assert named[PRICED] == f"{len(week)} checked"
    assert named[ZERO] == f"{2 * len(week)} checked"
    assert len(named) == len(ALL_PROOFS) + len(FOLDS) + 2
    assert proved(office)["id"] != run["id"]  # a new one, since the books may have changed


def test_who_is_no_tenant_sees_no_proof(office: Office, week: list[str], neighbour: str) -> None:
    assert week
    run = proved(office)
    office.refused(404, "GET", f"/books/verify/{run['id']}", neighbour)
    theirs = office.ok("POST", "/books/verify", neighbour, json={})
    assert (theirs["organisation"], theirs["id"] == run["id"]) == ("neighbour", False)
    office.refused(404, "GET", "/books/verify/nonsense")


def test_pieces_leave_nothing_out(office: Office, bookkeeper: Bookkeeper, week: list[str]) -> None:
    """Whatever stands in the tables is in one piece, and in no second: however small the pieces are."""
    for edge in (first_id(date(2027, 1, 17)), first_id(date(2027, 1, 18)) - 1):  # first and last of a day
        office.clock.at = ((edge >> 22) + EPOCH_MS) / 1000
        bookkeeper.post(bookkeeper.hold("default", 10 * CENT, started=office.clock.at), "posted", CENT, CENT)
    far = bookkeeper.hold("default", 10 * CENT, started=office.clock.at + 3 * DAY)
    bookkeeper.post(far, "posted", CENT, CENT)
    office.clock.at += 9 * DAY
    office.ok("POST", "/wallets/topup", json={"amount": "5"})
    for piece in (1, 2, 3, 1000):
        found = office.runner.run(StoredVerifier(office.pool, piece).prove(1, None, lambda _: None))
        assert [one for one in found.checks if not one.ok] == [], piece
        counted = {one.name: one.detail for one in found.checks}
        for name, table in ((ZERO, "transfer"), (PRICED, "call"), (TOTALS, "call"), (MONTHS, "transfer")):
            (row,) = office.sql(f"select count(*) as n from {table} where organisation_id = 1")
            assert counted[name] == f"{row['n']} checked", (piece, name)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("update call set price = price + 5", PRICED),
        ("update transfer set amount = amount + 5 where line = 1", "every call's cost is on payable"),
        ("update call set output = output + 5", TOTALS),
        ("update call_day set input = input + 5", TOTALS),
        ("update position_draw set requests = requests + 5", DRAWN),
        ("delete from call where price = (select max(price) from call)", DRAWN),
        ("update slice set posted = posted + 5, granted = granted + 5", POSTED),
        ("update account_month set credit = credit + 5 where credit > 0", MONTHS),
        ("update transfer set amount = amount + 5 where line = 2", MONTHS),
    ],
)
def test_every_piece_finds_what_all_at_once_finds(
    office: Office, week: list[str], statement: str, name: str
) -> None:
    damage(office, statement)
    told: list[Progress] = []
    found = office.runner.run(StoredVerifier(office.pool, piece=1).prove(1, None, told.append))
    whole = office.runner.run(StoredVerifier(office.pool).prove(1, None, lambda _: None))
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert len([one for one in told if one.what.startswith("calls of")]) == len(week)
    assert found == whole
    (said,) = [one for one in found.checks if one.name == name]
    assert not said.ok


def test_a_large_day_is_proved_in_parts(office: Office, bookkeeper: Bookkeeper) -> None:
    for _ in range(24):
        office.clock.at += 1800
        hold = bookkeeper.hold("default", 10 * CENT, started=office.clock.at)
        bookkeeper.post(hold, "posted", 4 * CENT, 3 * CENT)
    told: list[Progress] = []
    found = office.runner.run(StoredVerifier(office.pool, piece=5).prove(1, None, told.append))
    assert all(one.ok for one in found.checks)
    parts = [one.what for one in told if one.what.startswith("calls of")]
    assert [part for part in parts if part.endswith("(part 2 of 5)")]
    damage(office, f"update call set price = price + 5 where id = {hold.id}")
    found = office.runner.run(StoredVerifier(office.pool, piece=5).prove(1, None, told.append))
    (said,) = [one.detail for one in found.checks if one.name == PRICED]
    assert said == f"1 wrong: call {encode_call(hold.id)}: 0.04 EUR, should be 0.040000005 EUR"


def test_what_is_asked_once_reads_no_calls_but_by_their_ids(office: Office, week: list[str]) -> None:
    """However many calls there are, it takes no longer."""
    assert week
    once = {one.name: one.offenders for one in ALL_PROOFS if one.scope == "whole"}
    once |= {f"{one.name}: {part}": part for one in FOLDS for part in (one.rest, one.kept) if part}
    for name, query in once.items():
        texts = ["set local enable_nestloop = off", "set local enable_seqscan = off"]
        for place in read_without_id(explained(office, texts, query)):
            raise AssertionError(f"{name} reads all of {place}")


def explained(office: Office, settings: list[str], query: str) -> Any:
    """How the database would answer."""

    async def ask() -> Any:
        async with office.pool.acquire() as connection, connection.transaction():
            for setting in settings:
                await connection.execute(setting)
            return await connection.fetchval(f"explain (format json) {query}", 1)

    return json.loads(office.runner.run(ask()))[0]["Plan"]


def read_without_id(plan: dict[str, Any]) -> list[str]:
    """Partitions of calls and of their transfers that a plan reads without asking for an id."""
    where = plan.get("Relation Name", "")
    found = []
    if re.fullmatch(r"(call|transfer)_(\d{4}_\d\d|other)", where):
        asked = re.search(r"\b(call_)?id = ", plan.get("Index Cond", ""))
        found = [] if asked else [where]
    for part in plan.get("Plans", ()):
        found += read_without_id(part)
    return found


def test_days_prove_what_their_rows_show_by_themselves(office: Office, week: list[str]) -> None:
    first, second, third = "2027-01-15", "2027-01-16", "2027-01-17"
    damage(office, f"update call set price = price + 5 where id = {int(week[1][5:], 16)}")
    assert proved(office, **{"from": first, "to": first})["result"]["ok"]
    assert proved(office, **{"from": third})["result"]["ok"]
    for asked in ({"from": second, "to": second}, {"to": third}):
        found = wrong(proved(office, **asked)["result"])
        assert week[1] in found[PRICED]
        assert found[SEALED].startswith(f"1 wrong: {second}: call {week[1]} was altered")
        assert office.ok("GET", "/books/verify", params=asked)["ok"] is False
    for asked, said in (
        ({"from": third, "to": first}, "exchange the days"),
        ({"from": "2030-01-01"}, "2030-01-01 is not here yet"),
        ({"from": "March"}, "from"),
    ):
        assert said in office.refused(422, "POST", "/books/verify", json=asked)["message"]


def test_a_month_that_was_taken_away_is_named_and_comes_back(office: Office, week: list[str]) -> None:
    tables = ("call", "transfer")
    bounds = {
        table: office.sql(
            "select pg_get_expr(relpartbound, oid) as of from pg_class where relname = $1",
            f"{table}_2027_01",
        )[0]["of"]
        for table in tables
    }
    for table in tables:
        office.sql(f"alter table {table} detach partition {table}_2027_01")
    found = wrong(proved(office)["result"])
    assert found[SEALED].startswith("1 wrong: 2027-01-15: call_2027_01 and transfer_2027_01 are not both")
    assert "attach them again" in found[SEALED]
    assert PRICED not in found
    assert len(office.ok("GET", "/books/roots")["roots"]) == len(week)  # sealed roots are there still
    for table in tables:
        office.sql(f"alter table {table} attach partition {table}_2027_01 {bounds[table]}")
    assert proved(office)["result"]["ok"]
    assert office.ok("GET", f"/books/proof/{week[0]}")["subject"] == week[0]


def test_a_call_far_from_its_time_is_listed_or_found(office: Office, bookkeeper: Bookkeeper) -> None:
    near = bookkeeper.hold("default", 10 * CENT, started=office.clock.at - DAY + 1)
    far = bookkeeper.hold("default", 10 * CENT, started=office.clock.at + DAY + 1)
    for hold in (near, far):
        bookkeeper.post(hold, "posted", 4 * CENT, 3 * CENT)
    assert [row["id"] for row in office.sql("select id from call_stray")] == [far.id]
    assert office.ok("GET", "/books/verify")["ok"]
    damage(office, "delete from call_stray")
    found = wrong(office.ok("GET", "/books/verify"))
    named = "every call lies where its time says, or is listed"
    assert f"call {encode_call(far.id)}: far from its time" in found[named]


def test_a_proof_of_days_that_nobody_booked_on(office: Office) -> None:
    found = proved(office, **{"from": "2026-01-01", "to": "2026-01-02"})["result"]
    assert found["ok"]
    assert {one["detail"] for one in found["checks"][:-1]} == {"0 checked"}
