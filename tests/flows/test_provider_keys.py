"""Providers' keys: stored sealed, used by gateways, shown nowhere."""

from __future__ import annotations

import base64
import logging
import stat
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import uvloop

from rechenwerk.base.settings import Settings
from rechenwerk.identity.secrets import SecretBox, provider_context
from tests.fakes.provider import running_fake
from tests.flows.cloud import fake_config, until
from tests.flows.office_desk import DEFAULT, SECRET_KEY, Office
from tests.flows.raw import House, open_house
from tests.flows.serving import arguments, serving

SECRET = "sk-the-operators-own-key"
PUT = "/providers/embedded/secret"
SETTINGS = Settings(grace=2.0, secret_key=base64.b64encode(SECRET_KEY).decode())


def stands_in(value: object) -> bool:
    """Whether the secret can be read in something, as text or as bytes."""
    return SECRET in str(value) or SECRET.encode() in (value if isinstance(value, bytes) else b"")


async def all_rows(pool: Any) -> list[Any]:
    """Every value of every row of every table, as a dump would write them."""
    names = await pool.fetch(
        "select quote_ident(tablename) as name from pg_tables where schemaname = 'public'"
    )
    rows = [row for one in names for row in await pool.fetch(f"select * from {one['name']}")]
    assert len(rows) > 10
    return [value for row in rows for value in row.values()]


