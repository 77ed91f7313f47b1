"""A contradiction as a person decides it: a statement, and its sides with all that speaks for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal

import msgspec

from rechenwerk.documents.facts.comparing import compatible
from rechenwerk.documents.facts.values import Contradiction, Fact, Statement

Place = tuple[int, int, int]
"""Where a fact stands: document, start, end."""


class Dispute(msgspec.Struct, frozen=True):
    """A statement about which documents contradict each other.

    Args:
        statement: what it is about.
        sides: facts that agree with each other; documents that agree with everybody are on none.
    """

    statement: Statement
    sides: tuple[tuple[Fact, ...], ...]


def disputes(
    clashes: Sequence[Contradiction], rates: Mapping[tuple[str, str], Decimal] | None = None
) -> tuple[Dispute, ...]:
    """Pairs that contradict each other, as one dispute per statement.

    Args:
        clashes: of `reconciling.reconcile`.
        rates: as there.
    """
    pairs: dict[int, list[Contradiction]] = defaultdict(list)
    for clash in clashes:
        pairs[id(clash.statement)].append(clash)
    found = []
    for own in pairs.values():
        statement = own[0].statement
        involved = {fact.document for clash in own for fact in (clash.left, clash.right)}
        by_document: dict[str, list[Fact]] = defaultdict(list)
        for fact in statement.facts:
            if fact.document in involved:
                by_document[fact.document].append(fact)
        found.append(Dispute(statement, _sides(list(by_document.values()), rates or {})))
    return tuple(found)


def _sides(
    documents: Sequence[Sequence[Fact]], rates: Mapping[tuple[str, str], Decimal]
) -> tuple[tuple[Fact, ...], ...]:
    """Documents that agree with each other, together."""
    sides: list[list[Sequence[Fact]]] = []
    for mine in documents:
        home = next((side for side in sides if all(_agree(mine, one, rates) for one in side)), None)
        if home is None:
            sides.append([mine])
        else:
            home.append(mine)
    return tuple(tuple(fact for one in side for fact in one) for side in sides)


def _agree(one: Sequence[Fact], two: Sequence[Fact], rates: Mapping[tuple[str, str], Decimal]) -> bool:
    return any(compatible(left, right, rates) for left in one for right in two)


def again(old: Sequence[AbstractSet[Place]], new: Sequence[AbstractSet[Place]]) -> tuple[int, ...] | None:
    """Whether a dispute is one that was seen before: for each old side the new one that it is.

    It is the same as long as nobody changes sides and no side is new: documents may join a side or leave it.
    None: it is another one.
    """
    if len(old) != len(new):
        return None
    found = []
    for side in old:
        same = [at for at, other in enumerate(new) if side & other and (side <= other or other <= side)]
        met = [at for at, other in enumerate(new) if side & other]
        if len(same) != 1 or met != same or same[0] in found:
            return None
        found.append(same[0])
    return tuple(found)
