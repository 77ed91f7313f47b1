"""The audit of residency finds what went where it might not, and nothing else; why; energy."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.office.auditing import Auditor, Report
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.served import Served
from tests.flows.several import Place, Several, several
from tests.flows.test_residency_calls import heard, of_class
from tests.installation import Tenant

CENT = NANO // 100
AMERICAN = Place("american", jurisdiction="US", level="dedicated")
EUROPEAN = Place("european", jurisdiction="DE", level="no-retention", more='joules = { output = "3600" }\n')
PLANT = """
insert into call select (jsonb_populate_record(null::call, to_jsonb(c)
    || jsonb_build_object('id', c.id + $3, 'deployment_id', $2::bigint, 'attempt_of', null)
    || jsonb_build_object('started_at', c.started_at + $4::interval))).* from call c where c.id = $1
"""


async def audit(here: Several) -> tuple[Report, str]:
    """Judge everything that is booked."""
    audits = here.town.desk.audits
    auditor = Auditor(await audits.histories(None))
    ever = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    async for batch in audits.calls(None, *ever):
        for call in batch:
            auditor.judge(call)
    return auditor.report, auditor.sha256


async def chat(here: Several, tenant: Tenant, times: int = 1) -> None:
    """Calls of a tenant that are served."""
    mine = Several(here.town, here.gateway, here.address, tenant, here.fakes, here.places)
    for _ in range(times):
        assert (await mine.ask()).status == 200


async def plant(here: Several, call: int, deployment: str, number: int, later: float = 0.0) -> int:
    """A copy of a booked call that went elsewhere, as if no rule had been."""
    there = await here.town.pool.fetchval(
        "select d.id from deployment d join provider p on p.id = d.provider_id where p.name = $1", deployment
    )
    await here.town.pool.execute(PLANT, call, there, number, timedelta(seconds=later))
    return call + number


def test_the_audit_names_a_planted_violation_and_nothing_else(database_url: str) -> None:
    asyncio.run(_planted(database_url))


async def _planted(url: str) -> None:
    async with several(url, AMERICAN, EUROPEAN) as here:
        internal, secret = here.tenant, await of_class(here, "confidential")
        await chat(here, internal, 6)
        await chat(here, secret, 4)
        here.fakes["european"].knobs.fail_first = 1
        await chat(here, internal, 2)
        await here.town.settled(12)  # an answer is there before its booking
        for tenant, number in ((internal, 8), (secret, 4)):
            rows = await here.town.pool.fetch(
                "select * from call where organisation_id = $1 and attempt_of is null", tenant.organisation
            )
            assert len(rows) == number
        report, digest = await audit(here)
        assert (report.found, report.late, report.undecided) == (0, 0, 0)
        assert report.calls >= 12
        assert await audit(here) == (report, digest), "the same books give the same digest"
        last = await here.town.pool.fetchval(
            "select max(id) from call where organisation_id = $1", secret.organisation
        )
        planted = await plant(here, last, "american", 1)
        report, other = await audit(here)
        assert other != digest
        (violation,) = report.violations
        assert (violation.call.id, violation.deployment, violation.data_class) == (
            planted,
            "american/fake-model",
            "confidential",
        )
        assert "stands in US" in violation.rule


def test_what_changed_later_makes_no_old_call_wrong_or_right(database_url: str) -> None:
    asyncio.run(_changed_later(database_url))


async def _changed_later(url: str) -> None:
    async with several(url, AMERICAN, EUROPEAN) as here:
        await chat(here, here.tenant, 6)
        rows = await here.booked(6)
        tenants, tenant = here.town.desk.tenants, here.tenant
        await tenants.classify_project(tenant.organisation, tenant.project, "confidential")
        await heard(here, tenant, "confidential")
        assert (await audit(here))[0].found == 0, "they were right when they left"
        # Just after the change a call to America may have left by what stood before; later it may not.
        open_call = int(rows[0]["id"])
        await plant(here, open_call, "american", 1, later=20.0)
        report, _ = await audit(here)
        assert (report.found, report.late) == (0, 1)
        wrong = await plant(here, open_call, "american", 2, later=120.0)
        report, _ = await audit(here)
        assert [one.call.id for one in report.violations] == [wrong]
        # The project becomes public and the provider moves: what was wrong then stays wrong.
        await tenants.classify_project(tenant.organisation, tenant.project, "public")
        moved = configuration_in_germany(here)
        await here.town.configure(moved)
        report, _ = await audit(here)
        assert "the decision says the data class internal" in report.violations[0].rule


def configuration_in_germany(here: Several) -> str:
    """The American provider has moved."""
    places = [Place("american", jurisdiction="DE", level="dedicated"), EUROPEAN]
    tables = [place.tables(here.fakes[place.name].url) for place in places]
    tariff = '[[tariff]]\nmodel = "fake-model"\nprice = { input = "1.50", output = "3.00" }\n'
    return 'currency = "EUR"\n' + "".join(tables) + tariff


# Through the office


@pytest.fixture
def today(office: Office) -> Office:
    """The office, with a clock that agrees with the books'."""
    office.clock.at = time.time() + 60  # what is booked in the test has begun by then, however slow it is
    return office


