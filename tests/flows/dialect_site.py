"""One fake that plays a provider of every dialect, a cloud before it, and each client's own words."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import asyncpg

from rechenwerk.base.ids import encode_call
from rechenwerk.base.settings import Settings
from rechenwerk.identity.secrets import SecretBox, provider_context
from tests import postgres
from tests.fakes.book import Record
from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.flows.cloud import Cloud, running_cloud, tokens_of
from tests.installation import Tenant

KINDS = ("openai-compatible", "anthropic", "gemini", "bedrock")
UPSTREAMS = MappingProxyType(
    {
        "openai-compatible": "fake-model",
        "anthropic": "claude-fake",
        "gemini": "gemini-2.5-fake",
        "bedrock": "eu.anthropic.claude-fake-v1:0",
        "openai": "gpt-fake",  # its Responses pass unchanged; most flows leave it to others
    }
)
PATHS = MappingProxyType(
    {"openai-compatible": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "bedrock": "", "openai": "/v1"}
)
SECRET = "AKIDEXAMPLE:a-secret"
"""One key for all: in AWS's form, which is as good a bearer as any."""
_BOX_KEY = bytes(range(32))
_PROVIDER = """
[[provider]]
name = "{kind}"
kind = "{kind}"
base_url = "{url}"
[[contract]]
name = "{kind}"
provider = "{kind}"
kind = "on-demand"
"""
_DEPLOYMENT = """
[[deployment]]
model = "{model}"
provider = "{kind}"
contract = "{kind}"
upstream = "{upstream}"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = {{ input = "1", output = "2" }}
"""
_TARIFF = """
[[tariff]]
model = "{model}"
price = {{ input = "1.50", cached_input = "0.15", cache_write = "1.875", output = "3", reasoning = "6" }}
"""
PRICES = MappingProxyType(
    {"input": 1500, "cached_input": 150, "cache_write": 1875, "output": 3000, "reasoning": 6000}
)
"""The same per token, in nano-euros: every bucket has a price of its own."""
SETTINGS = Settings(
    grace=2.0, attempts=1, breaker_failures=1_000_000, secret_key=base64.b64encode(_BOX_KEY).decode()
)


@dataclass
class Babel:
    """The cloud and its fake. The model ``over-KIND`` is served by the provider of that kind."""

    cloud: Cloud
    fake: FakeProvider

    def turn(self, **knobs: object) -> None:
        """Forget what was asked so far, and turn knobs of the fake; all others go back."""
        self.fake.reset()
        self.fake.set_knobs(knobs)

    def records(self, calls: list[asyncpg.Record]) -> list[Record]:
        """What the fake itself made for booked calls, which must say the same and cost what they say."""
        found = []
        for call in calls:
            record = self.fake.produced.find(encode_call(call["id"]))
            assert (call["outcome"], call["usage_source"]) == ("posted", "reported"), dict(call)
            assert tokens_of(call) == (record.prompt_tokens, record.completion_tokens)
            assert record.finished
            price = sum(call[bucket] * rate for bucket, rate in PRICES.items())
            assert call["price"] == call["charged"] == price > 0
            assert call["cost"] > 0
            found.append(record)
        return found

    def booked(self, tenant: Tenant, number: int = 1) -> list[asyncpg.Record]:
        """The tenant's calls, each checked against the fake's own count; the books verify."""
        calls = self.cloud.calls(tenant, number)
        self.records(calls)
        return calls


def model(kind: str) -> str:
    """The public model that is served by a kind of provider."""
    return f"over-{kind}"


def configuration(addresses: Mapping[str, str], models: Mapping[str, tuple[str, str]]) -> str:
    """A rechenwerk.toml.

    Args:
        addresses: kind of provider -> its base URL; the provider is called as its kind.
        models: model -> the kind that serves it, and its name there.
    """
    parts = ['currency = "EUR"']
    parts += [_PROVIDER.format(kind=kind, url=url) for kind, url in addresses.items()]
    for name, (kind, upstream) in models.items():
        parts.append(_DEPLOYMENT.format(model=name, kind=kind, upstream=upstream))
        parts.append(_TARIFF.format(model=name))
    return "".join(parts)


@contextmanager
def running_babel(server: postgres.Server) -> Iterator[Babel]:
    """A fake, a cloud before it, and the fake's key in the cloud's safe under every provider's name."""
    knobs = Knobs(models=list(UPSTREAMS.values()), require_key=SECRET)
    with running_fake(knobs) as fake:
        text = configuration(
            {kind: fake.url + path for kind, path in PATHS.items()},
            {model(kind): (kind, upstream) for kind, upstream in UPSTREAMS.items()},
        )
        with running_cloud(server.fresh_sync(), text, settings=SETTINGS) as cloud:
            keep_keys(cloud, dict.fromkeys(UPSTREAMS, SECRET))
            yield Babel(cloud, fake)


def keep_keys(cloud: Cloud, keys: Mapping[str, str]) -> None:
    """Put providers' keys into the safe of a cloud that has `SETTINGS`."""
    cloud.run(_keep_keys(cloud, keys))


async def _keep_keys(cloud: Cloud, keys: Mapping[str, str]) -> None:
    box = SecretBox(_BOX_KEY)
    for name, key in keys.items():
        sealed = box.seal(key, provider_context(0, name))
        assert await cloud.town.desk.configuration.keep_secret(0, name, sealed)
    await cloud.gateway.tenants.refresh()
