"""The values of a document by a schema: e-invoice, rules, trained extractor, model, each of them checked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.documents.checking.evidence import Claim, Proof, unproven
from rechenwerk.documents.checking.known import Known, against_known
from rechenwerk.documents.checking.labels import NEVER, NONE, PROSE, WEAK, FieldWords
from rechenwerk.documents.checking.roles import Role
from rechenwerk.documents.checking.typed import KINDS, agrees, same
from rechenwerk.documents.extracting.companions import HIDDEN
from rechenwerk.documents.extracting.desk import Candidates, Desk
from rechenwerk.documents.extracting.invoice_xml import values_of
from rechenwerk.documents.extracting.ports import Trained
from rechenwerk.documents.extracting.questions import Open, choices, choose
from rechenwerk.documents.ports import Asker
from rechenwerk.documents.schemas import Field, Schema
from rechenwerk.documents.values import Parsed, Value

Tables = Mapping[str, list[list[Value]]]
_DOUBTS = ("role:", "rival:", "sum:")
_FAULTS = ("digits:", "currency:", "ocr:", "sign:", "place:", "quoted:", "negation:", "planned:", "type:")
"""Reasons that an e-invoice which says the same does not answer."""
SURE = 0.95
"""Confidence from which a trained extractor gives a place its role where no label does."""


def by_rules(parsed: Parsed, schema: Schema, today: date | None = None) -> tuple[Value, ...]:
    """The values that rules find, all checked.

    Args:
        parsed: the document.
        schema: what is asked for.
        today: the document's date, for relative dates; None where unknown.
    """
    desk, _, tables, singles = _by_rules(parsed, schema, None, today)
    return desk.all_values(singles, tables)


async def extract(
    parsed: Parsed,
    schema: Schema,
    asker: Asker | None = None,
    trained: Trained | None = None,
    *,
    purpose: str = "extract",
    today: date | None = None,
    known: Sequence[Known] = (),
) -> tuple[Value, ...]:
    """The values of a document, all of them checked.

    Args:
        parsed: the document.
        schema: what is asked for.
        asker: a model for what rules leave open; None for none.
        trained: the organisation's own extractor; None for none.
        purpose: of the questions, unique within the job.
        today: the document's date, for relative dates; None where unknown.
        known: entities that the organisation knows, for cross-checks of kind 'known'.

    Returns:
        A value for every field (of rows: for every cell), in the schema's order. Where the model could not
        answer, the values are what rules found, and the reason says so.
    """
    # In a thread: a worker that reads a long document still tells that it lives.
    desk, candidates, tables, singles = await asyncio.to_thread(_by_rules, parsed, schema, trained, today)
    if asker is not None:
        try:
            proposed = await _ask(desk, candidates, singles, asker, purpose)
            if proposed:
                singles = await asyncio.to_thread(_filled, desk, candidates, tables, singles, proposed)
        except ModelRefusedError as error:
            singles = {name: _unanswered(value, str(error)) for name, value in singles.items()}
    return await asyncio.to_thread(_finished, desk, singles, tables, known)


def _by_rules(
    parsed: Parsed, schema: Schema, trained: Trained | None, today: date | None
) -> tuple[Desk, Candidates, Tables, dict[str, Value]]:
    """What needs no model: the document on its desk, candidates, rows and what they settle."""
    desk = Desk(parsed, schema, today)
    candidates = desk.candidates()
    if trained is not None:
        _add_trained(desk, candidates, trained)
    tables = desk.tables()
    return desk, candidates, tables, desk.settled(candidates, tables)


def _finished(
    desk: Desk, singles: Mapping[str, Value], tables: Tables, known: Sequence[Known]
) -> tuple[Value, ...]:
    """All values, beside what the XML of an e-invoice and known entities say."""
    values = desk.all_values(singles, tables)
    said = values_of(desk.reading.parsed.invoice)
    if said:
        values = tuple(_with_xml(desk, value, said) for value in values)
    return against_known(desk.schema, values, known, lambda path, name: _stands(desk, path, name))


def _stands(desk: Desk, path: str, name: str) -> Value:
    """A known name as a field's value, where the document says it."""
    return desk.prove(desk.fields[path], Claim(path, name, "rule", role=Role(PROSE, "known"))).value


