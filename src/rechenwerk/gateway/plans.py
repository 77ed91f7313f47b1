"""Plans: where calls for a model may go, and why not elsewhere. Made once per snapshot, not per call."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.ports import DeploymentRow, Offer
from rechenwerk.gateway.upstreams import Upstream, Upstreams
from rechenwerk.ledger.prices import PriceList
from rechenwerk.providers.registry import ProviderKind
from rechenwerk.routing.health import Health
from rechenwerk.routing.ports import DataClass
from rechenwerk.routing.residency import forbids
from rechenwerk.wire.openai import Endpoint

_ABILITY: MappingProxyType[Endpoint, str] = MappingProxyType(
    {"messages": "chat", "responses": "chat", "count_tokens": "chat"}
)
"""What a deployment must be able to do for an endpoint, where it is not called the same."""


class Step(msgspec.Struct, frozen=True):
    """A deployment that may serve a call, its state, and the decision that is kept with the call."""

    deployment: DeploymentRow
    upstream: Upstream
    health: Health
    decision: str


class Plan(msgspec.Struct, frozen=True):
    """The deployments that may serve a call.

    Attributes:
        steps: none when every deployment was refused by a rule.
        refused: which were, and by what rule.
        down: a deployment would be allowed, but its provider does not run or its site is out.
        context_tokens, max_output_tokens: of the largest of them.
        costs: their prices, each once.
        aliases: fields that any of their providers would take for something that is governed.
    """

    offer: Offer
    steps: tuple[Step, ...]
    refused: tuple[str, ...]
    down: bool
    context_tokens: int
    max_output_tokens: int
    costs: tuple[PriceList, ...]
    aliases: tuple[str, ...]


def serves(kind: ProviderKind, endpoint: Endpoint) -> bool:
    """Whether there is a way from an endpoint to a kind of provider."""
    if endpoint == "rerank":
        return kind.rerank is not None
    if endpoint in {"completions", "embeddings"}:
        return kind.dialect == "openai"
    return kind.dialect != "cohere"


def able(offer: Offer, endpoint: Endpoint) -> list[DeploymentRow]:
    """The deployments of an offer that can do what an endpoint asks for."""
    ability = _ABILITY.get(endpoint, endpoint)
    return [deployment for deployment in offer.deployments if ability in deployment.endpoints]


def make_plan(
    offer: Offer, endpoint: Endpoint, data_class: DataClass, upstreams: Upstreams, fleet: Fleet
) -> Plan:
    """Apply the rules that do not change from call to call."""
    allowed: list[tuple[DeploymentRow, Upstream]] = []
    refused = []
    down = False
    for deployment in able(offer, endpoint):
        upstream = upstreams.get(deployment.provider.id)
        rule = forbids(data_class, deployment.jurisdiction, deployment.level)
        if rule is None and deployment.out:
            rule = deployment.out
            down = True
        elif rule is None and upstream is None:
            rule = "its provider is not running"
            down = True
        elif rule is None and upstream is not None and not serves(upstream.kind, endpoint):
            rule = f"a provider of the kind {deployment.provider.kind} has no {endpoint}"
        if rule is not None:
            refused.append(f"{_name(deployment)}: {rule}")
        elif upstream is not None:
            allowed.append((deployment, upstream))
    steps = tuple(
        Step(
            deployment,
            upstream,
            fleet.health(deployment.id, _name(deployment), own=deployment.level == "own"),
            _decision(deployment, data_class, len(allowed), refused),
        )
        for deployment, upstream in allowed
    )
    return Plan(
        offer,
        steps,
        tuple(refused),
        down,
        max((step.deployment.context_tokens for step in steps), default=0),
        max((step.deployment.max_output_tokens for step in steps), default=0),
        tuple(dict.fromkeys(step.deployment.cost for step in steps)),
        tuple(dict.fromkeys(alias for step in steps for alias in step.upstream.kind.aliases)),
    )


def _name(deployment: DeploymentRow) -> str:
    return f"{deployment.provider.name}/{deployment.upstream}"


def _decision(deployment: DeploymentRow, data_class: DataClass, allowed: int, refused: list[str]) -> str:
    kept: dict[str, object] = {
        "deployment": _name(deployment),
        "contract": deployment.contract_name,
        "reason": "the only deployment" if allowed == 1 else f"the best of {allowed} at that moment",
        "data_class": data_class.name,
    }
    if refused:
        kept["refused"] = refused
    return msgspec.json.encode(kept).decode()
