"""Routes of sealed days: roots, proofs, keys; and the check of signatures and of the chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.ids import decode_call, encode_call
from rechenwerk.identity.signing import is_signed
from rechenwerk.office.access import BooksRealm, OperatorRealm, Realm
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.seal_ports import (
    KEY_FORMAT,
    NOTHING_BEFORE,
    InclusionProof,
    Seal,
    SealKey,
    Signing,
    Unsealed,
    Wrong,
    canonical,
    hashed,
)
from rechenwerk.office.verify_ports import Check

_SHOWN = 5
"""Wrong rows that a check names; the count says how many there are."""


class RootView(BaseModel):
    """A sealed day: what was signed (`statement`, to be taken byte by byte), and the signature."""

    number: int
    day: date
    leaves: int
    root: str
    statement: str
    signature: str
    key: str
    sealed_at: datetime


class RootsView(BaseModel):
    """Sealed days of an organisation, newest first; `next` is where the older ones begin."""

    organisation: str
    roots: list[RootView]
    next: int | None


class KeyView(BaseModel):
    """A public key (Ed25519, hexadecimal), and what the key before it signed when it took over."""

    id: str
    public: str
    made_at: datetime
    introduced: str | None
    signature: str | None


class KeysView(BaseModel):
    """Every key that ever signed, oldest first; `current` signs now."""

    current: str | None
    keys: list[KeyView]


class ProofView(BaseModel):
    """That a call, voucher or fee is in a sealed day: all that a verifier needs, without the database."""

    format: str = Field(default="rechenwerk-proof-1")
    subject: str
    leaf: str = Field(description="the row with its transfers; its UTF-8 bytes are what is hashed")
    index: int
    path: list[str]
    statement: str
    signature: str
    public: str


class SealedView(BaseModel):
    """What sealing came to; `waiting` says why the last days could not be sealed."""

    seals: int
    leaves: int
    waiting: str | None


def root_view(seal: Seal) -> RootView:
    """A sealed day for the API."""
    return RootView(
        number=seal.number,
        day=seal.day,
        leaves=seal.leaves,
        root=seal.root.hex(),
        statement=seal.statement,
        signature=seal.signature.hex(),
        key=seal.key_id,
        sealed_at=seal.sealed_at,
    )


def key_view(key: SealKey) -> KeyView:
    """A key for the API."""
    return KeyView(
        id=key.id,
        public=key.public.hex(),
        made_at=key.made_at,
        introduced=key.introduced,
        signature=None if key.signature is None else key.signature.hex(),
    )


async def list_roots(
    realm: BooksRealm,
    limit: Annotated[int, Query(ge=1, le=4000)] = 100,
    before: Annotated[int | None, Query(description="only seals below this number")] = None,
) -> RootsView:
    """Sealed days of the organisation, newest first."""
    found = await realm.desk.seals.newest(realm.organisation_id, limit, before)
    return RootsView(
        organisation=realm.organisation,
        roots=[root_view(seal) for seal in found],
        next=found[-1].number if len(found) == limit else None,
    )


async def list_keys(realm: BooksRealm) -> KeysView:
    """Public keys that days were signed with."""
    signing = realm.office.signing
    return KeysView(
        current=None if signing is None else signing.key.id,
        keys=[key_view(key) for key in await realm.desk.seals.keys()],
    )


async def prove(realm: BooksRealm, subject: str) -> ProofView:
    """An inclusion proof of a call (call_...), or of a voucher or fee (its number, below zero)."""
    proof = await realm.desk.seals.prove(realm.organisation_id, _subject(subject))
    if proof is None:
        raise missing("call or voucher", subject)
    if isinstance(proof, Unsealed):
        raise refuse(409, f"{subject} cannot be proved: {proof.reason}", "not_provable", "subject")
    return proof_view(subject, proof)


def proof_view(subject: str, proof: InclusionProof) -> ProofView:
    """A proof for the API."""
    return ProofView(
        subject=subject,
        leaf=proof.leaf,
        index=proof.index,
        path=[one.hex() for one in proof.path],
        statement=proof.seal.statement,
        signature=proof.seal.signature.hex(),
        public=proof.public.hex(),
    )


def _subject(text: str) -> int:
    try:
        found = int(text) if text.startswith("-") else decode_call(text)
    except (RechenwerkError, ValueError):
        example = encode_call(1 << 60)
        raise refuse(
            422,
            f"{text!r} is neither a call such as {example} nor a voucher's number below zero",
            "invalid_value",
            "subject",
        ) from None
    if not -(1 << 63) <= found < 1 << 63:
        raise missing("call or voucher", text)
    return found


async def seal(realm: OperatorRealm) -> SealedView:
    """Seal every day that is over, of all organisations; it also happens by itself."""
    done = await realm.desk.seals.seal(realm.office.now(), _signing(realm).key)
    return SealedView(seals=done.seals, leaves=done.leaves, waiting=done.waiting)


async def rotate(realm: OperatorRealm) -> KeyView:
    """From now on a new key signs; the old one names it, and is deleted."""
    return key_view(await realm.desk.seals.rotate(realm.office.now(), _signing(realm)))


def _signing(realm: Realm) -> Signing:
    signing = realm.office.signing
    if signing is None:
        raise refuse(
            409, "this office has no signing key; start it with `rechenwerk serve`", "no_signing_key"
        )
    return signing


# -- checking -----------------------------------------------------------------------------------------


async def check_seals(realm: Realm, leaves: int, wrong: Sequence[Wrong]) -> list[Check]:
    """What must be true of sealed days; `leaves` and `wrong` are what their rows came to."""
    seals = realm.desk.seals
    rows = [
        f"{one.day}: {'' if one.subject is None else _named(one.subject) + ' '}{one.what}" for one in wrong
    ]
    signing = realm.office.signing
    trusted = trusted_keys(await seals.keys(), None if signing is None else signing.key.public)
    broken = broken_links(await seals.chain(realm.organisation_id), trusted)
    return [
        _check("everything sealed is as it was sealed", rows, f"{leaves} checked"),
        _check(
            "every sealed day is signed and names the one before it", broken, f"keys trusted: {len(trusted)}"
        ),
    ]


def _check(name: str, wrong: Sequence[str], detail: str) -> Check:
    if wrong:
        return Check(name, False, f"{len(wrong)} wrong: {'; '.join(wrong[:_SHOWN])}")
    return Check(name, True, detail)


def _named(subject: int) -> str:
    return f"call {encode_call(subject)}" if subject > 0 else f"voucher {subject}"


def trusted_keys(keys: Sequence[SealKey], public: bytes | None) -> dict[str, bytes]:
    """Keys by id whose signatures count: the one that signs now, and those that handed over to it.

    A key hands over by signing, together with its successor, a statement that names both. Without a key
    of ours (`public`) everything in the database is believed: what is left to check is that it agrees.
    """
    if public is None:
        return {key.id: key.public for key in keys}
    trusted: dict[str, bytes] = {}
    wanted: bytes | None = public
    while wanted is not None:
        held = next((key for key in keys if key.public == wanted), None)
        if held is None or held.id in trusted:
            break
        trusted[held.id] = held.public
        wanted = _before(held)
    return trusted


def _before(key: SealKey) -> bytes | None:
    """The key that handed over to this one."""
    if key.introduced is None or key.signature is None:
        return None
    try:
        said = json.loads(key.introduced)
        old, new = bytes.fromhex(said["old"]), bytes.fromhex(said["new"])
    except (ValueError, KeyError, TypeError):
        return None
    text = key.introduced.encode()
    if said.get("format") != KEY_FORMAT or new != key.public:
        return None
    signed = is_signed(old, text, key.signature[:64]) and is_signed(new, text, key.signature[64:])
    return old if signed else None


def broken_links(chain: Sequence[Seal], trusted: dict[str, bytes]) -> list[str]:
    """What is wrong with a chain of sealed days, oldest first."""
    wrong = []
    previous = NOTHING_BEFORE
    for number, link in enumerate(chain, 1):
        place = f"{link.day}"
        if link.number != number:
            wrong.append(f"{place}: is number {link.number}, should be {number}: a day before it is gone")
        try:
            said = json.loads(link.statement)
        except ValueError:
            said = {}
        expected = {
            "number": str(link.number),
            "day": place,
            "count": str(link.leaves),
            "root": link.root.hex(),
        }
        if not isinstance(said, dict) or {name: said.get(name) for name in expected} != expected:
            wrong.append(f"{place}: its statement says something else than what is kept of it")
        elif said.get("previous") != previous or canonical(said) != link.statement:
            wrong.append(f"{place}: does not name the day before it")
        public = trusted.get(link.key_id)
        if public is None:
            wrong.append(
                f"{place}: signed with key {link.key_id}, which is not ours and did not hand over to ours"
            )
        elif not is_signed(public, link.statement.encode(), link.signature):
            wrong.append(f"{place}: its signature is of something else")
        previous = hashed(link.statement)
    return wrong


def add_seal_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/roots", list_roots, methods=["GET"], tags=["books"])
    add("/books/roots/keys", list_keys, methods=["GET"], tags=["books"])
    add("/books/roots/rotate", rotate, methods=["POST"], tags=["books"])
    add("/books/seal", seal, methods=["POST"], tags=["books"])
    add("/books/proof/{subject}", prove, methods=["GET"], tags=["books"])
