"""Arithmetic between amounts: which candidates add up, so that each proves the others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from rechenwerk.documents.checking.evidence import Proof
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.labels import NONE, STRONG
from rechenwerk.documents.values import Value

CENT = Decimal("0.01")
MOST = 14
"""Candidates of one field that are tried in sums."""


class Sum(msgspec.Struct, frozen=True):
    """Candidates that add up.

    Args:
        parts: amounts in the order of the rule's fields; several tax amounts are one sum.
        proofs: for each field the candidate, None where several make up the part.
        strength: of the labels, together.
    """

    parts: tuple[Decimal, ...]
    proofs: tuple[Proof | None, ...]
    strength: int


def amount_of(value: Value) -> Decimal | None:
    """The amount of money or the number of a value; None for a range or no number."""
    if not isinstance(value.value, dict) or "upper" in value.value:
        return None
    written = value.value.get("amount", value.value.get("number"))
    return None if written is None else Decimal(written)


def usable(proofs: Sequence[Proof]) -> list[tuple[Decimal, Proof]]:
    """Candidates whose only doubt may be that their label is weak; for each amount the best."""
    best: dict[Decimal, Proof] = {}
    for proof in proofs:
        amount = amount_of(proof.value)
        if amount is None or proof.role.strength <= NONE or not _sound(proof):
            continue
        if amount not in best or best[amount].role.strength < proof.role.strength:
            best[amount] = proof
    ranked = sorted(
        best.items(), key=lambda item: (-item[1].role.strength, item[1].role.relation in {"column", "above"})
    )
    return ranked[:MOST]


def _sound(proof: Proof) -> bool:
    return all(reason.startswith("role:") for reason in proof.value.reasons)


def three(
    first: Sequence[Proof], second: Sequence[Proof], total: Sequence[Proof], *, share: Decimal | None = None
) -> Sum | None:
    """The one way in which candidates of two fields add up to a third's.

    Where several do (a table by tax rate and its total), the one that is the sum of the others; else the
    strongest, if it is alone.

    Args:
        first: candidates of the first part.
        second: candidates of the second part.
        total: candidates of the sum.
        share: the most that the second is of the first, where there is a bound (a tax).
    """
    firsts, seconds, totals = usable(first), usable(second), usable(total)
    found: list[Sum] = []
    for (one, one_proof), (whole, whole_proof) in itertools.product(firsts, totals):
        wanted = whole - one
        for other, other_proof in seconds:
            if share is not None and abs(other) > share * abs(one):
                continue
            if other == wanted and not _same_place(one_proof, other_proof, whole_proof):
                found.append(_sum((one, other, whole), (one_proof, other_proof, whole_proof)))
        several = _several(wanted, seconds, one_proof)
        if several and (share is None or abs(wanted) <= share * abs(one)):
            found.append(_sum((one, wanted, whole), (one_proof, None, whole_proof)))
    return _chosen(found)


def _several(wanted: Decimal, seconds: list[tuple[Decimal, Proof]], first: Proof) -> bool:
    """Whether two or three amounts of one field together make the part: tax at several rates.

    All of them have one sign and stand under the same words, rates aside; an amount that a label in its own
    line names is one of them: a total of the field that is left out speaks against it.
    """
    if first.role.strength < STRONG:
        return False
    amounts = [(amount, proof.role) for amount, proof in seconds if proof.role.strength == STRONG and amount]
    if wanted in {amount for amount, _ in amounts}:
        return False
    named = {amount for amount, role in amounts if role.relation in {"inline", "left"}}
    for count in (2, 3):
        for some in itertools.combinations(amounts, count):
            alike = len({(amount > 0, _words(role.phrase)) for amount, role in some}) == 1
            if alike and sum(amount for amount, _ in some) == wanted and named <= {one for one, _ in some}:
                return True
    return False


def _words(phrase: str) -> str:
    """The words of a label without its numbers: 'USt 19 % auf 100,00' and 'USt 7 % auf 50,00' are alike."""
    return key("".join(letter for letter in phrase if not letter.isdigit()))


def _same_place(*proofs: Proof) -> bool:
    places = [(proof.value.evidence.start if proof.value.evidence else -1) for proof in proofs]
    return len(set(places)) < len(places)


def _sum(parts: tuple[Decimal, ...], proofs: tuple[Proof | None, ...]) -> Sum:
    return Sum(parts, proofs, sum(proof.role.strength for proof in proofs if proof is not None))


def _chosen(found: list[Sum]) -> Sum | None:
    distinct: dict[tuple[Decimal, ...], Sum] = {}
    for one in found:
        kept = distinct.get(one.parts)
        if kept is None or (None in kept.proofs, -kept.strength) > (None in one.proofs, -one.strength):
            distinct[one.parts] = one
    sums = list(distinct.values())
    if len(sums) <= 1:
        return sums[0] if sums else None
    for one in sums:
        others = [other for other in sums if other is not one]
        if all(sum(other.parts[at] for other in others) == one.parts[at] for at in range(len(one.parts))):
            return one
    sums = [one for one in sums if None not in one.proofs] or sums
    best = max(one.strength for one in sums)
    leaders = [one for one in sums if one.strength == best]
    return leaders[0] if len(leaders) == 1 else None
