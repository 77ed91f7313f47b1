"""Sealed days: values, and what the office needs of them from storage. Named by `Desk.seals`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import msgspec

FORMAT = "rechenwerk-seal-1"
KEY_FORMAT = "rechenwerk-key-1"
NOTHING_BEFORE = "0" * 64
"""What the first statement of an organisation names as the one before it."""


class Signer(Protocol):
    """Whoever signs."""

    @property
    def id(self) -> str:
        """What its public key is called."""
        ...

    @property
    def public(self) -> bytes:
        """32 bytes of Ed25519."""
        ...

    def sign(self, text: bytes) -> bytes:
        """A signature, 64 bytes."""
        ...


class Signing(Protocol):
    """The key of this installation, and how it is replaced."""

    @property
    def key(self) -> Signer:
        """What signs now."""
        ...

    def successor(self) -> Signer:
        """A new key that does not sign yet."""
        ...

    def succeed(self) -> None:
        """From now on the new key signs."""
        ...


def canonical(value: Mapping[str, object]) -> str:
    """A JSON object as RFC 8785 writes it; numbers stand in it as strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hashed(statement: str) -> str:
    """What the next statement names a statement by: its SHA-256, hexadecimal."""
    return hashlib.sha256(statement.encode()).hexdigest()


class SealKey(msgspec.Struct, frozen=True):
    """A public key; `introduced` and `signature`: what the key before it and itself signed to name it."""

    id: str
    public: bytes
    made_at: datetime
    introduced: str | None
    signature: bytes | None


class Seal(msgspec.Struct, frozen=True):
    """A sealed day of an organisation."""

    number: int
    day: date
    leaves: int
    root: bytes
    statement: str
    signature: bytes
    key_id: str
    sealed_at: datetime


class InclusionProof(msgspec.Struct, frozen=True):
    """That a leaf is in a sealed day.

    Attributes:
        leaf: the row with its transfers, as it is hashed.
        index: of the leaf in the day's tree.
        path: hashes beside the way up to the root, lowest first.
        public: the key that signed.
    """

    leaf: str
    index: int
    path: Sequence[bytes]
    seal: Seal
    public: bytes


class Wrong(msgspec.Struct, frozen=True):
    """Something that is not as it was sealed.

    Attributes:
        day: that it was sealed with.
        subject: a call's or voucher's id, or None where the day itself is wrong.
        what: is wrong with it.
    """

    day: date
    subject: int | None
    what: str


class Unsealed(msgspec.Struct, frozen=True):
    """Why a proof cannot be given; a line for people."""

    reason: str


class SealedNow(msgspec.Struct, frozen=True):
    """What sealing came to.

    Attributes:
        seals: so many days of organisations were sealed.
        leaves: in them.
        waiting: why the last days could not be; None when all are.
    """

    seals: int
    leaves: int
    waiting: str | None


class Archived(msgspec.Struct, frozen=True):
    """What the archive of a month has.

    Attributes:
        seals: of its days, oldest first.
        late: calls, vouchers and fees of the month that are sealed with a day of another one.
    """

    seals: Sequence[Seal]
    late: Sequence[int]


class Seals(Protocol):
    """Sealed days of all organisations."""

    async def seal(self, now: datetime, signer: Signer) -> SealedNow:
        """Seal every day that is over."""
        ...

    async def newest(self, organisation_id: int, limit: int, before: int | None) -> list[Seal]:
        """Sealed days of an organisation, newest first, below the number `before`."""
        ...

    async def keys(self) -> list[SealKey]:
        """Every key that ever signed, oldest first."""
        ...

    async def prove(self, organisation_id: int, subject: int) -> InclusionProof | Unsealed | None:
        """That a call, voucher or fee is sealed; None when there is none."""
        ...

    async def chain(self, organisation_id: int) -> list[Seal]:
        """All sealed days of an organisation, oldest first."""
        ...

    async def archived(self, organisation_id: int, first: date, end: date) -> Archived | None:
        """What the archive of a month has; None: some of it waits to be sealed."""
        ...

    def leaves(self, organisation_id: int, seal: Seal) -> AsyncIterator[Sequence[str]]:
        """The rows of a sealed day as they stand now, in the order of its tree; deleted ones are left out."""
        ...

    async def rotate(self, now: datetime, signing: Signing) -> SealKey:
        """Let a new key sign from now on, named by the old one."""
        ...
