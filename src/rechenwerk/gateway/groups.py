"""Supplies: what the router weighs against each other. Deployments that differ in nothing it sees are one.

Among the deployments of one supply health decides, as it always did: equal servers share their work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import msgspec

from rechenwerk.contracts.ports import Contract
from rechenwerk.contracts.terms import Grant, OnDemand
from rechenwerk.gateway.ports import ContractRow, Offer


def plain(contract: Contract | None, covered: Collection[str]) -> bool:
    """Nothing but a list price: an on-demand contract whose terms change nothing, and that no other covers.

    Args:
        contract: None where the terms are not known.
        covered: names of contracts that others count or pay.
    """
    return contract is None or (
        isinstance(contract, OnDemand)
        and contract.name not in covered
        and contract.pricing == _USUAL.pricing
        and not contract.caps
        and contract.ends is None
    )


class Supplies(msgspec.Struct, frozen=True):
    """What the router weighs.

    Attributes:
        of: deployment id -> id of its supply, which is that of its first deployment.
        governed: deployments whose contracts say more than a list price.
    """

    of: Mapping[int, int]
    governed: frozenset[int]


NO_SUPPLIES = Supplies(MappingProxyType({}), frozenset())
"""Each deployment is a supply of its own."""


def supplies_of(offers: Iterable[Offer], contracts: Mapping[int, ContractRow]) -> Supplies:
    """Find deployments that the router need not tell apart."""
    covered: dict[int, set[str]] = {}
    for each in contracts.values():
        covered.setdefault(each.organisation, set()).update(each.terms.covers)
    first: dict[tuple[object, ...], int] = {}
    found: dict[int, int] = {}
    governed = []
    for offer in offers:
        for row in offer.deployments:
            terms = None
            contract = contracts.get(row.contract)
            if contract is not None and not plain(contract.terms, covered[contract.organisation]):
                terms = row.contract
                governed.append(row.id)
            # Where it stands is no matter of price: a call is shown only those that may see its data.
            seen = (row.provider.organisation, offer.model, terms, row.cost, row.service_tier)
            found[row.id] = first.setdefault(seen, row.id)
    return Supplies(found, frozenset(governed))


def limited(contracts: Mapping[int, ContractRow]) -> frozenset[int]:
    """Contracts whose grants are for some projects or purposes only."""
    return frozenset(
        row.id
        for row in contracts.values()
        if isinstance(row.terms, Grant) and (row.terms.projects or row.terms.purposes)
    )


def may_draw(contract: Contract, project: str, purpose: str) -> bool:
    """Whether a project may draw a grant for a purpose.

    Args:
        contract: the grant, or any other contract, which everybody may draw.
        project: as ``organisation/project``.
        purpose: as the client says it.
    """
    if not isinstance(contract, Grant):
        return True
    named = not contract.projects or bool({project, project.partition("/")[2]} & set(contract.projects))
    return named and (not contract.purposes or purpose in contract.purposes)


_USUAL = OnDemand(name="", provider="")
