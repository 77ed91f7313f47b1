"""Known entities: a name together with the accounts and VAT ids that it had before.

An invoice with another account than before may be forged: nothing in the document is wrong, and only
somebody who knows the supplier sees it. What differs from what is known goes to a person; a name that rests
on its place alone is confirmed by a number that is known to be its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from rechenwerk.documents.checking.evidence import unproven
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.schemas import Field, Rule, Schema
from rechenwerk.documents.values import Value

_PLACED = ("role:", "rival:")
"""Doubts about a name that a number of its own takes away."""


class Known(msgspec.Struct, frozen=True):
    """An entity that an organisation knows.

    Args:
        name: as documents write it.
        ibans, vat_ids: its own; how they are spaced does not matter. Empty: not known.
    """

    name: str
    ibans: tuple[str, ...] = ()
    vat_ids: tuple[str, ...] = ()

    def numbers(self, kind: str) -> frozenset[str]:
        """Its numbers of a field's type."""
        told = {"iban": self.ibans, "vat_id": self.vat_ids}.get(kind, ())
        return frozenset(re.sub(r"[\s./-]", "", number).upper() for number in told)


Finder = Callable[[str, str], Value]
"""Looks a known name up in the document as a field's value: (field, name) -> the checked value."""


def against_known(
    schema: Schema, values: Sequence[Value], known: Sequence[Known], find: Finder
) -> tuple[Value, ...]:
    """The values after the schema's cross-checks of kind 'known'.

    Args:
        schema: its rules name a field with a name first, then fields of type iban and vat_id.
        values: of the document.
        known: the entities that the organisation knows; none checks nothing.
        find: where a known name stands in the document.
    """
    by_path = {value.field: value for value in values}
    fields = {field.name: field for field in schema.fields}
    for rule in schema.rules:
        if rule.kind == "known" and known and set(rule.fields) <= by_path.keys():
            by_path |= _checked(rule, fields, by_path, known, find)
    return tuple(by_path[value.field] for value in values)


def _checked(
    rule: Rule,
    fields: Mapping[str, Field],
    by_path: Mapping[str, Value],
    known: Sequence[Known],
    find: Finder,
) -> dict[str, Value]:
    name, *paths = rule.fields
    changed = {name: by_path[name]}
    for path in paths:
        kind, value = fields[path].type, by_path[path]
        if value.state != "proven" or not isinstance(value.value, str):
            continue
        named = [one for one in known if _same_name(one.name, changed[name].value)]
        owners = [one for one in known if value.value in one.numbers(kind)]
        if len(owners) == 1 and changed[name].value is None:
            found = find(name, owners[0].name)
            changed[name] = _confirmed(found, path, value.value) if found.evidence else changed[name]
        elif any(one in owners for one in named):
            changed[name] = _confirmed(changed[name], path, value.value)
        elif owners:
            reason = f"known: {value.value} belongs to '{owners[0].name}'"
            changed |= {path: unproven(value, reason), name: _doubted(changed[name], reason)}
        elif any(one.numbers(kind) for one in named):
            before = ", ".join(sorted(number for one in named for number in one.numbers(kind)))
            changed[path] = unproven(value, f"known: '{named[0].name}' had {before} before")
    return changed


def _same_name(one: str, other: object) -> bool:
    return isinstance(other, str) and bool(key(one)) and key(one) == key(other)


def _confirmed(value: Value, path: str, number: str) -> Value:
    """A name whose number is its own: doubts about its place are gone."""
    if value.state == "absent" or not all(reason.startswith(_PLACED) for reason in value.reasons):
        return value
    return msgspec.structs.replace(value, state="proven", reasons=(f"known: its {path} is {number}",))


def _doubted(value: Value, reason: str) -> Value:
    return unproven(value, reason) if value.state == "proven" else value
