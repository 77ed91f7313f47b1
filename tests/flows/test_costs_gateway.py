"""Calls of a real gateway under a machine, bought throughput and pay as you go: their month adds up."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2

from rechenwerk.base.clock import SystemClock
from rechenwerk.ledger.periods import Period, month_of
from rechenwerk.office.costing.step import ContractCosts
from rechenwerk.office.ports import OPERATOR
from tests import postgres
from tests.fakes.provider import running_fake
from tests.flows.cloud import Cloud, running_cloud
from tests.installation import Tenant

KINDS = {
    "machine": """kind = "own-hardware"
starts = 2025-01-01
purchase = "9600000"
months = 96
throughput = "100000"
""",
    "units": """kind = "provisioned"
[[contract.blocks]]
name = "unit"
units = "3"
hold_fee = "1.50"
throughput = "10000"
""",
    "tiers": """kind = "on-demand"
[contract.pricing]
discount = "0.10"
[contract.pricing.free]
amount = "5"
per = "month"
""",
}
PART = """
[[provider]]
name = "{name}"
kind = "openai-compatible"
base_url = "{url}"
[[contract]]
name = "{name}"
provider = "{name}"
{kind}
[[deployment]]
model = "{name}-model"
upstream = "fake-model"
provider = "{name}"
contract = "{name}"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 64
cost = {{ input = "1.00", output = "2.00" }}
[[tariff]]
model = "{name}-model"
price = {{ input = "1.50", output = "3.00" }}
"""
CALLS = 6


def call(cloud: Cloud, tenant: Tenant, name: str) -> None:
    body = {"model": f"{name}-model", "messages": [{"role": "user", "content": "how much is it"}]}
    headers = {"authorization": f"Bearer {tenant.key}"}
    answer = httpx2.post(f"{cloud.address}/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


def month_now() -> Period:
    return month_of(datetime.now(UTC))


def test_a_month_of_a_real_gateway_adds_up(server: postgres.Server) -> None:
    with running_fake() as fake:
        text = 'currency = "EUR"\n'
        text += "".join(PART.format(name=name, url=fake.base_url, kind=kind) for name, kind in KINDS.items())
        with running_cloud(server.fresh_sync(), text) as cloud:
            tenants = [cloud.tenant("town"), cloud.tenant("school")]
            for tenant in tenants:
                for number in range(CALLS):
                    call(cloud, tenant, list(KINDS)[number % len(KINDS)])
                cloud.calls(tenant, CALLS)
            step = ContractCosts(cloud.town.desk.costs, SystemClock())
            assert cloud.run(step.book(OPERATOR, month_now(), "the test")) > 0
            for organisation in (OPERATOR, *(tenant.organisation for tenant in tenants)):
                cloud.run(cloud.town.assert_books_verify(organisation))
            rows = cloud.run(cloud.town.pool.fetch(BEARS))
            borne = {(row["organisation_id"], row["name"]): row["share"] for row in rows}
            # Both did the same: of every contract both bear the same.
            assert {name for _, name in borne} == set(KINDS)
            for name in KINDS:
                mine, others = (borne[tenant.organisation, name] for tenant in tenants)
                assert abs(mine - others) <= 1, name
                # The allowance and the discount make it cheaper than it was booked; the rest costs more.
                assert (mine < 0) is (name == "tiers")
            # Run again by everybody, nothing is missing but what time adds.
            before = cloud.run(cloud.town.pool.fetch(BEARS))
            for tenant in tenants:
                cloud.run(step.book(tenant.organisation, month_now(), "the test"))
                cloud.run(cloud.town.assert_books_verify(tenant.organisation))
            assert len(cloud.run(cloud.town.pool.fetch(BEARS))) == len(before)


BEARS = """
select s.organisation_id, c.name, sum(s.amount) as share from cost_shared s
join cost_voucher v on v.organisation_id = s.organisation_id and v.id = s.voucher_id
join contract c on c.id = v.contract_id group by 1, 2 order by 1, 2
"""
