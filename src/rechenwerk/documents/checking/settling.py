"""From checked candidates to the values of a document: rank, rivals, cross-checks, absence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from rechenwerk.documents.checking.evidence import Proof, unproven
from rechenwerk.documents.checking.labels import NONE, PROSE, WEAK
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.sums import CENT, Sum, amount_of, three
from rechenwerk.documents.checking.terms import by_terms
from rechenwerk.documents.checking.typed import same
from rechenwerk.documents.figures import iban_valid, vat_id_valid
from rechenwerk.documents.schemas import Field, Rule, Schema
from rechenwerk.documents.values import Value

_HIGHEST_TAX = Decimal("0.30")
"""No rate of VAT in Europe is higher than 27 %."""
_LISTED = 160
"""Characters between two accounts of one list."""
_BANK = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_MISREAD = 2
"""Signs of an account or a VAT id that a misprint or a scan changes at most."""
_SHOWN = 3
"""Rivals that a reason shows."""


class Settled(msgspec.Struct, frozen=True):
    """The values of a document's single fields.

    Args:
        values: by field; every field has one.
        confirmed: fields whose value a passed cross-check confirms.
    """

    values: dict[str, Value]
    confirmed: frozenset[str]


def settle(
    reading: Reading,
    schema: Schema,
    candidates: Mapping[str, Sequence[Proof]],
    mentioned: Mapping[str, str],
    item_sums: Mapping[str, Decimal],
) -> Settled:
    """Choose a value for every single field.

    Args:
        reading: the document.
        schema: what was asked for.
        candidates: checked claims by field.
        mentioned: fields whose label stands in the document although no candidate does, with the label.
        item_sums: for columns of rows ('items.amount') the sum of their values, where all rows are proven.
    """
    chosen: dict[str, Value] = {}
    confirmed: set[str] = set()
    failed: dict[str, str] = {}
    for rule in schema.rules:
        found = _sum_of(schema, rule, candidates)
        if found is None:
            failed |= _no_sum(rule, candidates)
            continue
        for path, proof in zip(rule.fields, found.proofs, strict=True):
            if proof is not None and path not in chosen:
                chosen[path] = _confirmed(proof, rule, found)
                confirmed.add(path)
    for rule in schema.rules:
        _by_items(schema, rule, candidates, item_sums, chosen, confirmed)
    for field in schema.fields:
        if field.type != "rows" and field.name not in chosen:
            proofs = candidates.get(field.name, ())
            best = _best(field, proofs, mentioned.get(field.name, ""))
            doubt = failed.get(field.name, "")
            chosen[field.name] = unproven(best, doubt) if doubt and best.state == "proven" else best
    for rule in schema.rules:
        _by_term(reading, schema, rule, chosen)
    for rule in schema.rules:
        _cross(rule, chosen, confirmed)
    return Settled(chosen, frozenset(confirmed))


def _sum_of(schema: Schema, rule: Rule, candidates: Mapping[str, Sequence[Proof]]) -> Sum | None:
    if rule.kind != "sum" or len(rule.fields) != 3 or any("." in path for path in rule.fields):
        return None
    first, second, total = (candidates.get(path, ()) for path in rule.fields)
    taxes = {one.fields[-1] for one in schema.rules if one.kind == "tax"}
    return three(first, second, total, share=_HIGHEST_TAX if rule.fields[1] in taxes else None)


def _no_sum(rule: Rule, candidates: Mapping[str, Sequence[Proof]]) -> dict[str, str]:
    """Fields whose amounts do not add up although the document says all of them, with the reason."""
    if rule.kind != "sum" or len(rule.fields) != 3 or any("." in path for path in rule.fields):
        return {}
    first, second, total = (
        {
            abs(amount)
            for proof in candidates.get(path, ())
            if proof.role.strength >= PROSE and (amount := amount_of(proof.value))
        }
        for path in rule.fields
    )
    # a prepayment that is deducted is written with a minus or without
    if not (first and second and total) or any(one + other in total for one in first for other in second):
        return {}
    words = f"sum: no amounts of {', '.join(rule.fields[:-1])} and {rule.fields[-1]} add up"
    return dict.fromkeys(rule.fields, words)


def _confirmed(proof: Proof, rule: Rule, found: Sum) -> Value:
    """A value whose weak label does not matter, because it adds up."""
    words = " + ".join(f"{part}" for part in found.parts[:-1])
    said = f"sum: {' + '.join(rule.fields[:-1])} = {rule.fields[-1]} ({words} = {found.parts[-1]})"
    return msgspec.structs.replace(proof.value, state="proven", reasons=(said,))


def _by_items(
    schema: Schema,
    rule: Rule,
    candidates: Mapping[str, Sequence[Proof]],
    item_sums: Mapping[str, Decimal],
    chosen: dict[str, Value],
    confirmed: set[str],
) -> None:
    """A total that is the sum of a column of rows."""
    if rule.kind != "sum" or len(rule.fields) != 2 or rule.fields[0] not in item_sums:
        return
    column, path = rule.fields
    taxed = any(
        proof.role.strength > NONE
        for other in schema.rules
        if other.kind == "tax"
        for name in other.fields[1:]
        for proof in candidates.get(name, ())
    )
    fitting = [
        proof
        for proof in candidates.get(path, ())
        if amount_of(proof.value) == item_sums[column]
        and proof.role.strength >= (PROSE if taxed else WEAK)
        and all(reason.startswith("role:") for reason in proof.value.reasons)
    ]
    weak = {
        amount_of(proof.value)
        for proof in candidates.get(path, ())
        if proof.role.strength > NONE and proof.role.relation != "column"
    }
    if fitting and max(proof.role.strength for proof in fitting) <= WEAK and len(weak) > 1:
        return  # a discount or the freight stands between the sum of the items and the total
    if fitting and path not in chosen:
        best = max(fitting, key=lambda proof: proof.role.strength)
        said = f"sum: {column} = {path} ({item_sums[column]})"
        chosen[path] = msgspec.structs.replace(best.value, state="proven", reasons=(said,))
        confirmed.add(path)


def _by_term(reading: Reading, schema: Schema, rule: Rule, chosen: dict[str, Value]) -> None:
    """A date that is said only by the days that the document grants from another."""
    if rule.kind != "term" or not set(rule.fields) <= chosen.keys():
        return
    base, path = rule.fields
    if chosen[path].value is None and chosen[base].state == "proven":
        field = next(one for one in schema.fields if one.name == path)
        proofs = list(by_terms(reading, field, chosen[base]))
        if proofs:
            chosen[path] = _best(field, proofs, "")


def _best(field: Field, proofs: Sequence[Proof], mentioned: str) -> Value:
    """The best candidate, if it is alone on its rank."""
    ranked = sorted(proofs, key=lambda proof: (-_rank(proof), len(proof.value.reasons)))
    ranked = [proof for proof in ranked if proof.role.strength > NONE or proof.value.origin != "rule"]
    if not ranked or _rank(ranked[0]) == 0:
        if ranked:
            return ranked[0].value
        if mentioned:
            reason = f"absent: '{mentioned}' stands in the document, but no value was found for it"
            return Value(field.name, None, "unproven", "rule", None, (reason,))
        return Value(field.name, None, "absent", "rule")
    first = ranked[0]
    rivals: list[Proof] = []
    for proof in ranked[1:]:
        known = [first, *rivals]
        other = _said(proof)
        if (
            other is not None
            and _rank(proof) == _rank(first)
            and not any(same(other, one.value.value) for one in known)
            and not any(_misread(other, _said(one)) for one in ranked)
        ):
            rivals.append(proof)
    if rivals and not _accounts(field, [first, *rivals]):
        return unproven(first.value, *(_rival(proof) for proof in rivals[:_SHOWN]))
    if first.role.relation == "column" and field.type == "money" and first.value.state == "proven":
        return unproven(first.value, f"role: a column '{first.role.phrase}' alone makes no total")
    if first.role.strength <= WEAK and field.type in {"money", "number"} and first.value.state == "proven":
        return unproven(
            first.value, f"role: '{first.role.phrase}' is a weak label and no cross-check confirms it"
        )
    return first.value


def _said(proof: Proof) -> Any:
    """A candidate's value; of a number whose check digits are wrong, what stands there."""
    value, evidence = proof.value.value, proof.value.evidence
    if value is None and evidence is not None and any("check digits" in why for why in proof.value.reasons):
        return re.sub(r"[^A-Z0-9]", "", evidence.quote.upper())
    return value


