"""Sites: out, and back; the energy of every call; classes and weights of projects."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.identity.keys import hash_key
from rechenwerk.office.ports import OPERATOR
from rechenwerk.store.snapshot import PostgresSource
from tests.flows.cloud import until
from tests.flows.office_desk import DEFAULT, Office
from tests.flows.several import Place, Several, decision, several

HALL = """
[[site]]
name = "hall"
jurisdiction = "DE"
pue = "1.5"
co2_grams = "400"
prices = "0.25"
"""
BARE = HALL.replace("hall", "barn").replace('"1.5"', '"1"')
JOULES = 'joules = { input = "3.6", output = "36", requests = "0.36" }\n'
AT_HALL = Place("first", level="own", more=f'site = "hall"\n{JOULES}')
ELSEWHERE = Place("second", cost="3.00", out_cost="4.00", more='site = "barn"\n')


def test_a_site_is_applied_taken_out_and_brought_back(office: Office) -> None:
    changes = office.ok("POST", "/apply", json={"text": DEFAULT + HALL})["changes"]
    assert [(one["what"], one["name"], one["action"]) for one in changes] == [("site", "hall", "create")]
    assert office.ok("POST", "/apply", json={"text": DEFAULT + HALL})["changes"] == []
    (site,) = office.ok("GET", "/sites")["sites"]
    assert site == {
        "name": "hall",
        "jurisdiction": "DE",
        "power_cap_kw": None,
        "pue": "1.5",
        "co2_grams": "400",
        "prices": ["0.25"],
        "active": True,
        "deployments": 0,
        "out_since": None,
        "out_reason": "",
    }
    out = office.ok("PUT", "/sites/hall/out", json={"reason": "flooded"})
    assert (out["out_since"], out["out_reason"]) == ("2027-01-15T08:00:00Z", "flooded")
    assert office.ok("POST", "/apply", json={"text": DEFAULT + HALL})["changes"] == []  # it stays out
    office.clock.at += 60
    assert office.ok("PUT", "/sites/hall/out", json={})["out_since"] == "2027-01-15T08:00:00Z"
    assert office.ok("DELETE", "/sites/hall/out")["out_since"] is None
    assert office.ok("DELETE", "/sites/hall/out")["out_since"] is None
    for method in ("PUT", "DELETE"):
        error = office.refused(404, method, "/sites/hal/out", json={})
        assert error["message"] == "there is no site 'hal'"
    assert office.refused(422, "PUT", "/sites/hall/out", json={"reason": "a\nb"})["param"] == "reason"
    (gone,) = office.ok("POST", "/apply", json={"text": DEFAULT})["changes"]
    assert (gone["what"], gone["action"]) == ("site", "deactivate")


async def take_out(here: Several, *sites: str) -> None:
    """Take sites out, and wait until the gateway knows."""
    office = here.town.desk.sites
    for site in sites:
        assert await office.take_out(OPERATOR, site, here_now(), "fire")

    def known() -> bool:
        assert here.gateway.tenants.snapshot is not None
        (offer,) = here.gateway.tenants.snapshot.offers.values()
        return {one.site for one in offer.deployments if one.out} == set(sites)

    await until(known)


def here_now() -> datetime:
    """Some time."""
    return datetime(2026, 11, 26, tzinfo=UTC)


def test_what_stands_at_a_site_that_is_out_gets_no_call(database_url: str) -> None:
    asyncio.run(_out(database_url))


async def _out(url: str) -> None:
    async with several(url, AT_HALL, ELSEWHERE, tables=HALL + BARE) as here:
        assert (await here.ask()).status == 200
        assert here.seen("first") == 1
        await take_out(here, "hall")
        for _ in range(5):
            assert (await here.ask()).status == 200
        assert dict(here.asked) == {"first": 1, "second": 5}
        rows = await here.booked(6)
        assert decision(rows[-1])["refused"] == ["first/fake-model: its site hall is out (fire)"]
        await take_out(here, "hall", "barn")
        reply = await here.ask()
        assert (reply.status, reply.json["error"]["code"]) == (503, "provider_unavailable")
        assert "its site barn is out (fire)" in reply.json["error"]["message"]
        await here.town.desk.sites.bring_back(OPERATOR, "hall")
        await take_out(here, "barn")
        assert (await here.ask()).status == 200
        assert dict(here.asked) == {"first": 2, "second": 5}


def test_every_call_is_booked_with_its_energy(database_url: str) -> None:
    asyncio.run(_energy(database_url))


async def _energy(url: str) -> None:
    async with several(url, AT_HALL, ELSEWHERE, tables=HALL + BARE) as here:
        here.fakes["first"].knobs.cut_before_answer = True
        assert (await here.ask(7)).status == 200  # the first attempt had left, and nobody knows what it used
        here.fakes["first"].knobs.cut_before_answer = False
        for tokens in (1, 40):
            assert (await here.ask(tokens, stream=tokens > 1)).status == 200
        rows = await here.booked(4)
        at_hall = [
            row for row in rows if await here.contract_of(row) == "first" and row["outcome"] == "posted"
        ]
        assert len(at_hall) == 2
        for row in at_hall:
            usage = Usage(**{bucket: row[bucket] for bucket in BUCKETS})
            tokens_in = usage.input + usage.cached_input + usage.cache_write
            # 3.6 J are a thousandth of a watt-hour; half as much again for the building
            energy = 1_500 * tokens_in + 15_000 * (usage.output + usage.reasoning) + 150
            assert (row["energy_uwh"], row["co2_ug"]) == (energy, energy * 400 // 1000)
            assert usage.output > 0
        others = [row for row in rows if row not in at_hall]
        assert {(row["energy_uwh"], row["co2_ug"]) for row in others} == {(0, 0)}


def test_a_projects_work_has_a_class_and_a_weight(office: Office, neighbour: str, database_url: str) -> None:
    def seen(key: str) -> tuple[str, int]:
        snapshot = office.runner.run(PostgresSource(office.pool, database_url).snapshot())
        row = snapshot.keys[hash_key(key.encode())]
        return row.service_class, row.weight

    key = office.key()
    assert seen(key) == ("standard", 1)
    shown = office.ok("PUT", "/projects/default/service", json={"service_class": "batch"})
    assert (shown["service_class"], shown["weight"]) == ("batch", 1)
    shown = office.ok("PUT", "/projects/default/service", json={"weight": 4})
    assert (shown["service_class"], shown["weight"]) == ("batch", 4)
    assert seen(key) == ("batch", 4)
    assert seen(neighbour) == ("standard", 1)
    for body in ({"service_class": "urgent"}, {"weight": 0}, {"weight": 1001}, {"weight": 1.5}):
        office.refused(422, "PUT", "/projects/default/service", json=body)
    # Nobody gives priority to himself, and the operator gives it to anybody.
    office.refused(403, "PUT", "/projects/default/service", neighbour, json={"service_class": "critical"})
    body = {"service_class": "critical", "organisation": "neighbour"}
    assert office.ok("PUT", "/projects/default/service", json=body)["organisation"] == "neighbour"
    assert seen(neighbour) == ("critical", 1)
