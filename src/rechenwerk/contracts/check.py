"""What is wrong with contracts, each with its place and its fix. Pure: whoever reads a file calls it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rechenwerk.contracts import check_terms
from rechenwerk.contracts.periods import NEVER, overlap, term
from rechenwerk.contracts.ports import Deployed, Problem
from rechenwerk.contracts.terms import Contract, PrepaidCredit, TakeOrPay, kind_of


def check(
    contracts: Sequence[Contract], deployments: Sequence[Deployed], known: Sequence[str] = ()
) -> list[Problem]:
    """All mistakes, in the order of the contracts.

    Args:
        contracts: all of an installation.
        deployments: all that name one of them.
        known: names of contracts that are there but cannot be read.
    """
    names = list(dict.fromkeys([*(at.name for at in contracts), *known]))
    problems: list[Problem] = []
    for contract in contracts:
        problems += check_terms.check_alone(contract)
        problems += _bound(contract, deployments)
        problems += _names(contract, names)
        problems += _expired_overflow(contract, contracts)
    problems += _circles(contracts)
    problems += _exclusive(contracts, deployments)
    problems += _claims(contracts)
    return problems


def _bound(contract: Contract, deployments: Sequence[Deployed]) -> Iterator[Problem]:
    """A model that is bound must have a deployment, and a deployment a model that is bound."""
    own = sorted({at.model for at in deployments if at.contract == contract.name})
    for index, model in enumerate(contract.models):
        if model not in own:
            yield Problem(
                contract.name,
                f"models.{index}",
                f"model {model!r} is bound to no deployment under it",
                f'add a [[deployment]] of "{model}" with contract = "{contract.name}", or take it out',
            )
    for model in own:
        if contract.models and model not in contract.models:
            yield Problem(
                contract.name,
                "models",
                f"a deployment of {model!r} stands under it, which is not one of its models",
                f'add "{model}" to models, or name another contract at the deployment',
            )


def _names(contract: Contract, names: Sequence[str]) -> Iterator[Problem]:
    """Contracts that are named must be there."""
    for index, name in enumerate(contract.covers):
        if name == contract.name:
            yield Problem(contract.name, f"covers.{index}", "it covers itself", "take it out of covers")
        elif name not in names:
            yield Problem(
                contract.name, f"covers.{index}", f"there is no contract {name!r}", _like(name, names)
            )
        elif name in contract.covers[:index]:
            yield Problem(
                contract.name, f"covers.{index}", f"{name!r} stands twice in covers", "take one out"
            )
    to = contract.overflow.to
    if contract.overflow.rule == "spill" and to is None:
        what = "it spills, but not to where"
        yield Problem(contract.name, "overflow.to", what, 'add to = "…", the name of a contract')
    elif contract.overflow.rule != "spill" and to is not None:
        fix = 'write rule = "spill", or leave to out'
        what = f"overflow goes to {to!r}, but its rule is {contract.overflow.rule!r}"
        yield Problem(contract.name, "overflow.to", what, fix)
    elif to == contract.name:
        yield Problem(contract.name, "overflow.to", "it spills to itself", "name another contract")
    elif to is not None and to not in names:
        yield Problem(contract.name, "overflow.to", f"there is no contract {to!r}", _like(to, names))


def _like(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"


def _expired_overflow(contract: Contract, contracts: Sequence[Contract]) -> Iterator[Problem]:
    """What it spills to must run as long as it does itself."""
    for other in contracts:
        if other.name == contract.overflow.to and term(other)[1] < term(contract)[1]:
            ends = contract.ends or NEVER
            yield Problem(
                contract.name,
                "overflow.to",
                f"it spills to {other.name!r}, which ends on {other.ends}, before it does",
                f"spill to one that runs until {'ever' if ends == NEVER else ends}",
            )


def _circles(contracts: Sequence[Contract]) -> Iterator[Problem]:
    """Nothing may cover or spill to itself by way of others; told once, at the first of the circle."""
    goes: dict[str, tuple[str, ...]] = {
        at.name: (*at.covers, *((at.overflow.to,) if at.overflow.to else ())) for at in contracts
    }
    known = set(goes)
    told: set[str] = set()
    for contract in contracts:
        circle = _circle_from(contract.name, goes, known)
        if len(circle) > 1 and contract.name not in told:
            told |= set(circle)
            way = " -> ".join((*circle, contract.name))
            field = "covers" if contract.covers else "overflow.to"
            yield Problem(
                contract.name,
                field,
                f"contracts lead in a circle: {way}",
                "take one of them out of the circle",
            )


def _circle_from(start: str, goes: Mapping[str, Sequence[str]], known: set[str]) -> list[str]:
    """The names on a way from a contract back to itself; empty when there is none."""
    stack: list[list[str]] = [[start]]
    seen: set[str] = set()
    while stack:
        way = stack.pop()
        for name in goes.get(way[-1], ()):
            if name == start:
                return way
            if name in known and name not in seen:
                seen.add(name)
                stack.append([*way, name])
    return []


def _exclusive(contracts: Sequence[Contract], deployments: Sequence[Deployed]) -> Iterator[Problem]:
    """While an exclusive contract runs, no other may pay for the same model at the same provider."""
    serves: dict[str, set[tuple[str, str]]] = {at.name: set() for at in contracts}
    for at in deployments:
        serves.setdefault(at.contract, set()).add((at.model, at.provider))
    for index, contract in enumerate(contracts):
        for other in contracts[:index]:
            if not (contract.exclusive or other.exclusive) or not overlap(term(contract), term(other)):
                continue
            both = sorted(serves[contract.name] & serves[other.name])
            covered = contract.name in other.covers or other.name in contract.covers
            claimed = set(contract.covers) & set(other.covers)
            if both and not covered:
                model, provider = both[0]
                yield _excluded(contract, other, f"pay for {model!r} at {provider!r}")
            elif claimed and contract.exclusive and other.exclusive:
                yield _excluded(contract, other, f"cover {min(claimed)!r}")


def _excluded(contract: Contract, other: Contract, what: str) -> Problem:
    which = contract if contract.exclusive else other
    return Problem(
        contract.name,
        "exclusive",
        f"{which.name!r} is exclusive, but {contract.name!r} and {other.name!r} both {what} at the same time",
        "end one before the other starts, or let them serve different models",
    )


def _claims(contracts: Sequence[Contract]) -> Iterator[Problem]:
    """Two umbrellas of one kind over one contract need an order; a discount may be taken once only."""
    umbrellas = [at for at in contracts if at.covers and isinstance(at, PrepaidCredit | TakeOrPay)]
    for index, contract in enumerate(umbrellas):
        for other in umbrellas[:index]:
            both = sorted(set(contract.covers) & set(other.covers))
            if kind_of(other) != kind_of(contract) or not both or not overlap(term(contract), term(other)):
                continue
            if contract.order is None or other.order is None or contract.order == other.order:
                yield Problem(
                    contract.name,
                    "order",
                    f"{contract.name!r} and {other.name!r} both claim the calls of {both[0]!r}",
                    "give each an order (the lowest is drawn first), or take it out of one's covers",
                )
            elif isinstance(contract, TakeOrPay) and isinstance(other, TakeOrPay):
                yield from _double_discount(contract, other, both[0])


def _double_discount(contract: TakeOrPay, other: TakeOrPay, name: str) -> Iterator[Problem]:
    off = [_takes_off(contract), _takes_off(other)]
    if all(off):
        yield Problem(
            contract.name,
            "pricing.discount" if contract.pricing.discount else "committed_discount",
            f"{contract.name!r} and {other.name!r} both take a discount off the calls of {name!r}",
            "write the discount at one of them",
        )


def _takes_off(contract: TakeOrPay) -> Decimal:
    return contract.pricing.discount + contract.committed_discount
