"""Months of calls for tests of costs, booked through the till as gateways do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from rechenwerk.base.ids import CallIds
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.charged import charged
from rechenwerk.ledger.ports import Accounts, Hold, Outcome, Post, UsageSource
from rechenwerk.ledger.postings import transfers
from rechenwerk.ledger.prices import PriceList, price_list
from rechenwerk.store.book import PostgresBook
from rechenwerk.store.terms import terms_of
from tests.flows.office_desk import HandClock, Office
from tests.postgres import SPOOL

CONTRACTS = (Path(__file__).parents[2] / "docs" / "examples" / "costs.toml").read_text(encoding="utf-8")
APRIL = datetime(2026, 4, 10, 12, tzinfo=UTC).timestamp()
MARCH = """
every day 8-17   local   town/citizens  input=3,000,000
every day 17-20  local   school/pupils  input=3,000,000
every day 8-20   steady  town/clerks    input=240,000
every day 10-11  big     town/clerks    input=1,000,000 output=500,000
every day 10-11  small   school/pupils  input=2,000,000
"""
"""What is used in docs/costs.md."""

_LINE = re.compile(
    r"(?P<days>every day|\d{4}-\d{2}-\d{2}) (?P<first>\d+)-(?P<last>\d+)\s+(?P<model>\S+)\s+"
    r"(?P<organisation>[\w ]+)/(?P<project>[\w-]+)\s+(?P<usage>.*)"
)


_ROW = """
select d.id, d.contract_id, d.endpoints, p.organisation_id, p.id as project_id,
    (select rates from cost_price r where r.deployment_id = d.id order by valid_from desc limit 1) as rates,
    (select rates from tariff t where t.model = d.model order by valid_from desc limit 1) as tariff,
    (select terms from contract_version v where v.contract_id = d.contract_id
        order by valid_from desc, recorded_at desc limit 1) as terms
from deployment d join contract c on c.id = d.contract_id, project p
join organisation o on o.id = p.organisation_id
where d.model = $1 and o.name = $2 and p.name = $3 and ($4::text is null or c.name = $4)
    and d.organisation_id in (0, o.id) order by d.organisation_id desc limit 1
"""


class Use(msgspec.Struct, frozen=True):
    """One call an hour."""

    at: datetime
    model: str
    organisation: str
    project: str
    usage: Usage


def uses(table: str, month: str = "2026-03") -> list[Use]:
    """Lines such as ``every day 8-17  local  town/citizens  input=3,000,000``: one call in each hour."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    found = []
    for line in table.strip().splitlines():
        match = _LINE.fullmatch(line.strip())
        assert match is not None, line
        days = (
            [datetime.fromisoformat(match["days"]).replace(tzinfo=UTC)] if match["days"][0].isdigit() else []
        )
        if not days:
            days = [day for n in range(31) if (day := first + timedelta(days=n)).month == first.month]
        counts = dict(pair.split("=") for pair in match["usage"].split())
        usage = Usage(**{bucket: int(count.replace(",", "")) for bucket, count in counts.items()})
        found += [
            Use(
                day + timedelta(hours=hour, minutes=7),
                match["model"],
                match["organisation"],
                match["project"],
                usage,
            )
            for day in days
            for hour in range(int(match["first"]), int(match["last"]))
        ]
    return found


