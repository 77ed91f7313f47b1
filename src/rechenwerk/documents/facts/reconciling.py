"""What a set of documents says together: each fact once, contradictions, copies, and who is alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations

from rechenwerk.documents.facts.comparing import compatible
from rechenwerk.documents.facts.copies import copies
from rechenwerk.documents.facts.topics import TOPICS
from rechenwerk.documents.facts.values import Article, Contradiction, Fact, Reconciled, Statement
from rechenwerk.documents.values import Days

type_of_key = tuple[str, str, str, str, str, str]


def _class(fact: Fact) -> str:
    """How firm, roughly: what is contracted is as firm as what is reported, a target is a plan."""
    topic = TOPICS.get(fact.what)
    if topic and topic.firm and fact.status == "planned":
        return "firm"
    if fact.status in {"planned", "target"}:
        return "ahead"
    return "firm" if fact.status in {"reported", "contracted"} else fact.status


def _measure(fact: Fact) -> str:
    """What can be compared: money with money, kWh with kWh."""
    return fact.kind if fact.kind == "money" else f"{fact.kind} {fact.amount.unit}"


def _key(fact: Fact) -> type_of_key:
    return fact.entity, fact.what, _measure(fact), _class(fact), fact.part, ""


def _same_time(left: Days | None, right: Days | None, *, stock: bool) -> bool:
    """Whether two periods are one: equal, or one within the other for what stands at a day."""
    if left is None or right is None:
        return left is right
    if left == right:
        return True
    return stock and (
        (left.first <= right.first and right.last <= left.last)
        or (right.first <= left.first and left.last <= right.last)
    )


def _by_time(facts: Sequence[Fact], *, stock: bool) -> list[list[Fact]]:
    """Facts of one kind, by periods; those without join where the others have one period only."""
    groups: list[list[Fact]] = []
    for fact in (one for one in facts if one.period):
        home = next(
            (group for group in groups if _same_time(group[0].period, fact.period, stock=stock)), None
        )
        if home is None:
            groups.append([fact])
        else:
            home.append(fact)
    timeless = [one for one in facts if not one.period]
    if timeless and len(groups) == 1:
        groups[0] += timeless
    elif timeless:
        groups.append(timeless)
    return groups


def _by_other(facts: Sequence[Fact]) -> list[list[Fact]]:
    """By the other party; facts that name none join where there is one only."""
    named: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        named[fact.other].append(fact)
    nobody = named.pop("", [])
    groups = list(named.values())
    if nobody and len(groups) == 1:
        groups[0] += nobody
    elif nobody:
        groups.append(nobody)
    return groups


def statements(facts: Sequence[Fact], groups: Sequence[Sequence[str]] = ()) -> tuple[Statement, ...]:
    """Each fact once.

    Args:
        facts: of all documents, their entities resolved.
        groups: documents that are copies of one text.
    """
    leader = {name: group[0] for group in groups for name in group}
    by_key: dict[type_of_key, list[Fact]] = defaultdict(list)
    for fact in facts:
        if not fact.negated and fact.entity:
            by_key[_key(fact)].append(fact)
    found = []
    for own in by_key.values():
        topic = TOPICS.get(own[0].what)
        for party in _by_other(own):
            for same in _by_time(party, stock=bool(topic and topic.stock)):
                first = same[0]
                sources = {leader.get(one.document, one.document) for one in same}
                period = next((one.period for one in same if one.period), None)
                other = next((one.other for one in same if one.other), "")
                found.append(
                    Statement(
                        entity=first.entity,
                        what=first.what,
                        kind=first.kind,
                        facts=tuple(same),
                        sources=len(sources),
                        status=first.status,
                        other=other,
                        part=first.part,
                        period=period,
                    )
                )
    return tuple(found)


def _contradicted(statement: Statement, rates: Mapping[tuple[str, str], Decimal]) -> list[Contradiction]:
    """Pairs of documents of which no values agree."""
    by_document: dict[str, list[Fact]] = defaultdict(list)
    for fact in statement.facts:
        by_document[fact.document].append(fact)
    found = []
    for one, two in combinations(by_document.values(), 2):
        pairs = [(left, right) for left in one for right in two]
        if any(compatible(left, right, rates) for left, right in pairs):
            continue
        left, right = pairs[0]
        why = f"{left.evidence.quote} in {left.document}, {right.evidence.quote} in {right.document}"
        found.append(Contradiction(statement, left, right, why))
    return found


def reconcile(
    facts: Sequence[Fact],
    articles: Sequence[Article] = (),
    *,
    rates: Mapping[tuple[str, str], Decimal] | None = None,
) -> Reconciled:
    """What the documents say together.

    Args:
        facts: of all documents, their entities resolved.
        articles: their texts, to see copies; a copied story counts as one source.
        rates: (from, to) -> units of the second currency for one of the first. Amounts in two currencies
            without a rate are not compared.
    """
    groups = copies(articles)
    every = statements(facts, groups)
    clashes = [clash for statement in every for clash in _contradicted(statement, rates or {})]
    return Reconciled(every, tuple(clashes), groups)


def contradictions(
    facts: Sequence[Fact],
    articles: Sequence[Article] = (),
    *,
    rates: Mapping[tuple[str, str], Decimal] | None = None,
) -> tuple[Contradiction, ...]:
    """The pairs of facts that cannot both be true."""
    return reconcile(facts, articles, rates=rates).contradictions
