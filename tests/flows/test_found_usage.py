"""What a bill finds that calls used is what contracts were drawn for: in positions and in the proof."""

from __future__ import annotations

import time
from typing import Any

import pytest

from rechenwerk.ledger.ports import Hold
from rechenwerk.store.proofs import PROOFS
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office
from tests.flows.test_reconcile import bill

EUR = 1_000_000_000
MILLION = 1_000_000
FOUND = "every contract's draws are the usage that was found"
GRANT = 'kind = "grant"\nquantity = "1000"\nunit = "token"\n'


@pytest.fixture
def granted(office: Office) -> Office:
    """The language model stands under a grant of 1,000 tokens."""
    office.clock.at = time.time()
    office.ok("POST", "/apply", json={"text": DEFAULT.replace('kind = "on-demand"\n', GRANT, 1)})
    office.sql("alter table contract_version disable trigger user")  # as if it had stood there since long
    office.sql(
        "delete from contract_version v using contract c where c.id = v.contract_id and c.kind = 'grant'"
        " and v.terms ->> 'kind' <> 'grant'"
    )
    office.sql("update contract_version set valid_from = '-infinity' where terms ->> 'kind' = 'grant'")
    office.sql("alter table contract_version enable trigger user")
    office.ok("PUT", "/projects/default/budget", json={"period": "month", "amount": "100"})
    return office


def drawn(office: Office) -> str:
    """Tokens of the grant that count as drawn."""
    found = office.ok("GET", "/contracts/embedded on demand", params={"organisation": "operator"})
    said: str = found["position"]["drawn"]
    return said


def settle(office: Office, hold: Hold, *amounts: str, units: str = "") -> Any:
    """The provider's bill of the day of a call, settled."""
    body = bill(hold, *amounts) | {"settle": True}
    if units:
        body["text"] = (
            body["text"].replace("currency\n", "currency,input,output\n").replace("EUR\n", f"EUR,{units}\n")
        )
    office.clock.at = hold.started_us / 1e6 + 86_400
    return office.ok("POST", "/books/reconcile", json=body)


def sound(office: Office) -> dict[str, str]:
    """What does not hold of the books."""
    checks = office.ok("GET", "/books/verify")["checks"]
    return {one["name"]: one["detail"] for one in checks if not one["ok"]}


def test_a_position_moves_to_the_usage_that_the_bill_found(granted: Office, bookkeeper: Bookkeeper) -> None:
    bookkeeper.post(bookkeeper.hold("default", 3 * EUR), "posted", 2 * EUR, EUR)
    unclear = bookkeeper.hold("default", 3 * EUR)
    bookkeeper.post(unclear, "unresolved", 2 * EUR, EUR)
    assert drawn(granted) == "60.00"  # 10 in and 20 out, twice
    settle(granted, unclear, "1.50")  # half of what it could have cost
    assert drawn(granted) == "45.00"
    assert sound(granted) == {}
    granted.ok("POST", "/books/bills/1/undo", json={"reason": "a wrong file"})
    assert drawn(granted) == "60.00"
    settle(granted, unclear, "2.00", units="14,32")  # the bill tells it: 4 in and 12 out are left
    assert drawn(granted) == "46.00"
    assert sound(granted) == {}


def test_a_call_that_nobody_counted_is_drawn_like_the_others(granted: Office, bookkeeper: Bookkeeper) -> None:
    bookkeeper.post(bookkeeper.hold("default", EUR), "posted", EUR, EUR // 2)
    killed = bookkeeper.hold("default", EUR)
    granted.sql("select book_unresolved($1::bigint[], 'killed')", [killed.id])
    assert drawn(granted) == "30.00"
    settle(granted, killed, "1.00")  # the posted half, and as much again
    assert drawn(granted) == "60.00"
    assert sound(granted) == {}


def test_the_proof_finds_draws_that_keep_an_estimate(granted: Office, bookkeeper: Bookkeeper) -> None:
    unclear = bookkeeper.hold("default", 3 * EUR)
    bookkeeper.post(unclear, "unresolved", 2 * EUR, EUR)
    settle(granted, unclear, "0.50")
    assert sound(granted) == {}
    (proof,) = [one for one in PROOFS if one.name == FOUND]
    (row,) = granted.sql("select pg_get_viewdef('draw') as text")
    kept = "position_draw.output"
    assert kept in row["text"]
    estimated = row["text"].replace(kept, f"{kept} + 3 as output")
    granted.sql(f"create or replace view draw as {estimated}")
    (found,) = granted.sql(f"select * from ({proof.offenders}) x", 1)
    assert ("13 output" in found["is"], "10 output" in found["should"]) == (True, True)
    assert FOUND in sound(granted)
