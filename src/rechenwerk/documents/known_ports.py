"""Suppliers and customers that an organisation knows: by name, with their accounts and VAT ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

KINDS = ("iban", "vat_id")
"""Types of fields whose numbers are known."""


class OwnNumber(msgspec.Struct, frozen=True):
    """A number of an entity.

    Attributes:
        kind: iban or vat_id.
        number: without blanks.
        document: that a person confirmed it in; 0: it was imported.
    """

    kind: str
    number: str
    document: int = 0


class Entity(msgspec.Struct, frozen=True):
    """Somebody whom the organisation knows.

    Attributes:
        made_by, changed_at: who told it first, and when it changed last.
    """

    id: int
    name: str
    numbers: tuple[OwnNumber, ...]
    made_by: str
    made_at: datetime
    changed_at: datetime


class Told(msgspec.Struct, frozen=True):
    """A name with numbers, as somebody tells it."""

    name: str
    numbers: tuple[OwnNumber, ...]


class KnownChange(msgspec.Struct, frozen=True):
    """What becomes of the entities: new ones, id -> what it is now, and ids of those that are forgotten."""

    add: Sequence[Told] = ()
    change: Mapping[int, Told] = {}
    remove: Sequence[int] = ()


class KnownEntities(Protocol):
    """Entities of an organisation."""

    async def stamp(self, organisation_id: int) -> str:
        """Another one whenever they have changed."""
        ...

    async def entities(self, organisation_id: int) -> list[Entity]:
        """All, in the order in which they were told."""
        ...

    async def change(
        self, organisation_id: int, by: str, reckon: Callable[[Sequence[Entity]], KnownChange]
    ) -> KnownChange:
        """Change them, from what they are; one after the other within an organisation."""
        ...

    async def remove(self, organisation_id: int, entity_id: int) -> bool:
        """Forget one; False where there is none."""
        ...
