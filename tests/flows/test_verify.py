"""The proof of the books in pieces: the same findings as at once, beside the requests that ask for it."""

from __future__ import annotations

from typing import Any

import pytest

from rechenwerk.base.ids import encode_call
from rechenwerk.office.verify_ports import Progress
from rechenwerk.store.verifying import ALL_PROOFS, StoredVerifier
from tests.flows.office_desk import Bookkeeper, Office

CENT = 10_000_000
DAY = 86_400
SEALED = "everything sealed is as it was sealed"
PRICED = "every call's price is on revenue"
ZERO = "all entries sum to zero"


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
    assert len(named) == len(ALL_PROOFS) + 2
    assert proved(office)["id"] != run["id"]  # a new one, since the books may have changed


def test_who_is_no_tenant_sees_no_proof(office: Office, week: list[str], neighbour: str) -> None:
    assert week
    run = proved(office)
    office.refused(404, "GET", f"/books/verify/{run['id']}", neighbour)
    theirs = office.ok("POST", "/books/verify", neighbour, json={})
    assert (theirs["organisation"], theirs["id"] == run["id"]) == ("neighbour", False)
    office.refused(404, "GET", "/books/verify/nonsense")


def test_pieces_leave_nothing_out(office: Office, week: list[str]) -> None:
    damage(office, "update call set price = price + 5 where price > 0")
    told: list[Progress] = []
    alone = StoredVerifier(office.pool, piece=1)
    found = office.runner.run(alone.prove(1, None, told.append))
    whole = office.runner.run(StoredVerifier(office.pool).prove(1, None, lambda _: None))
    pieces = [one for one in told if one.what.startswith("calls of")]
    assert len(pieces) == len(week)
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert found == whole
    (said,) = [one.detail for one in found.checks if one.name == PRICED]
    assert said.startswith(f"7 wrong: call {week[0]}: 0.04 EUR, should be 0.040000005 EUR; call")


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
