"""A provider or one model of it switched off and on, and what a deployment is given at most."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import msgspec

from rechenwerk.office.ports import OPERATOR
from rechenwerk.office.switch_ports import Breaker, Out
from tests.flows.cloud import TICK, until
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office
from tests.flows.several import FIRST, SECOND, STEADY, Several, decision, several

SINCE = datetime(2026, 11, 26, tzinfo=UTC)
ON = Out(None, "")
WARY = msgspec.structs.replace(STEADY, breaker_failures=3)


def test_a_provider_is_switched_off_and_on_and_the_audit_says_who(office: Office) -> None:
    off = office.ok("PUT", "/providers/embedded/out", json={"reason": "it smells burnt"})
    assert (off["out_since"], off["out_reason"]) == ("2027-01-15T08:00:00Z", "it smells burnt")
    office.clock.at += 60
    again = office.ok("PUT", "/providers/embedded/out", json={"reason": "it smells burnt"})
    assert again == off, "the first moment stays"
    assert office.ok("POST", "/apply", json={"text": DEFAULT})["changes"] == [], "it stays off"
    shown = {one["name"]: one["out_since"] for one in office.ok("GET", "/providers")["providers"]}
    assert shown == {"embedded": "2027-01-15T08:00:00Z", "embedded-embeddings": None}
    assert office.ok("DELETE", "/providers/embedded/out")["out_since"] is None
    assert office.ok("DELETE", "/providers/embedded/out")["out_reason"] == ""
    events = [one for one in office.ok("GET", "/audit")["events"] if "switched" in one["what"]]
    assert [(one["what"], one["subject"]) for one in events] == [
        ("provider switched on", "provider embedded"),
        ("provider switched off", "provider embedded"),
    ]
    assert events[1]["before"] == {"out_since": None, "out_reason": ""}
    assert events[1]["after"]["out_reason"] == "it smells burnt"
    for method in ("PUT", "DELETE"):
        error = office.refused(404, method, "/providers/nobody/out", json={})
        assert error["message"] == "there is no provider 'nobody'"
    assert office.refused(422, "PUT", "/providers/embedded/out", json={"reason": "a\nb"})["param"] == "reason"


def test_limits_of_a_deployment_are_set_and_taken_away(office: Office) -> None:
    found = office.ok("GET", "/deployments")["deployments"]
    assert [(one["model"], one["provider"], one["rates"]) for one in found] == [
        ("smollm2-135m", "embedded", {"input": "0.01", "output": "0.05"}),
        ("potion-multilingual", "embedded-embeddings", {"input": "0.001"}),
    ]
    at = f"/deployments/{found[0]['id']}"
    limits = {"concurrency": 4, "tokens_per_minute": 60_000}
    changed = office.ok("PUT", f"{at}/limits", json=limits)
    assert {name: changed[name] for name in limits} == limits
    assert office.ok("PUT", f"{at}/limits", json=limits) == changed
    assert office.ok("PUT", f"{at}/out", json={"reason": "too dear"})["out_reason"] == "too dear"
    assert office.ok("DELETE", f"{at}/out")["out_since"] is None
    events = [one["what"] for one in office.ok("GET", "/audit")["events"]]
    assert events[:3] == ["deployment switched on", "deployment switched off", "limits changed"]
    assert office.ok("PUT", f"{at}/limits", json={})["concurrency"] is None
    for bad in (
        {"concurrency": 0},
        {"tokens_per_minute": -1},
        {"concurrency": 1 << 41},
        {"concurrency": "x"},
    ):
        assert office.refused(422, "PUT", f"{at}/limits", json=bad)["param"] == next(iter(bad))
    for number in (999, 2**63 - 1):
        assert office.refused(404, "PUT", f"/deployments/{number}/out", json={})["param"] == "deployment"
        office.refused(404, "PUT", f"/deployments/{number}/limits", json={})
    for name in ("0", "x", str(2**63)):
        office.refused(422, "PUT", f"/deployments/{name}/out", json={})


def test_only_the_operator_switches(office: Office) -> None:
    for scopes in (("keys", "books"), ("audit",), ("inference",)):
        key = office.key("default", *scopes)
        office.refused(403, "PUT", "/providers/embedded/out", key, json={})
        office.refused(403, "DELETE", "/deployments/1/out", key)
        office.refused(403, "PUT", "/deployments/1/limits", key, json={})
    assert office.ok("GET", "/providers")["providers"][0]["out_since"] is None


def test_what_is_switched_off_gets_no_call_and_a_call_under_way_goes_on(database_url: str) -> None:
    asyncio.run(_off(database_url))


async def _knows(here: Several, **out: str) -> None:
    def known() -> bool:
        assert here.gateway.tenants.snapshot is not None
        (offer,) = here.gateway.tenants.snapshot.offers.values()
        return {one.provider.name: one.out for one in offer.deployments if one.out} == out

    await until(known)


async def _off(url: str) -> None:
    async with several(url, FIRST, SECOND) as here:
        switches = here.town.desk.switches
        here.fakes["first"].knobs.latency_ms = 200  # it is still thinking when it is switched off
        under_way = asyncio.create_task(here.ask())
        await here.waits("first")
        done = await switches.switch_provider(OPERATOR, "first", Out(SINCE, "repair"))
        assert done is not None
        assert (done.before, done.after) == (ON, Out(SINCE, "repair"))
        await _knows(here, first="its provider is switched off (repair)")
        assert (await under_way).status == 200
        assert dict(here.asked) == {"first": 1}
        for _ in range(3):
            assert (await here.ask()).status == 200
        assert dict(here.asked) == {"first": 1, "second": 3}
        rows = await here.booked(4)
        assert decision(rows[-1])["refused"] == ["first/fake-model: its provider is switched off (repair)"]
        (second,) = [one for one in await switches.deployments(OPERATOR) if one.provider == "second"]
        await switches.switch_deployment(OPERATOR, second.id, Out(SINCE, ""))
        await _knows(here, first="its provider is switched off (repair)", second="it is switched off")
        reply = await here.ask()
        assert (reply.status, reply.json["error"]["code"]) == (503, "provider_unavailable")
        await switches.switch_provider(OPERATOR, "first", ON)
        await _knows(here, second="it is switched off")
        assert (await here.ask()).status == 200
        assert dict(here.asked) == {"first": 2, "second": 3}


def test_breakers_of_gateways_are_told_by_the_office(database_url: str) -> None:
    asyncio.run(_breakers(database_url))


async def _breakers(url: str) -> None:
    async with several(url, FIRST, SECOND, settings=WARY) as here:
        switches = here.town.desk.switches

        async def seen() -> dict[str, Breaker]:
            return {one.provider: one.breaker for one in await switches.deployments(OPERATOR)}

        async def reported(number: int) -> Breaker:
            async with asyncio.timeout(20):
                while (found := (await seen())["first"]).open != number:  # noqa: ASYNC110
                    await asyncio.sleep(TICK)
            return found

        assert await seen() == {"first": Breaker(0, 1, None), "second": Breaker(0, 1, None)}
        here.fakes["first"].knobs.status = 500
        for _ in range(WARY.breaker_failures + 1):
            assert (await here.ask()).status == 200
        found = await reported(1)
        assert found.gateways == 1
        assert found.since is not None
        assert (await seen())["second"] == Breaker(0, 1, None)
        here.fakes["first"].knobs.status = None
        assert (await reported(0)).since is None


def test_the_office_says_what_gateways_report(office: Office, bookkeeper: Bookkeeper) -> None:
    (first, *_) = office.ok("GET", "/deployments")["deployments"]
    assert first["breaker"] == {"state": "closed", "open": 0, "gateways": 1, "since": None}
    down = "select route_report(id, '[]', '[]', array[$1::bigint]) from process where number = $2"
    (living,) = office.sql("select number from process where ended_at is null")
    office.sql(down, first["id"], living["number"])
    (first, second, *_) = office.ok("GET", "/deployments")["deployments"]
    assert (first["breaker"]["state"], first["breaker"]["open"]) == ("open", 1)
    assert first["breaker"]["since"] is not None
    assert second["breaker"]["state"] == "closed"


def test_health_is_told_by_stretches_of_time(office: Office, bookkeeper: Bookkeeper) -> None:
    office.clock.at = time.time() // 3600 * 3600 + 60
    for age, outcome in ((7200, "posted"), (120, "posted"), (120, "failed")):
        hold = bookkeeper.hold("default", 1000, started=office.clock.at - age)
        bookkeeper.post(hold, "posted" if outcome == "posted" else "failed", 500 * (outcome == "posted"), 0)
    found = office.ok("GET", "/health", params={"hours": 6})
    assert (found["seconds"], found["everyone"]) == (300, False)
    assert [(one["provider"], one["calls"], one["answers"], one["failed"]) for one in found["stretches"]] == [
        ("embedded", 1, 1, 0),
        ("embedded", 2, 1, 1),
    ]
    everybody = office.ok("GET", "/health", params={"hours": 6, "everyone": True})
    assert everybody["stretches"] == found["stretches"]
    assert office.ok("GET", "/health", params={"provider": "other"})["stretches"] == []
    neighbour = office.key("default", "books")
    office.refused(403, "GET", "/health", neighbour, params={"everyone": True})
    office.refused(422, "GET", "/health", params={"hours": 169})
