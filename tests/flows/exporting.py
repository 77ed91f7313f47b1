"""Books worth exporting: awkward names, several kinds of contracts, every outcome of calls, vouchers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rechenwerk.base.ids import CallIds
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.exports.names import exact
from rechenwerk.ledger.ports import Hold, Outcome, Post
from rechenwerk.ledger.postings import transfers
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherKind, VoucherLine
from rechenwerk.store.book import PostgresBook
from tests.flows.office_desk import HandClock, Office
from tests.postgres import SPOOL

CONFIG = """
currency = "EUR"
[[provider]]
name = 'Wölkchen "Nord", GmbH; | \\ Co'
kind = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
[[contract]]
name = "auf Abruf: Wölkchen"
provider = 'Wölkchen "Nord", GmbH; | \\ Co'
kind = "on-demand"
[[contract]]
name = "Rahmen 2026"
provider = 'Wölkchen "Nord", GmbH; | \\ Co'
kind = "take-or-pay"
starts = 2026-01-01
ends = 2026-12-31
covers = ["auf Abruf: Wölkchen"]
minimum = "1200000"
period = "year"
pricing = { discount = "0.1" }
[[contract]]
name = "PTU"
provider = 'Wölkchen "Nord", GmbH; | \\ Co'
kind = "provisioned"
starts = 2026-01-01
ends = 2026-12-31
[[contract.blocks]]
name = "PTU"
units = "10"
hold_fee = "260"
per = "month"
throughput = "3000"
[[contract]]
name = "machine 1"
provider = 'Wölkchen "Nord", GmbH; | \\ Co'
kind = "own-hardware"
starts = 2026-01-01
purchase = "36000"
months = 36
throughput = "60000"
"""
DEPLOYMENT = """
[[deployment]]
model = "modell-ä"
provider = 'Wölkchen "Nord", GmbH; | \\ Co'
contract = "{contract}"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
jurisdiction = "DE"
cost = {{ input = "1.00", output = "2.00" }}
"""
PROJECTS = (
    'Straße "Nord"',
    "a b",
    "a-b",
    "A b",
    "Übung: x; y | z",
    "łódź",
    "部門",
    "100%",
    "back\\slash",
    "ß",
)
CONTRACTS = ("auf Abruf: Wölkchen", "PTU", "machine 1")


class Books:
    """An organisation with books: what was booked by calls and by vouchers."""

    def __init__(self, office: Office, database_url: str, *, hours: int = 0) -> None:
        self.office = office
        self.text = CONFIG + "".join(DEPLOYMENT.format(contract=name) for name in CONTRACTS)
        self.text += '[[tariff]]\nmodel = "modell-ä"\nprice = { input = "3", output = "6" }\n'
        self.organisation: int = office.sql(
            "select id from organisation where name = $1", office.first.organisation
        )[0]["id"]
        name = office.first.organisation
        office.ok("POST", "/apply", json={"text": self.text, "organisation": name})
        for project in PROJECTS:
            office.ok("POST", "/projects", json={"name": project})
        found = office.sql(
            "select id, name from project where organisation_id = $1 order by id", self.organisation
        )
        self.projects = {row["name"]: row["id"] for row in found}
        rows = office.sql("select id, name from contract where organisation_id = $1", self.organisation)
        self.contracts = {row["name"]: row["id"] for row in rows}
        rows = office.sql(
            "select id, contract_id from deployment where organisation_id = $1", self.organisation
        )
        self.deployments = {row["contract_id"]: row["id"] for row in rows}
        self._book = PostgresBook(database_url, "test", SPOOL)
        self._ids = CallIds(HandClock(1_772_000_000.0 + hours * 3600), 1000)
        self._run = office.runner.run
        self._run(self._book.open(lambda *_: None))

    def close(self) -> None:
        """End the process that books."""
        self._run(self._book.close())

    def call(
        self,
        at: datetime,
        price: int,
        cost: int,
        *,
        project: str = "default",
        contract: str = CONTRACTS[0],
        outcome: Outcome = "posted",
        held: int | None = None,
        listed: int | None = None,
        attempt_of: int | None = None,
    ) -> int:
        """Book one; its id."""
        made = self.calls(
            [at],
            price,
            cost,
            project=project,
            contract=contract,
            outcome=outcome,
            held=held,
            listed=listed,
            attempt_of=attempt_of,
        )
        return made[0]

    def calls(
        self,
        at: Sequence[datetime],
        price: int,
        cost: int,
        *,
        project: str = "default",
        contract: str = CONTRACTS[0],
        outcome: Outcome = "posted",
        held: int | None = None,
        listed: int | None = None,
        attempt_of: int | None = None,
    ) -> list[int]:
        """Book some that are alike."""
        contract_id = self.contracts[contract]
        deployment = self.deployments[contract_id]
        accounts = self._run(self._book.accounts(self.organisation, self.projects[project], contract_id))
        amount = price if held is None else held
        holds = [
            Hold(
                id=self._ids.next(),
                organisation=self.organisation,
                project=self.projects[project],
                key=0,
                deployment=deployment,
                contract=contract_id,
                endpoint="chat",
                model="modell-ä",
                streamed=False,
                amount=amount,
                cost_bound=cost,
                slices="{}",
                started_us=int(one.timestamp() * 1e6),
                expires_s=10**6,
                attempt_of=attempt_of,
            )
            for one in at
        ]
        posts = [
            Post(
                hold=hold,
                deployment=deployment,
                contract=contract_id,
                outcome=outcome,
                reason=None if outcome == "posted" else 'it broke: "half; way", | so\nto say',
                source="reported",
                usage=Usage(input=10, output=20),
                raw_usage=None,
                price=price,
                cost=cost,
                status=200,
                first_byte_us=1000,
                total_us=2000,
                decision="the only deployment",
                transfers=transfers(outcome, accounts, price, cost, amount),
                listed=listed,
                energy_uwh=7,
                co2_ug=3,
            )
            for hold in holds
        ]
        for start in range(0, len(holds), 2000):
            self._run(self._book.write_holds(holds[start : start + 2000]))
            self._run(self._book.write_posts(posts[start : start + 2000]))
        return [hold.id for hold in holds]

    def side(self, kind: str, project: str = "", contract: str = "") -> Side:
        """An account by names."""
        return Side(
            kind,
            self.projects[project] if project else 0,
            self.contracts[contract] if contract else 0,
        )

    def voucher(
        self,
        kind: VoucherKind,
        at: datetime,
        *lines: tuple[Side, Side, int],
        call: int | None = None,
        reason: str = 'because of "this"; and\nthat',
    ) -> int:
        """Book one; its id."""
        booked = Voucher(kind, at, reason, "a 'key'", tuple(VoucherLine(*one) for one in lines), call)
        return self._run(self.office.desk.vouchers.book(self.organisation, booked))

    def balance(self) -> dict[tuple[str, str | None, str | None], str]:
        """What `books balance` says of each account, with nine decimals."""
        rows = self.office.sql(
            "select a.kind, p.name as project, c.name as contract, coalesce(sum(e.amount), 0) as amount"
            " from account a"
            " left join entry e on e.organisation_id = a.organisation_id and e.account_id = a.id"
            " left join project p on p.id = a.project_id left join contract c on c.id = a.contract_id"
            " where a.organisation_id = $1 group by 1, 2, 3",
            self.organisation,
        )
        return {(row["kind"], row["project"], row["contract"]): exact(int(row["amount"])) for row in rows}

    def export(self, form: str, period: str | None = None, key: str | None = "") -> bytes:
        """A file as the office sends it."""
        params = {} if period is None else {"period": period}
        answer = self.office.answer("GET", f"/books/export/{form}", key, params=params)
        assert answer.is_success, answer.text
        return answer.content

    def write(self, folder: Path, form: str, period: str | None = None) -> Path:
        """The same, in a file."""
        suffix = {"hledger": "journal", "calls-parquet": "parquet", "beancount": "beancount"}.get(form, "csv")
        file = folder / f"{form}.{period or 'all'}.{suffix}"
        file.write_bytes(self.export(form, period))
        return file


def march(day: int, hour: int = 12) -> datetime:
    """A moment of March 2026."""
    return datetime(2026, 3, day, hour, 30, 0, 123_456, tzinfo=UTC)


FEBRUARY = datetime(2026, 2, 27, 8, tzinfo=UTC)
APRIL = datetime(2026, 4, 2, 8, tzinfo=UTC)


def year(books: Books) -> None:
    """February, March and April of an organisation that uses and books everything there is."""
    books.call(FEBRUARY, 999_999_999_999, 1)
    for number, project in zip(itertools.count(1), PROJECTS):
        books.call(march(number), 75_000 + number, 50_000 + number, project=project, listed=60_000 + number)
    first = books.call(march(11), 10**18 + 1, 3 * 10**17 + 1, held=10**18 - 5)  # above its hold; large
    books.call(march(12), 0, 7, outcome="failed", attempt_of=first)
    lost = books.call(march(13), 40, 30, outcome="unresolved")
    books.call(march(14), 0, 0, outcome="void")
    books.call(march(15), 0, 0)
    books.call(march(16), 500, 0, contract="PTU", listed=400)
    books.call(march(16), 500, 77, contract="machine 1")
    side, voucher = books.side, books.voucher
    voucher(
        "accrual", march(31), (side("fixed", contract="PTU"), side("accrued", contract="PTU"), 2600 * 10**9)
    )
    voucher(
        "allocation",
        march(31),
        (side("cost", "default", "PTU"), side("absorbed", contract="PTU"), 1600 * 10**9 + 1),
        (side("cost", "a b", "PTU"), side("absorbed", contract="PTU"), 5),
        (side("idle", contract="PTU"), side("absorbed", contract="PTU"), 1000 * 10**9 - 6),
    )
    on_demand = CONTRACTS[0]
    voucher(
        "settlement",
        march(20),
        (side("cost", "default", on_demand), side("unresolved_cost", "default", on_demand), 30),
        (side("receivable", "default"), side("unresolved_price", "default"), 40),
        call=lost,
    )
    voucher(
        "difference",
        march(21),
        (side("difference", contract=on_demand), side("payable", contract=on_demand), 111),
    )
    voucher("refund", march(22), (side("payable", contract=on_demand), side("cost", "a b", on_demand), 9))
    voucher("payment", march(23), (side("bank"), side("receivable", "default"), 50 * 10**9))
    voucher("discount", march(23), (side("bad_debt", "a b"), side("receivable", "a b"), 10**3))
    wrong = voucher(
        "adjustment", FEBRUARY, (side("cost", "a b", on_demand), side("payable", contract=on_demand), 21)
    )
    run = books.office.runner.run
    run(books.office.desk.vouchers.reverse(books.organisation, wrong, march(24), "it was wrong", "a key"))
    books.call(APRIL, 5, 4)