def _unanswered(value: Value, error: str) -> Value:
    return unproven(value, f"model: {error}") if value.state == "unproven" else value


def _add_trained(desk: Desk, candidates: Candidates, trained: Trained) -> None:
    """What a trained extractor found: it confirms a weak label, and gives a role where it is sure."""
    for found in trained.find(desk.reading.text, desk.reading.layout.words):
        field = desk.fields.get(found.field)
        if field is None or field.type == "rows":
            continue
        claim = Claim(field.name, "", "trained", None, found.start, found.end)
        proof = desk.prove(field, claim)
        if proof.role.strength == NEVER:
            continue
        # Nothing that could be its label is no evidence of a role, however sure the extractor is.
        if proof.role.strength <= WEAK and proof.role.phrase and found.confidence >= SURE:
            proof = desk.prove(field, _with_role(claim, proof, "trained"))
        candidates[field.name] = _joined(candidates[field.name], proof)


def _with_role(claim: Claim, proof: Proof, relation: str) -> Claim:
    """The claim with the role that a second reader gives to it; the words that govern it are its label."""
    role = msgspec.structs.replace(proof.role, strength=PROSE, relation=relation)
    return msgspec.structs.replace(claim, role=role)


def _joined(proofs: list[Proof], added: Proof) -> list[Proof]:
    """Candidates with one more; at the same place the stronger one stays."""
    place = added.value.evidence
    kept = [
        proof
        for proof in proofs
        if proof.value.evidence is None
        or place is None
        or (proof.value.evidence.start, proof.value.evidence.end) != (place.start, place.end)
        or proof.role.strength > added.role.strength
    ]
    stronger = any(
        proof.role.strength > added.role.strength and proof.value.evidence == place for proof in kept
    )
    return kept if stronger else [*kept, added]


async def _ask(
    desk: Desk, candidates: Candidates, singles: Mapping[str, Value], asker: Asker, purpose: str
) -> dict[str, Proof]:
    """What a model proposes for fields that are open, checked; required fields are asked for first."""
    opened = []
    for field in desk.singles():
        value = singles[field.name]
        if field.name.startswith(HIDDEN) or value.state == "proven" or _is_failed(value):
            continue
        offered = choices(desk.reading, _offered(desk, field, candidates))
        hinted = any(proof.role.strength > NONE for proof in offered)
        if offered and (field.required or hinted):
            opened.append(Open(field, offered))
    if not opened:
        return {}
    opened.sort(key=lambda one: not one.field.required)
    chosen = await choose(asker, desk.reading, opened, purpose)
    return {
        one.field.name: _proposed(desk, one, proof)
        for one in opened
        if (proof := chosen.get(one.field.name)) is not None and proof.value.evidence is not None
    }


def _is_failed(value: Value) -> bool:
    """Whether a cross-check speaks against a value: no choice of a line answers that."""
    return any(reason.startswith(("sum:", "tax:", "order:", "differ:")) for reason in value.reasons)


def _proposed(desk: Desk, asked: Open, chosen: Proof) -> Proof:
    """A model's choice as a claim of its own, checked."""
    evidence = chosen.value.evidence
    assert evidence is not None
    claim = Claim(asked.field.name, "", "model", None, evidence.start, evidence.end)
    proof = desk.prove(asked.field, claim)
    if _believed(desk.words[asked.field.name], proof, asked.proofs):
        proof = desk.prove(asked.field, _with_role(claim, proof, "model"))
    return proof


