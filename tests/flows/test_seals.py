"""Sealed days: everything has its proof, and not even who owns the database changes a sealed row unseen."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rechenwerk.base.ids import decode_call, encode_call
from rechenwerk.identity.signing import SigningKey
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine
from rechenwerk.office.seal_ports import canonical
from tests.flows.office_desk import Bookkeeper, Office

CENT = 10_000_000
DAY = 86_400
SCRIPT = Path(__file__).parents[2] / "docs/examples/verify_proof.py"
SEALED, CHAIN = (
    "everything sealed is as it was sealed",
    "every sealed day is signed and names the one before it",
)


class Sealed:
    """An office with three calls and a voucher, a day later, sealed."""

    def __init__(self, office: Office, bookkeeper: Bookkeeper, folder: Path) -> None:
        self.office = office
        self.bookkeeper = bookkeeper
        self.folder = folder
        self.calls = [self.call(price) for price in (4, 5, 6)]
        line = VoucherLine(Side("cost", 1, 1), Side("payable", 0, 1), 7)
        at = datetime.fromtimestamp(office.clock.at, UTC)
        voucher = Voucher("accrual", at, "a fixed fee", "test", (line,))
        self.voucher = office.runner.run(office.desk.vouchers.book(1, voucher))
        self.seal()

    def call(self, price: int) -> str:
        """Book one; its id."""
        hold = self.bookkeeper.hold("default", 10 * CENT)
        return self.bookkeeper.post(hold, "posted", price * CENT, 3 * CENT)

    def seal(self) -> Any:
        """A day later."""
        self.office.clock.at += DAY
        return self.office.ok("POST", "/books/seal")

    def wrong(self) -> dict[str, str]:
        """Checks of the books that do not hold, with what they say."""
        checks = self.office.ok("GET", "/books/verify")["checks"]
        return {one["name"]: one["detail"] for one in checks if not one["ok"]}

    def damage(self, statements: str) -> None:
        """What somebody may do who owns the database."""
        for table in ("call", "transfer", "seal", "seal_block", "seal_key", "voucher"):
            self.office.sql(f"alter table {table} disable trigger all")
        for statement in statements.split(";"):
            self.office.sql(statement)

    def script(self, proof: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The stand-alone verifier's word on a proof."""
        path = self.folder / "proof.json"
        path.write_text(json.dumps(proof), encoding="utf-8")
        command = [sys.executable, "-I", str(SCRIPT), str(path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def roots(self) -> str:
        """The chain with its keys, in a file."""
        path = self.folder / "roots.json"
        found = {**self.office.ok("GET", "/books/roots"), **self.office.ok("GET", "/books/roots/keys")}
        path.write_text(json.dumps(found), encoding="utf-8")
        return str(path)


@pytest.fixture
def books(office: Office, bookkeeper: Bookkeeper, tmp_path: Path) -> Sealed:
    """Books of a day that is sealed."""
    return Sealed(office, bookkeeper, tmp_path)


def test_everything_sealed_has_a_proof_that_a_stranger_checks(books: Sealed, neighbour: str) -> None:
    assert books.wrong() == {}
    key = books.office.signing.key.public.hex()
    roots = books.roots()
    for subject in (*books.calls, str(books.voucher)):
        proof = books.office.ok("GET", f"/books/proof/{subject}")
        assert canonical(json.loads(proof["leaf"])) == proof["leaf"]
        checked = books.script(proof, "--key", key, "--roots", roots)
        assert checked.returncode == 0, checked.stderr
        assert "each names the one before it" in checked.stdout
        books.office.refused(404, "GET", f"/books/proof/{subject}", neighbour)
    assert books.office.ok("GET", "/books/roots", neighbour)["roots"] == []
    books.office.refused(403, "POST", "/books/seal", neighbour)
    books.office.refused(403, "POST", "/books/roots/rotate", neighbour)
    books.office.refused(422, "GET", "/books/proof/nonsense")
    books.office.refused(404, "GET", "/books/proof/call_0000000000000001")


def test_a_proof_that_was_altered_proves_nothing(books: Sealed) -> None:
    proof = books.office.ok("GET", f"/books/proof/{books.calls[0]}")
    key = books.office.signing.key.public.hex()
    assert books.script(proof, "--key", key).returncode == 0
    for field, value, said in (
        ("leaf", proof["leaf"].replace('"price":"40000000"', '"price":"1"'), "does not lead"),
        ("index", proof["index"] + 1, "does not lead"),
        ("index", 99, "not in the day"),
        ("path", proof["path"][:-1], "shorter"),
        ("path", [*proof["path"], "00" * 32], "longer"),
        ("path", ["00" * 32, *proof["path"][1:]], "does not lead"),
        ("signature", "00" * 64, "not signed"),
        ("statement", proof["statement"].replace('"sum":"', '"sum":"1'), "not signed"),
        ("public", SigningKey(bytes(32)).public.hex(), "not trusted"),
        ("statement", "nonsense", "not a proof"),
    ):
        assert proof[field] != value
        checked = books.script({**proof, field: value}, "--key", key)
        assert (checked.returncode, checked.stderr.count("\n")) == (1, 1), field
        assert said in checked.stderr


SWAP_CALLS = (
    "update call set id = 1 where id = {A}; update call set id = {A} where id = {B};"
    " update call set id = {B} where id = 1"
)
SWAP_TRANSFERS = SWAP_CALLS.replace("call set id", "transfer set call_id").replace(
    "where id", "where call_id"
)
DAMAGE = (
    # A, B: calls, N: a new one, V: the voucher; what is done, and what is said
    (
        "update call set price = price + 5 where id = {A}",
        "call {A} was altered; its day differs from",
        "price by +0.000000005",
    ),
    ("update call set decision = 'another' where id = {A}", "call {A} was altered", ""),
    ("update transfer set amount = 1 where call_id = {A} and line = 1", "call {A} was altered", ""),
    ("update call set booked_at = booked_at - interval '1 day' where id = {B}", "call {B} was altered", ""),
    ("delete from call where id = {A}", "call {A} was deleted", ""),
    ("delete from call where id = {A}; delete from transfer where call_id = {A}", "call {A} was deleted", ""),
    ("delete from transfer where call_id = {B}", "call {B} was altered", ""),
    (
        "update call set id = {N} where id = {A}",
        "call {N} was inserted after its day",
        "call {A} was deleted",
    ),
    (SWAP_CALLS, "call {A} was swapped, without its transfers, with call {B}", "{B} was swapped"),
    (
        f"{SWAP_CALLS}; {SWAP_TRANSFERS}",
        "call {A} was swapped with call {B}",
        "call {B} was swapped with call {A}",
    ),
    (SWAP_TRANSFERS, "call {A} has the transfers of call {B}", "call {B} has the transfers of call {A}"),
    (
        "update account set kind = 'bank' where kind = 'receivable'",
        "call {A} was altered",
        "call {B} was altered",
    ),
    ("update voucher set reason = 'another' where id = {V}", "voucher {V} was altered", ""),
    ("delete from voucher where id = {V}", "voucher {V} was deleted", ""),
    ("update voucher set id = {V} - 1000 where id = {V}", "voucher {V} was deleted", "no seal has it"),
    (
        "update seal_block set hashes = sha256('x') || substr(hashes, 33)",
        "was altered in its block 1",
        "to its root",
    ),
    (
        "update seal_block set hashes = sha256('x'), root = sha256('x') where cardinality(ids) = 1",
        "does not lead to its root any more",
        "voucher {V} was altered",
    ),
)


@pytest.mark.parametrize(("statements", "said", "more"), DAMAGE, ids=[row[0][:40] for row in DAMAGE])
def test_who_owns_the_database_is_found_out(books: Sealed, statements: str, said: str, more: str) -> None:
    first, second = (decode_call(call) for call in books.calls[:2])
    numbers = {"A": first, "B": second, "N": first + 100, "V": books.voucher}
    books.damage(statements.format(**numbers))
    detail = books.wrong()[SEALED]
    names = {**{name: encode_call(numbers[name]) for name in "ABN"}, "V": books.voucher}
    assert said.format(**names) in detail
    assert more.format(**names) in detail


def _resigned(books: Sealed) -> str:
    """A seal whose root is another, signed by a key of the forger's own."""
    forger = SigningKey(bytes(range(32)))
    row = books.office.sql("select statement from seal order by number desc limit 1")[0]
    said = {**json.loads(row["statement"]), "root": "00" * 32, "key": forger.id}
    statement = canonical(said)
    signature = forger.sign(statement.encode()).hex()
    return (
        f"insert into seal_key (id, public) values ('{forger.id}', '\\x{forger.public.hex()}');"
        f"update seal set statement = '{statement}', signature = '\\x{signature}', key_id = '{forger.id}',"
        f" root = '\\x{'00' * 32}' where number = 2"
    )


def test_who_seals_again_has_not_our_key(books: Sealed) -> None:
    books.damage(_resigned(books))
    assert "which is not ours" in books.wrong()[CHAIN]


def test_a_statement_that_says_something_else(books: Sealed) -> None:
    books.damage('update seal set statement = replace(statement, \'"sum":"\', \'"sum":"1\')')
    assert "its signature is of something else" in books.wrong()[CHAIN]


def test_a_day_that_was_taken_out(books: Sealed) -> None:
    for _ in range(2):
        books.call(7)
        books.seal()
    assert books.wrong() == {}
    roots = books.roots()
    proof = books.office.ok("GET", f"/books/proof/{books.calls[0]}")
    assert books.script(proof, "--roots", roots).returncode == 0
    books.damage("delete from seal_block where number = 2; delete from seal where number = 2")
    assert "a day before it is gone" in books.wrong()[CHAIN]
    assert "taken out" in books.script(proof, "--roots", books.roots()).stderr


def test_a_day_waits_for_its_calls(books: Sealed) -> None:
    begun = books.bookkeeper.hold("default", 10 * CENT)
    books.call(5)
    done = books.seal()
    assert (done["seals"], done["waiting"]) == (
        0,
        "2027-01-16 and later wait for calls that are still under way",
    )
    call = books.bookkeeper.post(begun, "posted", CENT, CENT)
    books.office.refused(409, "GET", f"/books/proof/{call}")
    assert books.office.ok("POST", "/books/seal")["seals"] == 1
    assert books.office.ok("GET", f"/books/proof/{call}")["index"] == 0
    assert books.office.ok("POST", "/books/seal") == {"seals": 0, "leaves": 0, "waiting": None}
    assert books.wrong() == {}


def test_a_call_that_comes_after_its_day_was_sealed_is_in_the_next_seal(books: Sealed) -> None:
    at = books.office.clock.at
    books.call(5)
    books.office.clock.at = at - DAY + 60  # its process was down, and its intent is found only now
    late = books.call(6)
    assert books.wrong() == {}
    books.office.clock.at = at
    books.office.refused(409, "GET", f"/books/proof/{late}")
    assert books.seal()["leaves"] == 2
    proof = books.office.ok("GET", f"/books/proof/{late}")
    assert json.loads(proof["statement"])["day"] == "2027-01-16"
    assert books.script(proof).returncode == 0
    assert books.wrong() == {}
    books.damage(f"update call set price = 1 where id = {decode_call(late)}")
    assert f"2027-01-16: call {late} was altered" in books.wrong()[SEALED]


def test_a_new_key_is_named_by_the_old_one(books: Sealed) -> None:
    first = books.office.signing.key.public.hex()
    made = books.office.ok("POST", "/books/roots/rotate")
    assert made["public"] == books.office.signing.key.public.hex() != first
    call = books.call(5)
    books.seal()
    assert books.wrong() == {}
    proof = books.office.ok("GET", f"/books/proof/{call}")
    assert "not trusted" in books.script(proof, "--key", first).stderr
    assert books.script(proof, "--key", first, "--roots", books.roots()).returncode == 0
    books.damage("update seal_key set introduced = null")
    assert "did not hand over to ours" in books.wrong()[CHAIN]
