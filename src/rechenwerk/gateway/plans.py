"""Plans: where calls for a model may go, and why not elsewhere. Made once per snapshot, not per call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.base.reasons import beside, reason, told_of
from rechenwerk.contracts.ports import STANDARD
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.groups import NO_SUPPLIES, Supplies
from rechenwerk.gateway.ports import DeploymentRow, Offer
from rechenwerk.gateway.tally import Stream
from rechenwerk.gateway.upstreams import Upstream, Upstreams
from rechenwerk.ledger.prices import PriceList
from rechenwerk.providers.registry import ProviderKind
from rechenwerk.routing.health import Health
from rechenwerk.routing.ports import DataClass
from rechenwerk.routing.residency import forbids
from rechenwerk.routing.supply import Vector
from rechenwerk.wire.openai import Endpoint

_ABILITY: MappingProxyType[Endpoint, str] = MappingProxyType(
    {"messages": "chat", "responses": "chat", "count_tokens": "chat"}
)
"""What a deployment must be able to do for an endpoint, where it is not called the same."""


class Eligible(msgspec.Struct, frozen=True):
    """What a project may draw of contracts that are not for everybody.

    Attributes:
        limited: ids of such contracts.
        grants: of those, the ones that this project may draw, for this purpose.
    """

    limited: frozenset[int]
    grants: frozenset[int]


NOBODY: Mapping[int, str] = MappingProxyType({})
EVERYBODY = Eligible(frozenset(), frozenset())
"""Where no contract is limited."""


class Step(msgspec.Struct, frozen=True):
    """A deployment that may serve a call, and its state.

    Attributes:
        decision: what is kept with the call, as JSON.
        reason: a member of it, for calls that the router did not weigh.
        supply: what the router weighs it as: see `groups`.
        rates: currency per unit of each bucket of usage.
    """

    deployment: DeploymentRow
    upstream: Upstream
    health: Health
    decision: str
    reason: str
    supply: int
    rates: Vector


class Plan(msgspec.Struct, frozen=True):
    """The deployments that may serve a call.

    Attributes:
        steps: none when every deployment was refused by a rule.
        refused: which were, and by what rule.
        down: a deployment would be allowed, but its provider does not run or its site is out.
        context_tokens, max_output_tokens: of the largest of them.
        costs: their prices, each once.
        aliases: fields that any of their providers would take for something that is governed.
        ability: what they have to be able to do.
        groups: the steps by supply, those that the router cannot tell apart together.
        governed: a contract bounds one of them or has a say in its price.
        streams: classes of these calls by service class, as they come up.
        grants: contracts of them that are not for everybody.
        tiers: service tiers that can be had of the model.
    """

    offer: Offer
    steps: tuple[Step, ...]
    refused: tuple[str, ...]
    down: bool
    context_tokens: int
    max_output_tokens: int
    costs: tuple[PriceList, ...]
    aliases: tuple[str, ...]
    ability: str
    groups: Mapping[int, tuple[Step, ...]]
    governed: bool
    streams: dict[str, Stream]
    grants: frozenset[int] = frozenset()
    tiers: frozenset[str] = frozenset()

    @property
    def decides(self) -> bool:
        """Whether the router has anything to say: there are several supplies, or a contract bounds one."""
        return self.governed or len(self.groups) > 1


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
    offer: Offer,
    endpoint: Endpoint,
    data_class: DataClass,
    upstreams: Upstreams,
    fleet: Fleet,
    supplies: Supplies = NO_SUPPLIES,
    eligible: Eligible = EVERYBODY,
    barred: Mapping[int, str] = NOBODY,
    tier: str = "",
) -> Plan:
    """Apply the rules that do not change from call to call."""
    allowed: list[tuple[DeploymentRow, Upstream]] = []
    refused: list[tuple[str, str]] = []
    down = False
    for deployment in able(offer, endpoint):
        upstream = upstreams.get(deployment.provider.id)
        rule: str | None = forbids(data_class, deployment.jurisdiction, deployment.level)
        if rule is None and deployment.out:
            rule = deployment.out
            down = True
        elif rule is None:
            rule = _rule(deployment, eligible, barred, tier)
        if rule is None and upstream is None:
            rule = reason("not_running")
            down = True
        elif rule is None and upstream is not None and not serves(upstream.kind, endpoint):
            rule = reason("no_way", kind=deployment.provider.kind, endpoint=endpoint)
        if rule is not None:
            refused.append((_name(deployment), rule))
        elif upstream is not None:
            allowed.append((deployment, upstream))
    steps = tuple(
        Step(
            deployment,
            upstream,
            fleet.health(deployment.id, _name(deployment), own=deployment.level == "own"),
            _decision(deployment, data_class, refused),
            _chosen(len(allowed)),
            supplies.of.get(deployment.id, deployment.id),
            tuple([one / deployment.cost.denominator / NANO for one in deployment.cost.numerators]),
        )
        for deployment, upstream in allowed
    )
    groups: dict[int, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.supply, []).append(step)
    return Plan(
        offer,
        steps,
        tuple(f"{name}: {rule}" for name, rule in refused),
        down,
        max((step.deployment.context_tokens for step in steps), default=0),
        max((step.deployment.max_output_tokens for step in steps), default=0),
        tuple(dict.fromkeys(cost for step in steps for cost in step.deployment.highest)),
        tuple(dict.fromkeys(alias for step in steps for alias in step.upstream.kind.aliases)),
        _ABILITY.get(endpoint, endpoint),
        {supply: tuple(group) for supply, group in groups.items()},
        any(step.deployment.id in supplies.governed for step in steps),
        {},
        eligible.grants & {step.deployment.contract for step in steps},
        frozenset(deployment.service_tier or STANDARD for deployment in able(offer, endpoint)),
    )


def _rule(deployment: DeploymentRow, eligible: Eligible, barred: Mapping[int, str], tier: str) -> str | None:
    """Why a deployment is not for these calls, wherever their data may go."""
    if deployment.contract in eligible.limited - eligible.grants:
        return reason("others_contract", contract=deployment.contract_name)
    own = deployment.service_tier or STANDARD
    if tier and tier != own:
        return reason("other_tier", tier=own)
    return barred.get(deployment.provider.id)


def _name(deployment: DeploymentRow) -> str:
    return f"{deployment.provider.name}/{deployment.upstream}"


def _chosen(among: int) -> str:
    """Why one of so many was taken where the router had no say: members of the decision."""
    why = reason("only") if among == 1 else reason("best", count=among)
    return msgspec.json.encode(beside("reason", why)).decode()[1:-1]


def _decision(deployment: DeploymentRow, data_class: DataClass, refused: Sequence[tuple[str, str]]) -> str:
    kept: dict[str, object] = {
        "deployment": _name(deployment),
        "contract": deployment.contract_name,
        "data_class": data_class.name,
    }
    if deployment.service_tier:
        kept["service_tier"] = deployment.service_tier
    if refused:
        kept["refused"] = [f"{name}: {rule}" for name, rule in refused]
        kept["refused_told"] = [told_of(rule) for _, rule in refused]
    return msgspec.json.encode(kept).decode()