def _filled(
    desk: Desk,
    candidates: Candidates,
    tables: Tables,
    singles: Mapping[str, Value],
    proposed: Mapping[str, Proof],
) -> dict[str, Value]:
    """The values with what a model's proposals prove; what was proven without it stays as it is.

    A proven value goes into the cross-checks alone, so that nothing proposed can be its rival; a proposal
    that fails one beside it is not proven.
    """
    known = {
        name: _joined(proofs, proposed[name]) if name in proposed else list(proofs)
        for name, proofs in candidates.items()
    }
    for name, value in singles.items():
        if value.state == "proven":
            known[name] = [proof for proof in candidates[name] if proof.value.evidence == value.evidence]
    again = desk.settled(known, tables)
    return {name: _better(value, again[name]) for name, value in singles.items()}


def _better(value: Value, other: Value) -> Value:
    """The other where it fills what was open: it is proven, or shows a person something where nothing was."""
    if value.state == "proven":
        return value
    return other if other.state == "proven" or value.value is None else value


def _offered(desk: Desk, field: Field, candidates: Candidates) -> list[Proof]:
    """Candidates by rules; for texts also what stands beside any label that the schema does not know."""
    if field.type in KINDS or candidates[field.name]:
        return candidates[field.name]
    if field.type != "text" or field.shape:
        return []
    found = []
    for piece in desk.reading.layout.pieces:
        text = desk.reading.text[piece.start : piece.end]
        colon = text.find(": ")
        if 0 < colon < len(text) - 2:
            claim = Claim(field.name, "", "model", None, piece.start + colon + 2, piece.end)
            found.append(desk.prove(field, claim))
    return found


def _believed(words: FieldWords, proof: Proof, offered: Sequence[Proof]) -> bool:
    """Whether a model's choice may stand in for a label.

    Its place is governed by words that share a stem with the field's labels, and no other candidate is
    governed by the same words.
    """
    role = proof.role
    if role.strength == NEVER or role.strength > WEAK or not role.phrase:
        return False
    alike = [
        one
        for one in offered
        if one.role.phrase == role.phrase and not same(one.value.value, proof.value.value)
    ]
    return not alike and words.touches(role.phrase)


def _with_xml(desk: Desk, value: Value, said: Mapping[str, Any]) -> Value:
    """A value beside what the XML says: it confirms, contradicts, or gives what rules left open."""
    claimed = said.get(value.field)
    if claimed is None:
        return value
    field = _field_of(desk, value.field)
    if value.value is not None and value.evidence is not None and agrees(field, claimed, value.value):
        reasons = tuple(reason for reason in value.reasons if not reason.startswith(_DOUBTS))
        wrong = any(reason.startswith(_FAULTS) for reason in reasons)
        state = "unproven" if wrong else "proven"
        return msgspec.structs.replace(value, state=state, origin="xml", reasons=reasons)
    if value.state == "proven":
        return unproven(value, f"xml: the e-invoice says {_shown(claimed)}")
    return _from_xml(desk, field, value, claimed)


def _from_xml(desk: Desk, field: Field, value: Value, claimed: Any) -> Value:
    """The XML's value, proven where the page says it, too."""
    role = Role(PROSE, "xml", 0, 0, "the XML of the e-invoice")
    kinds = KINDS.get(field.type)
    spans = (
        [(mark.start, mark.end) for mark in desk.reading.marks if mark.kind in kinds]
        if kinds is not None
        else [(-1, -1)]
    )
    words = FieldWords(field)
    for start, end in spans:
        quote = claimed if isinstance(claimed, str) and start < 0 else ""
        claim = Claim(value.field, quote, "xml", claimed, start, end, role)
        proof = desk.prove_as(field, words, claim)
        if proof.value.state == "proven":
            return proof.value
    return Value(value.field, claimed, "unproven", "xml", None, ("xml: the page does not say it",))


def _field_of(desk: Desk, path: str) -> Field:
    head, *rest = path.split(".")
    field = desk.fields[head]
    return next(column for column in field.fields if column.name == rest[-1]) if rest else field


def _shown(claimed: Any) -> str:
    if isinstance(claimed, dict):
        return " ".join(str(part) for part in claimed.values() if part)
    return str(claimed)