def test_the_audit_through_the_office(today: Office, bookkeeper: Bookkeeper, neighbour: str) -> None:
    call = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 4 * CENT, 3 * CENT)
    bookkeeper.hold("default", 10 * CENT)
    theirs = bookkeeper.post(bookkeeper.hold("neighbour", 10 * CENT), "posted", 4 * CENT, 3 * CENT)
    found = today.ok("GET", "/audit/residency")
    assert (found["ok"], found["calls"], found["under_way"], found["undecided"]) == (True, 1, 1, 1)
    assert len(found["sha256"]) == 64
    assert today.ok("GET", "/audit/residency", params={"everyone": True})["calls"] == 2
    assert today.ok("GET", "/audit/residency", neighbour)["calls"] == 1
    today.refused(403, "GET", "/audit/residency", neighbour, params={"everyone": True})
    today.sql(PLANT.replace("$2", "0").replace("$3", "1").replace("$4", "'0 s'"), int(call[5:], 16))
    found = today.ok("GET", "/audit/residency")
    assert (found["ok"], found["found"]) == (False, 1)
    assert found["violations"][0]["rule"] == "nothing is known of its project or deployment at that time"
    assert today.ok("GET", "/audit/residency", neighbour)["ok"]
    day = str(datetime.now(UTC).date())
    assert today.ok("GET", "/audit/residency", params={"from": day, "to": day})["found"] == 1
    assert today.ok("GET", "/audit/residency", params={"to": "2026-01-01"})["calls"] == 0
    for params in (
        {"from": "soon"},
        {"from": "2026-11-02T10:00:00"},
        {"from": day, "to": "2020-02-02"},
        {"to": "9999-12-31"},
        {"from": "0001-01-01T00:00:00+14:00"},
    ):
        today.refused(422, "GET", "/audit/residency", params=params)
    assert theirs != call


def test_why_through_the_office(today: Office, bookkeeper: Bookkeeper, neighbour: str) -> None:
    call = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "failed", 0, 3 * CENT)
    found = today.ok("GET", f"/books/calls/{call}/why")
    assert (found["price"], found["cost"], found["listed"]) == ("0.00", "0.03", "0.03")
    assert (found["outcome"], found["outcome_reason"]) == ("failed", "a reason")
    assert found["decision"] == {"reason": "the only deployment"}
    today.refused(404, "GET", f"/books/calls/{call}/why", neighbour)


def test_energy_is_reported_by_day_project_model_and_site(database_url: str) -> None:
    asyncio.run(_energy(database_url))


async def _energy(url: str) -> None:
    async with several(url, EUROPEAN) as here:
        await chat(here, here.tenant, 3)
        rows = await here.booked(3)
        ever = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        (found,) = await here.town.desk.audits.energy(here.tenant.organisation, *ever)
        assert (found.project, found.model, found.site, found.calls) == ("project", "fake-model", "", 3)
        assert found.energy_uwh == sum(row["output"] for row in rows) * 1_000_000
        assert found.co2_ug == 0


# On the command line

DECISION = {
    "deployment": "azure/gpt",
    "contract": "azure ptu",
    "reason": "the cheapest next unit",
    "data_class": "internal",
    "service_class": "standard",
    "plan": 17,
    "price": {"list": "0.0042", "contract_effect": "-0.0042", "congestion": 0.00012, "next_unit": 0.00012},
    "alternatives": [{"deployment": "openai/gpt", "next_unit": 0.0042, "why": "dearer"}],
    "refused": ["aws/gpt: stands in US"],
    "tried": [{"deployment": "own/qwen", "status": 503, "reason": "busy"}],
}


def test_why_audit_and_contracts_on_the_command_line(served: Served, database_url: str) -> None:
    call = asyncio.run(_book(database_url, json.dumps(DECISION)))
    shown = served.cli("why", call)
    assert shown.code == 0, shown.err
    for words in (
        *("azure/gpt", "azure ptu", "the cheapest next unit", "list price", "0.0042", "contract effect"),
        *(
            "congestion",
            "0.00012",
            "openai/gpt",
            "dearer",
            "aws/gpt",
            "stands in US",
            "own/qwen",
            "status 503",
        ),
    ):
        assert words in shown.out, words
    assert served.cli("why", call, "--json").json()["decision"] == DECISION
    assert "no call" in served.cli("why", "call_0000000000000001").one_line()
    # The decision names deployments that nobody knows, so the audit says so and ends with 1.
    ended = served.cli("audit", "residency")
    assert (ended.code, "nothing is known of this deployment" in ended.out) == (1, True)
    assert served.cli("energy", "--json").json()["rows"][0]["calls"] == 1
    assert "total" in served.cli("energy", "--by", "model").out
    assert served.cli("energy", "--by", "colour").code == 2
    listed = served.cli("contract", "list")
    assert "european" in listed.out
    assert "european" in served.cli("contract", "positions").out
    assert served.cli("contract", "warnings").out == "nothing to act on\n"
    assert "no contract" in served.cli("contract", "show", "none").one_line()
    assert "on-demand" in served.cli("contract", "show", "european").out


async def _book(url: str, decision: str) -> str:
    """One booked call with a decision, in SQL: this is about how it is shown."""
    values: dict[str, Any] = {"id": 1 << 60, "decision": decision}
    async with several(url, EUROPEAN) as here:
        await chat(here, here.tenant)
        (row,) = await here.booked(1)
        organisation = await here.town.pool.fetchval("select id from organisation where name = 'default'")
        project = await here.town.pool.fetchval(
            "select id from project where organisation_id = $1", organisation
        )
        await here.town.pool.execute(
            "insert into call select (jsonb_populate_record(null::call, to_jsonb(c) || $2::jsonb)).*"
            " from call c where c.id = $1",
            row["id"],
            json.dumps({**values, "organisation_id": organisation, "project_id": project}),
        )
    return f"call_{values['id']:016x}"
