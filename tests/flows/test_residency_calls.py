"""A call goes nowhere that its project's data class forbids, failover included, and the decision says why."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.caller import Reply, ask
from tests.flows.cloud import settled, until
from tests.flows.several import Place, Several, decision, several
from tests.installation import Tenant
from tests.spoken import PATHS, SPOKEN, Spoken, body_of, how

AMERICAN = Place("american", jurisdiction="US", level="dedicated")
LEARNING = Place("learning", jurisdiction="DE", level="public")
NOWHERE = Place("nowhere", level="dedicated")
EUROPEAN = Place("european", kind="anthropic", jurisdiction="FR", level="no-retention")
CELLAR = Place("cellar", kind="gemini", jurisdiction="local", level="own")
EVERYWHERE = (AMERICAN, LEARNING, NOWHERE, EUROPEAN, CELLAR)
MAY = (
    ("public", {"american", "learning", "nowhere", "european", "cellar"}),
    ("internal", {"american", "nowhere", "european", "cellar"}),
    ("confidential", {"european", "cellar"}),
    ("restricted", {"cellar"}),
)


async def of_class(here: Several, data_class: str) -> Tenant:
    """A project with a data class."""
    tenant = await here.town.tenant(data_class)
    await here.town.desk.tenants.classify_project(tenant.organisation, tenant.project, data_class)
    await heard(here, tenant, data_class)
    return tenant


async def heard(here: Several, tenant: Tenant, data_class: str) -> None:
    """Wait until the gateway knows the class of the project."""

    def known() -> bool:
        found = here.gateway.tenants.tenant(tenant.key.encode())
        return found is not None and found.row.data_class == data_class

    await until(known)


async def call(here: Several, tenant: Tenant, spoken: Spoken = "chat", *, stream: bool = False) -> Reply:
    """One question."""
    body = body_of(spoken, "hello there", 40, stream=stream)
    return await ask(here.address, tenant.key, body, PATHS[spoken])


@pytest.mark.parametrize(("data_class", "may"), MAY)
def test_data_goes_only_where_it_may(database_url: str, data_class: str, may: set[str]) -> None:
    asyncio.run(_only_where_it_may(database_url, data_class, may))


async def _only_where_it_may(url: str, data_class: str, may: set[str]) -> None:
    async with several(url, *EVERYWHERE) as here:
        tenant = await of_class(here, data_class)
        forbidden = set(here.fakes) - may
        for spoken in SPOKEN:
            for stream in (False, True):
                assert how(spoken, await call(here, tenant, spoken, stream=stream)) == "whole"
        # One after the other fails: the call is tried at all others that may see it, and at no other.
        for down in sorted(may):
            here.fakes[down].knobs.cut_before_answer = True
            replies = [await call(here, tenant, stream=stream) for stream in (False, True)]
        assert {reply.status for reply in replies} == {502}
        assert set(here.asked) == may
        for fake in (here.fakes[name] for name in forbidden):
            assert fake.stats()["requests"] == 0
        rows = await _booked(here, tenant)
        assert {row["outcome"] for row in rows} == {"posted", "unresolved"}
        for row in rows:
            kept = decision(row)
            assert kept["data_class"] == data_class
            refused = {text.partition("/")[0]: text for text in kept.get("refused", ())}
            assert set(refused) == forbidden
            assert await here.contract_of(row) in may
            assert all(one["deployment"].partition("/")[0] in may for one in kept.get("tried", ()))
            assert "american" not in refused or "stands in US" in refused["american"] or may == {"cellar"}
            assert (
                "learning" not in refused
                or data_class == "restricted"
                or "offers public" in refused["learning"]
            )
            assert "nowhere" not in refused or "no known jurisdiction" in refused["nowhere"]


async def _booked(here: Several, tenant: Tenant) -> list[asyncpg.Record]:
    """All bookings of a tenant: one for everything that a provider began."""
    made = sum(len(fake.produced.records) for fake in here.fakes.values())
    rows = await settled(here.town, tenant, made)
    await here.town.assert_books_verify(tenant.organisation)
    return rows


@pytest.mark.parametrize("spoken", SPOKEN)
def test_where_nobody_may_see_it_the_client_is_told_the_rule(database_url: str, spoken: Spoken) -> None:
    asyncio.run(_nobody_may(database_url, spoken))


async def _nobody_may(url: str, spoken: Spoken) -> None:
    async with several(url, AMERICAN, LEARNING) as here:
        tenant = await of_class(here, "confidential")
        for stream in (False, True):
            reply = await call(here, tenant, spoken, stream=stream)
            error = reply.json["error"]
            assert reply.status == 403
            if spoken == "messages":
                assert error["type"] == "permission_error"
            else:
                assert error["code"] == "no_deployment_allowed"
            assert "american/fake-model" in error["message"]
            assert "stands in US" in error["message"]
            assert "learning/fake-model" in error["message"]
            assert "offers public" in error["message"]
            assert "class" in error["message"]
        assert here.asked.total() == 0
        assert all(fake.stats()["requests"] == 0 for fake in here.fakes.values())
        assert await here.town.pool.fetchval("select count(*) from call") == 0
        assert await here.town.pool.fetchval("select count(*) from hold") == 0


def test_a_class_that_becomes_stricter_holds_for_the_next_call(database_url: str) -> None:
    asyncio.run(_stricter(database_url))


async def _stricter(url: str) -> None:
    async with several(url, AMERICAN, EUROPEAN) as here:
        tenant = await of_class(here, "internal")
        while here.seen("american") < 2:
            assert (await call(here, tenant)).status == 200
        await here.town.desk.tenants.classify_project(tenant.organisation, tenant.project, "confidential")
        await heard(here, tenant, "confidential")
        before = here.seen("american")
        for _ in range(6):
            assert (await call(here, tenant)).status == 200
        assert here.seen("american") == before


def test_probes_carry_no_data(database_url: str) -> None:
    """A forbidden provider may be asked whether it is there; what it is sent has no body."""
    asyncio.run(_probes(database_url))


async def _probes(url: str) -> None:
    async with several(url, AMERICAN, EUROPEAN) as here:
        tenant = await of_class(here, "confidential")
        assert (await call(here, tenant)).status == 200
        for one in here.fakes["american"].requests:
            assert (one.method, one.raw) == ("GET", b"")