def _misread(one: Any, other: Any) -> bool:
    """Whether a number with wrong check digits may be another with right ones, misread or cut off."""
    if not isinstance(one, str) or not isinstance(other, str) or one == other:
        return False
    if iban_valid(one) or vat_id_valid(one) or not (iban_valid(other) or vat_id_valid(other)):
        return False
    differ = sum(left != right for left, right in zip(one, other, strict=False))
    return other.startswith(one) or (len(one) == len(other) and differ <= _MISREAD)


def _accounts(field: Field, proofs: Sequence[Proof]) -> bool:
    """Whether they are the accounts of one party, listed beside each other: the first may be paid to."""
    quotes = [proof.value.evidence for proof in proofs if proof.value.evidence is not None]
    if len(quotes) < len(proofs) or any(proof.value.state != "proven" for proof in proofs):
        return False
    banks = all(_BANK.fullmatch(quote.quote) for quote in quotes)
    ordered = sorted(quotes, key=lambda quote: quote.start)
    near = all(later.start - one.end <= _LISTED for one, later in pairwise(ordered))
    return near and (field.type == "iban" or banks)


def _rank(proof: Proof) -> int:
    """Of a candidate: its label's strength, less one where something else is wrong."""
    strength = max(proof.role.strength, NONE)
    wrong = [reason for reason in proof.value.reasons if not reason.startswith(("role:", "ocr:"))]
    return 0 if wrong and strength < PROSE else strength


