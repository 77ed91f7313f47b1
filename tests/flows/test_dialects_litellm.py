"""LiteLLM's proxy as a provider of Anthropic's dialect that somebody else wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from bench.machine import BenchError

from tests import postgres
from tests.fakes.provider import FakeProvider, running_fake
from tests.flows.cloud import Cloud, running_cloud, tokens_of
from tests.flows.dialect_site import SETTINGS, configuration, keep_keys
from tests.flows.speakers import SPEAKERS, Counts, Question, speaker
from tests.installation import Tenant
from tests.litellm_proxy import running_litellm

pytestmark = pytest.mark.timeout(600)  # its first run installs a large environment


@dataclass
class House:
    """The fake, LiteLLM before it, and our cloud before that."""

    cloud: Cloud
    fake: FakeProvider


@pytest.fixture(scope="module")
def house(server: postgres.Server) -> Iterator[House]:
    with running_fake() as fake:
        try:
            with running_litellm(fake.base_url) as (url, key):
                text = configuration({"anthropic": f"{url}/v1"}, {"fake-model": ("anthropic", "fake-model")})
                with running_cloud(server.fresh_sync(), text, settings=SETTINGS) as cloud:
                    keep_keys(cloud, {"anthropic": key})
                    yield House(cloud, fake)
        except BenchError as missing:
            pytest.skip(f"LiteLLM's proxy cannot be had: {missing}")


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_text(house: House, client: str, *, stream: bool) -> None:
    tenant = house.cloud.tenant(f"text {client} {stream}")
    with speaker(client, house.cloud.address, tenant.key) as speaking:
        heard = speaking.ask("fake-model", Question(system="Be brief.", max_tokens=6), stream=stream)
    assert (heard.text, heard.ended) == ("word0 word1 word2 word3 word4 word5", "length")
    booked(house, tenant, 1, heard.usage)


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool(house: House, client: str, *, stream: bool) -> None:
    tenant = house.cloud.tenant(f"tool {client} {stream}")
    with speaker(client, house.cloud.address, tenant.key) as speaking:
        heard = speaking.ask("fake-model", Question(tools=True), stream=stream)
        ((id_, name, arguments),) = heard.calls
        assert (heard.ended, name, arguments) == ("tools", "get_weather", {"city": "Paris"})
        booked(house, tenant, 1, heard.usage)
        after = speaking.ask(
            "fake-model", Question(tools=True), stream=stream, before=heard, results={id_: "18 C"}
        )
    assert (after.ended, after.calls) == ("stop", [])
    assert after.text.startswith("word0 word1")
    sent = house.fake.requests[-1].body["messages"][-1]
    assert (sent["role"], sent["tool_call_id"]) == ("tool", id_)
    booked(house, tenant, 2, after.usage)


def booked(house: House, tenant: Tenant, number: int, usage: Counts) -> None:
    """The books say what the client heard, and what the fake behind both made."""
    call = house.cloud.calls(tenant, number)[-1]
    record = house.fake.produced.records[-1]
    assert (call["outcome"], call["usage_source"]) == ("posted", "reported")
    assert tokens_of(call) == (usage.into, usage.out) == (record.prompt_tokens, record.completion_tokens)
    assert call["price"] > 0
