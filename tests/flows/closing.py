"""Months of bookings for tests of the close: calls by when they began, vouchers, fees."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from rechenwerk.base.ids import CallIds, encode_call
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.ports import Hold, Outcome, Post
from rechenwerk.ledger.postings import transfers
from rechenwerk.ledger.prices import price_list
from rechenwerk.ledger.statements import Content, decode
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherKind, VoucherLine
from rechenwerk.store.book import PostgresBook
from tests.flows.office_desk import Office
from tests.postgres import SPOOL

RATES: Mapping[str, Mapping[str, str]] = {
    "groß": {"input": "3", "cached_input": "0.30", "output": "15", "requests": "0.01"},
    "klein": {"input": "0.15", "output": "0.60"},
}
"""What the tariffs of these tests say, per million tokens."""


def day(text: str) -> datetime:
    """Noon of a day, UTC."""
    return datetime.fromisoformat(text).replace(hour=12, tzinfo=UTC)


class Ledger:
    """Books what happened in past months, through the till and the vouchers.

    Args:
        office: over the same database.
        database_url: of it.
        organisation: whose books.
    """

    def __init__(self, office: Office, database_url: str, organisation: str = "default") -> None:
        self._office = office
        self._run = office.runner.run
        self._book = PostgresBook(database_url, "past", SPOOL)
        self._ids = CallIds(office.clock, 1001)
        self._run(self._book.open(lambda *_: None))
        (row,) = office.sql("select id from organisation where name = $1", organisation)
        self.organisation: int = row["id"]

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it was declared dead
            self._run(self._book.close())

    def project(self, name: str) -> int:
        """The id of a project, made when missing."""
        tenants = self._office.desk.tenants
        found = self._run(tenants.project_id(self.organisation, name))
        if found is None:
            found = self._run(tenants.create_project(self.organisation, name))
            self._office.sql("update project set created_at = '2026-01-01'")
        return found

    def hold(self, project: str, at: datetime, model: str = "groß", amount: int = 10**12) -> Hold:
        """A call that is under way since then."""
        hold = self._hold(project, at, model, amount)
        self._run(self._book.write_holds([hold]))
        return hold

    def lose(self, project: str, at: datetime) -> int:
        """A call whose hold never reached the database: its process was killed, and has been silent since."""
        hold = self._hold(project, at, "groß", 1_000_000)
        self._book.intend(hold)
        self._office.sql("update process set heartbeat_at = now() - interval '1 hour'")
        return hold.id

    def _hold(self, project: str, at: datetime, model: str, amount: int) -> Hold:
        (row,) = self._office.sql(
            "select d.id, d.contract_id from deployment d where d.model = 'smollm2-135m'"
        )
        return Hold(
            id=self._ids.next(),
            organisation=self.organisation,
            project=self.project(project),
            key=0,
            deployment=row["id"],
            contract=row["contract_id"],
            endpoint="chat",
            model=model,
            streamed=False,
            amount=amount,
            cost_bound=amount,
            slices="{}",
            started_us=int(at.timestamp() * 1e6),
            expires_s=10**6,
        )

    def post(
        self, hold: Hold, usage: Usage, outcome: Outcome = "posted", price: int | None = None, cost: int = 7
    ) -> int:
        """How it ended, at the tariff's price unless another is given."""
        if price is None:
            price = price_list(RATES[hold.model]).amount(usage)
        accounts = self._run(self._book.accounts(hold.organisation, hold.project, hold.contract))
        post = Post(
            hold=hold,
            deployment=hold.deployment,
            contract=hold.contract,
            outcome=outcome,
            reason=None if outcome == "posted" else "nobody knows",
            source="reported" if outcome == "posted" else "none",
            usage=usage,
            raw_usage=None,
            price=price,
            cost=cost,
            status=200,
            first_byte_us=1,
            total_us=2,
            decision="{}",
            transfers=transfers(outcome, accounts, price, cost, hold.amount),
            tariff=self._tariff(hold.model),
        )
        self._run(self._book.write_posts([post]))
        return hold.id

    def _tariff(self, model: str) -> int:
        """The version that prices a model's calls; 0: none."""
        found = self._office.sql("select id from tariff where model = $1", model)
        return int(found[0]["id"]) if found else 0

    def call(self, project: str, at: datetime, model: str = "groß", **usage: int) -> int:
        """A call from its beginning to its end."""
        return self.post(self.hold(project, at, model), Usage(**usage, requests=1))

    def unresolved(self, project: str, at: datetime, price: int, model: str = "groß") -> int:
        """A call whose usage nobody knows."""
        return self.post(self.hold(project, at, model), Usage(requests=1), "unresolved", price, price)

    def voucher(
        self, kind: VoucherKind, at: datetime, reason: str, *lines: VoucherLine, call: int | None = None
    ) -> int:
        """Something that is no call."""
        voucher = Voucher(kind, at, reason, "the test", lines, call)
        return self._run(self._office.desk.vouchers.book(self.organisation, voucher))

    def charge(self, kind: VoucherKind, project: str, at: datetime, reason: str, nano: int) -> int:
        """A voucher on a project's revenue; below zero: given back."""
        receivable, revenue = (
            Side("receivable", self.project(project)),
            Side("revenue", self.project(project)),
        )
        line = VoucherLine(receivable, revenue, nano) if nano > 0 else VoucherLine(revenue, receivable, -nano)
        return self.voucher(kind, at, reason, line)


@contextmanager
def ledger_of(office: Office, database_url: str, organisation: str = "default") -> Iterator[Ledger]:
    """A ledger with tariffs since January 2026."""
    for model, rates in RATES.items():
        office.sql(
            "insert into tariff (organisation_id, model, valid_from, currency, rates)"
            " values (0, $1, '2026-01-01 00:00Z', 'EUR', $2)",
            model,
            msgspec.json.encode(rates).decode(),
        )
    ledger = Ledger(office, database_url, organisation)
    try:
        yield ledger
    finally:
        ledger.close()


def content_of(office: Office, number: str) -> Content:
    """What a document says, and that it is what was signed for."""
    answer = office.answer("GET", f"/books/documents/{number}.json")
    assert answer.status_code == 200, answer.text
    assert hashlib.sha256(answer.content).hexdigest() == answer.headers["x-content-sha256"]
    return decode(answer.content)


def balance(office: Office, kind: str, **query: Any) -> dict[str, str]:
    """Project -> what stands to the credit of its account."""
    rows = office.ok("GET", "/books/balance", params=query)["accounts"]
    return {
        one["project"]: one["balance"].removeprefix("-") if one["balance"] != "0.00" else "0.00"
        for one in rows
        if one["kind"] == kind
    }


def is_sound(office: Office, **query: Any) -> bool:
    """Whether everything that `books verify` proves is true; shows what is not."""
    found = office.ok("GET", "/books/verify", params=query)
    wrong = [one for one in found["checks"] if not one["ok"]]
    assert not wrong, wrong
    return bool(found["ok"])


def call_name(call: int) -> str:
    """As people see it."""
    return encode_call(call)