def _rival(proof: Proof) -> str:
    evidence = proof.value.evidence
    quote = evidence.quote if evidence is not None else str(proof.value.value)
    return f"rival: '{quote}' (page {evidence.page if evidence else 0}) has the same rank"


def _cross(rule: Rule, chosen: dict[str, Value], confirmed: set[str]) -> None:
    """A cross-check: all values that fail it together lose their proof."""
    paths = [path for path in rule.fields if path in chosen and chosen[path].value is not None]
    if len(paths) < len(rule.fields):
        return
    values = [chosen[path] for path in rule.fields]
    if any(value.state != "proven" for value in values):
        return
    fault = _fault(rule, values, confirmed)
    if fault:
        for path in rule.fields:
            if rule.kind == "sum" or path not in confirmed:
                chosen[path] = unproven(chosen[path], fault)
                confirmed.discard(path)


def _fault(rule: Rule, values: list[Value], confirmed: set[str]) -> str:
    """What a cross-check finds wrong; '' where it passes."""
    match rule.kind:
        case "sum":
            return "" if set(rule.fields) <= confirmed else _sum_fault(values)
        case "tax":
            return _tax_fault(values)
        case "order":
            return _order_fault(values)
        case "differ":
            if same(_compact(values[0].value), _compact(values[1].value)):
                return f"differ: {rule.fields[0]} and {rule.fields[1]} are the same"
    return ""


def _sum_fault(values: list[Value]) -> str:
    amounts = [amount_of(value) for value in values]
    parts = [amount for amount in amounts if amount is not None]
    if len(parts) < len(amounts):
        return ""
    if (
        abs(sum(parts[:-1], Decimal(0)) - parts[-1]) <= CENT
        or abs(sum(map(abs, parts[:-1])) - abs(parts[-1])) <= CENT
    ):
        return ""
    return f"sum: {' + '.join(map(str, parts[:-1]))} is not {parts[-1]}"


def _tax_fault(values: list[Value]) -> str:
    net, rate, tax = (amount_of(value) for value in values)
    if net is None or rate is None or tax is None:
        return ""
    if abs(net * rate / 100 - tax) <= 2 * CENT + abs(net) / 20000:
        return ""
    return f"tax: {rate} % of {net} is not {tax}"


def _order_fault(values: list[Value]) -> str:
    days = [date.fromisoformat(value.value) for value in values if isinstance(value.value, str)]
    if days == sorted(days):
        return ""
    return f"order: {' is not before '.join(day.isoformat() for day in days)}"


def _compact(value: Any) -> Any:
    return "".join(value.casefold().split()) if isinstance(value, str) else value