def test_a_key_goes_in_and_never_comes_out(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [office.answer("PUT", PUT, json={"secret": f" {SECRET}\n"})]
    assert answers[0].json() == {
        "name": "embedded",
        "kind": "embedded",
        "base_url": "",
        "api_key_env": None,
        "has_secret": True,
        "active": True,
        "out_since": None,
        "out_reason": "",
    }
    asked = (("GET", "/providers"), ("GET", "/projects"), ("GET", "/keys"), ("GET", "/books/verify"))
    answers += [office.answer(method, path) for method, path in asked]
    answers.append(office.answer("POST", "/apply", json={"text": DEFAULT}))
    assert answers[-1].json()["changes"] == []
    dearer = DEFAULT.replace('"0.075"', '"0.08"')
    answers.append(office.answer("POST", "/apply", json={"text": dearer}))
    answers.append(office.answer("PUT", PUT, json={"secret": f"{SECRET} and more"}))
    answers.append(office.answer("PUT", PUT, json={"secret": [SECRET]}))
    answers.append(office.answer("PUT", PUT, json={"secret": SECRET, "more": SECRET}))
    answers.append(office.answer("PUT", "/providers/nobody/secret", json={"secret": SECRET}))
    assert [one.status_code for one in answers[-4:]] == [422, 422, 422, 404]
    assert not [one.text for one in answers if stands_in(one.text)]
    assert not [value for value in office.runner.run(all_rows(office.pool)) if stands_in(value)]
    assert SECRET not in caplog.text
    (row,) = office.sql("select organisation_id, secret from provider where name = 'embedded'")
    box = SecretBox(SECRET_KEY)
    assert box.open(row["secret"], provider_context(row["organisation_id"], "embedded")) == SECRET


def test_a_key_is_replaced_and_forgotten(office: Office) -> None:
    def sealed() -> Any:
        return office.sql("select secret from provider where name = 'embedded'")[0]["secret"]

    office.ok("PUT", PUT, json={"secret": "first"})
    first = sealed()
    version = office.sql("select version from installation")[0]["version"]
    office.ok("PUT", PUT, json={"secret": "second"})
    assert sealed() not in (None, first)
    assert office.sql("select version from installation")[0]["version"] > version
    listed = {one["name"]: one["has_secret"] for one in office.ok("GET", "/providers")["providers"]}
    assert listed == {"embedded": True, "embedded-embeddings": False}
    for _ in range(2):
        assert office.ok("DELETE", PUT)["has_secret"] is False
        assert sealed() is None
    office.refused(404, "DELETE", "/providers/nobody/secret")


def test_an_organisations_providers_are_its_own(office: Office, neighbour: str) -> None:
    there = {"organisation": "neighbour"}
    assert office.ok("GET", "/providers", params=there) == {"organisation": "neighbour", "providers": []}
    office.refused(404, "PUT", PUT, json={"secret": "sk-1", **there})
    text = 'currency = "EUR"\n[[provider]]\nname = "a/b c"\nkind = "openai"\n'
    office.ok("POST", "/apply", json={"text": text, **there})
    path = "/providers/a%2Fb%20c/secret"
    office.refused(403, "PUT", path, neighbour, json={"secret": "sk-1"})
    assert office.ok("PUT", path, json={"secret": "sk-1"}, params=there)["has_secret"]
    (shown,) = office.ok("GET", "/providers", params=there)["providers"]
    assert (shown["base_url"], shown["has_secret"]) == ("https://api.openai.com/v1", True)
    assert not any(one["has_secret"] for one in office.ok("GET", "/providers")["providers"])
    office.refused(404, "GET", "/providers", params={"organisation": "nobody"})


def test_an_office_without_a_key_stores_nothing(office: Office) -> None:
    office.app.state.office = msgspec.structs.replace(office.app.state.office, box=None)
    error = office.refused(409, "PUT", PUT, json={"secret": SECRET})
    assert "RECHENWERK_SECRET_KEY_FILE" in error["message"]
    assert office.ok("GET", "/providers")["providers"][0]["has_secret"] is False


# In a gateway


async def give(house: House, secret: str, key: bytes = SECRET_KEY) -> None:
    """Store the fake's key and wait until the gateway has heard of it."""
    sealed = SecretBox(key).seal(secret, provider_context(0, "fake"))
    assert await house.town.desk.configuration.keep_secret(0, "fake", sealed)
    await house.gateway.tenants.refresh()


async def call(house: House) -> int:
    """One call; its status."""
    client = await house.client()
    client.send(house.post())
    return (await client.answer()).status


def test_a_gateway_uses_the_key_and_shows_it_nowhere(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def flow() -> None:
        async with open_house(database_url, SETTINGS) as house:
            assert await call(house) == 200
            assert "authorization" not in house.fake.requests[-1].headers
            await give(house, SECRET)
            assert await call(house) == 200
            assert house.fake.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
            await give(house, "another", key=bytes(32))
            assert await call(house) in {403, 503}
            assert len(house.fake.requests) == 2
            await until(lambda: any("does not open" in one.message for one in caplog.records))
            client = await house.client()
            client.send(house.get("/metrics"))
            assert not stands_in((await client.answer()).body)
            await house.town.settled(2)
            assert not [value for value in await all_rows(house.town.pool) if stands_in(value)]

    uvloop.run(flow())
    assert SECRET not in caplog.text


def test_serve_makes_a_key_and_every_gateway_has_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = arguments(folder, "--without-model", "--processes", "2")
    ask = {"model": "fake-model", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}

    def answered(ready: dict[str, object], key: str) -> set[tuple[str, str]]:
        """What the provider saw of some calls, and their keys: every gateway process gets a connection."""
        for _ in range(12):
            with httpx2.Client(headers={"authorization": f"Bearer {key}"}) as client:
                while True:  # until this gateway has heard of the configuration
                    answer = client.post(f"{ready['url']}/v1/chat/completions", json=ask)
                    if answer.status_code == 200:
                        break
                    assert answer.json()["error"]["code"] == "model_not_found", answer.text
        return {
            (seen.target, seen.headers.get("authorization", ""))
            for seen in fake.requests
            if seen.method == "POST"  # another test's gateway may still probe a port that was its fake's
        }

    with running_fake() as fake:
        with serving(command) as (_, ready):
            key = str(ready["key"])
            api = f"{ready['office_url']}/api/v1"
            with httpx2.Client(headers={"authorization": f"Bearer {key}"}) as client:
                client.post(f"{api}/apply", json={"text": fake_config(fake)}).raise_for_status()
                client.put(f"{api}/providers/fake/secret", json={"secret": SECRET}).raise_for_status()
            answered(ready, key)  # the first of them may have left before the secret was known
            before = (folder / "secret.key").read_text(encoding="ascii")
            assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
        fake.requests.clear()
        with serving(command) as (_, ready):
            assert answered(ready, key) == {("/v1/chat/completions", f"Bearer {SECRET}")}
        assert (folder / "secret.key").read_text(encoding="ascii") == before
    found = {path.name: path.read_bytes() for path in folder.glob("*.log")}
    assert {"gateway-0.log", "gateway-1.log", "router.log"} <= set(found)
    logs = list(found.values())
    assert not [log for log in logs if stands_in(log)]
    dump = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert len(dump) > 1_000_000
    assert not stands_in(dump), "not in the database's files and its log of changes either"
