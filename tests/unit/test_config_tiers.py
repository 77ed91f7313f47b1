"""A deployment's service tier: which there are, and what is wrong with others."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType

import msgspec
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.charged import by_tier, charged
from rechenwerk.contracts.terms import Block, Contract, Header, OnDemand, Overflow, Pricing, Provisioned
from rechenwerk.gateway.ports import DeploymentRow, ProviderRow
from rechenwerk.ledger.prices import price_list
from rechenwerk.office.config import MistakesError, parse

FILE = """
currency = "EUR"
[[provider]]
name = "cloud"
kind = "{kind}"
base_url = "https://cloud.example"
[[contract]]
name = "by use"
provider = "cloud"
kind = "on-demand"
[[deployment]]
model = "m"
provider = "cloud"
contract = "by use"
endpoints = {endpoints}
context_tokens = 100
max_output_tokens = 10
cost = {{ input = "1" }}
service_tier = "{tier}"
[[tariff]]
model = "m"
price = {{ input = "1" }}
"""


@pytest.mark.parametrize(
    ("kind", "tiers"),
    [
        ("openai", "standard flex priority scale"),
        ("azure-openai", "standard priority"),
        ("anthropic", "standard priority"),
        ("gemini", "standard flex priority"),
        ("bedrock", "standard flex priority reserved"),
        ("groq", "standard flex performance"),
    ],
)
def test_the_tiers_of_a_kind(kind: str, tiers: str) -> None:
    for tier in tiers.split():
        (deployment,) = parse(FILE.format(kind=kind, tier=tier, endpoints='["chat"]')).deployments
        assert deployment.service_tier == tier


@pytest.mark.parametrize(
    ("kind", "tier", "endpoints", "message", "fix"),
    [
        (
            "vllm",
            "flex",
            '["chat"]',
            "a provider of the kind vllm has no service tiers",
            "leave service_tier out",
        ),
        (
            "openai",
            "batch",
            '["chat"]',
            "openai has no service tier 'batch'",
            "standard, flex, priority, scale",
        ),
        ("openai", "flexx", '["chat"]', "openai has no service tier 'flexx'", "did you mean 'flex'?"),
        ("azure-openai", "flex", '["chat"]', "azure-openai has no service tier 'flex'", "standard, priority"),
        ("openai", "flex", '["chat", "embeddings"]', "only chats can ask", 'endpoints = ["chat"]'),
    ],
)
def test_a_wrong_tier_has_its_line_and_its_fix(
    kind: str, tier: str, endpoints: str, message: str, fix: str
) -> None:
    with pytest.raises(MistakesError) as caught:
        parse(FILE.format(kind=kind, tier=tier, endpoints=endpoints))
    (mistake,) = caught.value.mistakes
    assert mistake.line == 19
    assert message in mistake.message
    assert fix in mistake.fix


LISTED = price_list({"input": "8", "output": "24"})
PRICING = Pricing(
    discount=Decimal("0.25"), factors={"priority": Decimal(2), "flex": Decimal("0.5"), "shared": Decimal(3)}
)
BLOCK = Block(name="unit", units=Decimal(1), hold_fee=Decimal(1))
BOUGHT = Provisioned(
    name="c", provider="p", blocks=(BLOCK,), pricing=PRICING, overflow=Overflow(rule="shared")
)
TERMS: MappingProxyType[str, Contract] = MappingProxyType(
    {
        "by use": OnDemand(name="c", provider="p", pricing=PRICING),
        "flat": OnDemand(name="c", provider="p"),
        "bought": BOUGHT,
        "bought, refuses": msgspec.structs.replace(BOUGHT, overflow=Overflow()),
        "bought, by header": msgspec.structs.replace(BOUGHT, header=Header("x-type", "dedicated", "shared")),
    }
)


# Cost of a million tokens of input, and the same at list rates; served "-": the provider says nothing.
@pytest.mark.parametrize(
    ("contract", "asked", "served", "cost", "listed"),
    [
        ("by use", "", "-", "6", "8"),
        ("by use", "", "standard", "6", "8"),
        ("by use", "", "priority", "12", "16"),
        ("by use", "priority", "-", "12", "16"),
        ("by use", "priority", "standard", "6", "8"),
        ("by use", "flex", "flex", "3", "4"),
        ("by use", "", "turbo", "6", "8"),
        ("flat", "", "priority", "8", "8"),
        ("flat", "priority", "-", "8", "8"),
        ("bought", "", "standard", "0", "8"),
        ("bought", "reserved", "reserved", "0", "8"),
        ("bought", "reserved", "standard", "18", "24"),
        ("bought", "reserved", "-", "0", "8"),
        ("bought, refuses", "reserved", "standard", "0", "8"),
        ("bought, by header", "", "standard", "18", "24"),
        ("bought, by header", "", "dedicated", "0", "8"),
    ],
)
def test_what_a_call_is_booked_at_by_the_tier_that_served_it(
    contract: str, asked: str, served: str, cost: str, listed: str
) -> None:
    terms = TERMS[contract]
    price = charged(terms, LISTED, asked)
    row = DeploymentRow(
        1,
        ProviderRow(1, "p", "openai", "", None),
        1,
        "c",
        "m",
        frozenset({"chat"}),
        100,
        10,
        price,
        listed=None if price == LISTED else LISTED,
        service_tier=asked,
        tiers=by_tier(terms, LISTED, asked),
    )
    rates = row.rates("" if served == "-" else served)
    million = Usage(input=1_000_000, requests=0)
    assert rates.cost.amount(million) == Decimal(cost) * NANO
    assert (rates.listed or rates.cost).amount(million) == Decimal(listed) * NANO
    assert max(one.amount(million) for one in row.highest) >= rates.cost.amount(million)
