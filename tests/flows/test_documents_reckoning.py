"""Several workers find the same ended job: one of them reckons its facts."""

from __future__ import annotations

import asyncio

from rechenwerk.documents.clashing import reckon_ended
from rechenwerk.documents.vault import Vault
from rechenwerk.identity.secrets import SecretBox
from tests.flows.test_documents_keeping import House, in_a_house

REWRITTEN = """
create function rewritten() returns trigger language plpgsql as $$ begin
    insert into reckoning values (new.id);
    return new;
end $$
"""


async def ended(house: House, name: str) -> int:
    """A job whose facts are to be reckoned."""
    job = await house.job(name)
    await house.desk.jobs.move(house.organisation, job, ["open"], "running")
    await house.desk.jobs.move(house.organisation, job, ["running"], "done")
    return job


def test_a_job_that_one_worker_reckons_is_left_alone_by_others(database_url: str) -> None:
    async def work(house: House) -> None:
        vault = Vault(SecretBox(bytes(32)), house.desk.files)
        job, other = await ended(house, "first"), await ended(house, "second")
        both = [(house.organisation, job), (house.organisation, other)]
        async with house.desk.clashes.alone(house.organisation, job) as mine:
            assert mine
            assert await house.desk.clashes.unreckoned() == both
            await reckon_ended(house.desk, vault)
            assert await house.desk.clashes.unreckoned() == both[:1], "the other job waits for nobody"
        await reckon_ended(house.desk, vault)
        assert await house.desk.clashes.unreckoned() == []
        async with house.desk.clashes.alone(house.organisation, job) as mine:
            assert not mine, "it was reckoned since"

    in_a_house(database_url, work)


def test_two_workers_reckon_each_job_once(database_url: str) -> None:
    async def work(house: House) -> None:
        vault = Vault(SecretBox(bytes(32)), house.desk.files)
        jobs = [await ended(house, f"job {at}") for at in range(10)]
        await house.pool.execute("create table reckoning (job bigint not null)")
        await house.pool.execute(REWRITTEN)
        await house.pool.execute(
            "create trigger rewritten before update of facts_of on document_job"
            " for each row execute function rewritten()"
        )
        await asyncio.gather(reckon_ended(house.desk, vault), reckon_ended(house.desk, vault))
        rows = await house.pool.fetch("select job from reckoning order by job")
        assert [row["job"] for row in rows] == jobs

    in_a_house(database_url, work)
