"""Service tiers: what a deployment asks its provider for, and that the tier which was served is booked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import httpx2
import pytest

from tests import postgres
from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.flows.cloud import Cloud, running_cloud
from tests.flows.dialect_site import PATHS, SECRET, SETTINGS, UPSTREAMS, keep_keys
from tests.installation import Tenant

TIERS = MappingProxyType({"openai": "priority", "anthropic": "priority", "gemini": "flex", "bedrock": "flex"})
_PROVIDER = """
[[provider]]
name = "{kind}"
kind = "{kind}"
base_url = "{url}"
[[contract]]
name = "{kind}"
provider = "{kind}"
kind = "on-demand"
pricing = {{ factors = {{ priority = "2", flex = "0.5" }} }}
[[contract]]
name = "{kind} {tier}"
provider = "{kind}"
kind = "on-demand"
pricing = {{ discount = "0.5", factors = {{ priority = "2", flex = "0.5" }} }}
"""
_DEPLOYMENT = """
[[deployment]]
model = "{model}"
provider = "{kind}"
contract = "{contract}"
upstream = "{upstream}"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = {{ input = "1", output = "2" }}
"""
_TARIFF = """
[[tariff]]
model = "{model}"
price = {{ input = "3", output = "3" }}
"""
_BOUGHT = """
[[contract]]
name = "bought"
provider = "gemini"
kind = "provisioned"
overflow = { rule = "shared" }
header = { name = "X-Vertex-AI-LLM-Request-Type", dedicated = "dedicated", shared = "shared" }
blocks = [{ name = "GSU", units = "1", hold_fee = "1", throughput = "1000" }]
"""


def configuration(fake: FakeProvider) -> str:
    """For each kind of provider ``KIND`` (standard), ``KIND-fast`` (its tier), ``both`` at OpenAI."""
    parts = ['currency = "EUR"']
    for kind, tier in TIERS.items():
        upstream = UPSTREAMS[kind]
        parts.append(_PROVIDER.format(kind=kind, url=fake.url + PATHS[kind], tier=tier))
        for model, contract in ((kind, kind), (f"{kind}-fast", f"{kind} {tier}")):
            parts.append(_DEPLOYMENT.format(model=model, kind=kind, contract=contract, upstream=upstream))
            if contract != kind:
                parts.append(f'service_tier = "{tier}"')
            parts.append(_TARIFF.format(model=model))
    for contract in ("openai", "openai priority"):
        parts.append(_DEPLOYMENT.format(model="both", kind="openai", contract=contract, upstream="gpt-fake"))
        parts.append('service_tier = "priority"' if contract != "openai" else "")
    parts += [_TARIFF.format(model="both"), _BOUGHT]
    parts.append(
        _DEPLOYMENT.format(model="bought", kind="gemini", contract="bought", upstream="gemini-2.5-fake")
    )
    return "\n".join([*parts, _TARIFF.format(model="bought")])


class Tiered:
    """A cloud, its fake, and a tenant."""

    def __init__(self, cloud: Cloud, fake: FakeProvider) -> None:
        self.cloud, self.fake = cloud, fake
        self.tenant: Tenant = cloud.tenant("town")
        self.calls = 0

    def ask(self, model: str, path: str = "/v1/chat/completions", **fields: Any) -> httpx2.Response:
        words: dict[str, Any] = {"messages": [{"role": "user", "content": "hello there"}], "max_tokens": 50}
        if path == "/v1/responses":
            words = {"input": "hello there"}
        return httpx2.post(
            self.cloud.address + path,
            json={"model": model, **words, **fields},
            headers={"authorization": f"Bearer {self.tenant.key}"},
        )

    def serves(self, model: str, path: str = "/v1/chat/completions", **fields: Any) -> Any:
        """Ask; the booked call."""
        answer = self.ask(model, path, **fields)
        assert answer.status_code == 200, answer.text
        self.calls += 1
        return self.cloud.calls(self.tenant, self.calls)[-1]

    def refuses(self, model: str, tier: str) -> Any:
        answer = self.ask(model, service_tier=tier)
        assert answer.status_code == 400
        return answer.json()["error"]

    def sent(self) -> Any:
        return json.loads(self.fake.requests[-1].raw)

    def turn(self, served: str | None) -> None:
        """What the fake says of the tier that served."""
        self.fake.reset()
        self.fake.set_knobs({"served_tier": served})


def cost_at(call: Any, factor: str) -> int:
    """Nano-euros at so many halves of the list rates of one and two euros per million tokens."""
    tokens = 1000 * (call["input"] + 2 * call["output"])
    return int(tokens * float(factor))


@pytest.fixture(scope="module")
def tiered(server: postgres.Server) -> Iterator[Tiered]:
    with (
        running_fake(Knobs(models=list(UPSTREAMS.values()), require_key=SECRET)) as fake,
        running_cloud(server.fresh_sync(), configuration(fake), settings=SETTINGS) as cloud,
    ):
        keep_keys(cloud, dict.fromkeys(TIERS, SECRET))
        yield Tiered(cloud, fake)


@pytest.mark.parametrize(
    ("model", "path", "member"),
    [
        ("openai-fast", "/v1/chat/completions", {"service_tier": "priority"}),
        ("openai-fast", "/v1/responses", {"service_tier": "priority"}),
        ("openai-fast", "/v1/messages", {"service_tier": "priority"}),
        ("anthropic-fast", "/v1/messages", {"service_tier": "auto"}),
        ("anthropic-fast", "/v1/chat/completions", {"service_tier": "auto"}),
        ("gemini-fast", "/v1/chat/completions", {"serviceTier": "flex"}),
        ("bedrock-fast", "/v1/messages", {"serviceTier": {"type": "flex"}}),
        ("openai", "/v1/chat/completions", {}),
        ("gemini", "/v1/responses", {}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_asks_for_the_tier_of_its_deployment(
    tiered: Tiered, model: str, path: str, member: dict[str, Any], *, stream: bool
) -> None:
    tiered.turn(None)
    tiered.serves(model, path, stream=stream)
    sent = tiered.sent()
    assert {name: sent[name] for name in ("service_tier", "serviceTier") if name in sent} == member


# What the contracts say: half of the list rates at contracts of a tier; twice for priority, half for flex.
@pytest.mark.parametrize(
    ("model", "said", "served", "factor", "at_list"),
    [
        ("openai-fast", "priority", "priority", "1", "2"),
        ("openai-fast", "default", "standard", "0.5", "1"),
        ("openai", "priority", "priority", "2", None),
        ("openai", "default", "standard", "1", None),
        ("anthropic-fast", "priority", "priority", "1", "2"),
        ("anthropic-fast", "standard", "standard", "0.5", "1"),
        ("anthropic-fast", None, None, "1", "2"),
        ("bedrock-fast", "flex", "flex", "0.25", "0.5"),
        ("bedrock-fast", "default", "standard", "0.5", "1"),
        ("gemini-fast", "flex", "flex", "0.25", "0.5"),
        ("gemini-fast", "ON_DEMAND", "standard", "0.5", "1"),
        ("gemini-fast", "ON_DEMAND_FLEX", "flex", "0.25", "0.5"),
        ("bought", "PROVISIONED_THROUGHPUT", "dedicated", "0", "1"),
        ("bought", "ON_DEMAND", "standard", "1", None),
        ("bought", None, None, "0", "1"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_tier_that_served_a_call_is_what_it_is_booked_at(
    tiered: Tiered,
    model: str,
    said: str | None,
    served: str | None,
    factor: str,
    at_list: str | None,
    *,
    stream: bool,
) -> None:
    tiered.turn(said)
    call = tiered.serves(model, stream=stream)
    assert call["input"] > 0
    assert call["output"] > 0
    assert call["cost"] == cost_at(call, factor)
    assert call["listed"] == (None if at_list is None else cost_at(call, at_list))
    assert json.loads(call["decision"]).get("served_tier") == served


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
def test_the_tier_is_read_in_every_dialect(tiered: Tiered, path: str) -> None:
    tiered.turn("default")
    call = tiered.serves("openai-fast", path)
    assert call["cost"] == cost_at(call, "0.5")


@pytest.mark.parametrize(
    ("asked", "contract", "sent"),
    [
        (None, None, None),
        ("auto", None, None),
        ("priority", "openai priority", "priority"),
        ("fast", "openai priority", "priority"),
        ("default", "openai", "default"),
        ("standard", "openai", "default"),
    ],
)
def test_a_client_chooses_among_tiers_that_there_are(
    tiered: Tiered, asked: str | None, contract: str | None, sent: str | None
) -> None:
    tiered.turn(None)
    decision = json.loads(tiered.serves("both", service_tier=asked)["decision"])
    if contract is None:  # any of them; the request says what its deployment says, else what the client said
        assert tiered.sent().get("service_tier") in {"priority", asked}
    else:
        assert decision["contract"] == contract
        assert tiered.sent()["service_tier"] == sent


def test_a_tier_that_no_deployment_has_is_refused_by_name(tiered: Tiered) -> None:
    tiered.turn(None)
    error = tiered.refuses("both", "flex")
    assert (error["param"], error["code"]) == ("service_tier", "unsupported_value")
    assert error["message"] == (
        "No deployment of 'both' has the service tier 'flex'; leave service_tier out,"
        " or send one of auto, priority, standard."
    )
    assert tiered.refuses("openai-fast", "default")["param"] == "service_tier"
    assert tiered.refuses("gemini", "priority")["param"] == "service_tier"
    assert not tiered.fake.requests