class Till:
    """Books months of calls at their tariff and their contract's price."""

    def __init__(self, office: Office, database_url: str) -> None:
        self._office = office
        self._clock = HandClock()
        self._book = PostgresBook(database_url, "test", SPOOL)
        self._ids = CallIds(self._clock, 1001)
        self._rows: dict[tuple[str, str, str, str | None], tuple[Any, Accounts]] = {}
        office.runner.run(self._book.open(lambda *_: None))

    def close(self) -> None:
        self._office.runner.run(self._book.close())

    def call(
        self,
        use: Use,
        *,
        outcome: Outcome = "posted",
        source: UsageSource = "reported",
        cost: int | None = None,
        contract: str | None = None,
    ) -> None:
        """Book one."""
        self.calls([use], outcome=outcome, source=source, cost=cost, contract=contract)

    def calls(
        self,
        uses: list[Use],
        *,
        outcome: Outcome = "posted",
        source: UsageSource = "reported",
        cost: int | None = None,
        contract: str | None = None,
    ) -> None:
        """Book calls, each as if it had ended after a second; `cost` instead of the contract's price."""
        run = self._office.runner.run
        posts = []
        for use in uses:
            row, accounts = self._row(use, contract)
            self._clock.at = use.at.timestamp()
            price = _prices(row["tariff"]).amount(use.usage)
            paid = charged(terms_of(row["terms"], "", ""), _prices(row["rates"])).amount(use.usage)
            paid = paid if cost is None else cost
            hold = Hold(
                id=self._ids.next(),
                organisation=row["organisation_id"],
                project=row["project_id"],
                key=0,
                deployment=row["id"],
                contract=row["contract_id"],
                endpoint=row["endpoints"][0],
                model=use.model,
                streamed=False,
                amount=price,
                cost_bound=paid,
                slices="{}",
                started_us=int(use.at.timestamp() * 1e6),
                expires_s=600,
            )
            posts.append(
                Post(
                    hold=hold,
                    deployment=hold.deployment,
                    contract=hold.contract,
                    outcome=outcome,
                    reason=None if outcome == "posted" else "a reason",
                    source=source,
                    usage=use.usage,
                    raw_usage=None,
                    price=price,
                    cost=paid,
                    status=200,
                    first_byte_us=1000,
                    total_us=1_000_000,
                    decision="",
                    transfers=transfers(outcome, accounts, price, paid, price),
                    listed=_prices(row["rates"]).amount(use.usage),
                )
            )
        for at in range(0, len(posts), 100):
            run(self._book.write_holds([post.hold for post in posts[at : at + 100]]))
            run(self._book.write_posts(posts[at : at + 100]))

    def _row(self, use: Use, contract: str | None) -> tuple[Any, Accounts]:
        """The deployment, project, terms and prices of a call, and the accounts that it moves."""
        key = (use.model, use.organisation, use.project, contract)
        if key not in self._rows:
            (row,) = self._office.sql(_ROW, *key)
            of = self._book.accounts(row["organisation_id"], row["project_id"], row["contract_id"])
            self._rows[key] = (row, self._office.runner.run(of))
        return self._rows[key]

    def forget(self) -> None:
        """Prices and terms have changed."""
        self._rows.clear()


def _prices(text: str) -> PriceList:
    return price_list(msgspec.json.decode(text, type=dict[str, str]))


def vouchers(office: Office, organisation: str, period: str = "2026-03") -> list[dict[str, object]]:
    """Of an organisation's month, oldest first."""
    params = {"organisation": organisation, "period": period, "limit": 1000}
    found: list[dict[str, object]] = office.ok("GET", "/books/vouchers", params=params)["vouchers"]
    return found[::-1]


def balances(office: Office, organisation: str) -> dict[tuple[str, str], Decimal]:
    """(Account, project or contract, without those of nothing) -> balance."""
    rows = office.ok("GET", "/books/balance", params={"organisation": organisation})["accounts"]
    found: dict[tuple[str, str], Decimal] = {}
    for one in rows:
        key = (one["kind"], one["contract"] or one["project"] or "")
        found[key] = found.get(key, Decimal(0)) + Decimal(one["balance"])
    return {key: amount for key, amount in found.items() if amount}


def accrue(office: Office, period: str = "2026-03") -> int:
    """Run all steps for everybody; how many vouchers that made."""
    found = office.ok("POST", "/books/accrue", json={"period": period, "everyone": True})
    return sum(one["vouchers"] for one in found["steps"])


def verify(office: Office) -> None:
    """The books of everybody must verify."""
    for one in office.ok("GET", "/organisations")["organisations"]:
        found = office.ok("GET", "/books/verify", params={"organisation": one["name"]})
        wrong = [check for check in found["checks"] if not check["ok"]]
        assert not wrong, (one["name"], wrong)
