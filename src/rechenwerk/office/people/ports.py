"""What people and their sessions need from storage."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class SessionKey(msgspec.Struct, frozen=True):
    """The key of a session to keep; of it only the hash."""

    name: str
    hash: bytes
    hint: str
    scopes: tuple[str, ...]
    expires_at: datetime


class Person(msgspec.Struct, frozen=True):
    """Somebody who can sign in.

    Attributes:
        password: Argon2id; None: single sign-on alone opens.
        language: of the console; '' for what the browser asks for.
    """

    id: int
    email: str
    name: str
    password: str | None
    language: str

    def __repr__(self) -> str:
        """Without the password's hash."""
        return f"Person({self.id}, {self.email!r})"


class Membership(msgspec.Struct, frozen=True):
    """A person in an organisation; `project` pays for what it asks models."""

    organisation_id: int
    organisation: str
    role: str
    project_id: int
    project: str


class Member(msgspec.Struct, frozen=True):
    """A membership as its organisation sees it.

    Attributes:
        single_sign_on: whether an identity provider has signed this person in before.
        seen_at: when the newest session began.
    """

    id: int
    email: str
    name: str
    role: str
    project: str
    made_at: datetime
    single_sign_on: bool
    seen_at: datetime | None


class Invitation(msgspec.Struct, frozen=True):
    """A link that makes somebody a member, once. `email` None: whoever has it."""

    id: int
    organisation_id: int
    organisation: str
    role: str
    project: str
    email: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime


class NewInvitation(msgspec.Struct, frozen=True):
    """An invitation to keep; of its token only the hash."""

    organisation_id: int
    hash: bytes
    role: str
    project_id: int
    email: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime


class Newcomer(msgspec.Struct, frozen=True):
    """Who accepts an invitation, as far as this installation does not know that person yet."""

    email: str
    name: str
    password: str | None
    issuer: str | None = None
    subject: str | None = None


class Trip(msgspec.Struct, frozen=True):
    """Single sign-on that is under way in a browser: what its answer has to match."""

    nonce: str
    verifier: str
    invitation: bytes | None
    goes_to: str


class People(Protocol):
    """Persons, memberships, invitations, attempts to sign in."""

    async def by_email(self, email: str) -> Person | None:
        """Who has this address."""
        ...

    async def by_subject(self, issuer: str, subject: str) -> Person | None:
        """Whom an identity provider means."""
        ...

    async def of_session(self, key_id: int) -> Person | None:
        """Whose session a key is; None for a program's key."""
        ...

    async def link(self, person_id: int, issuer: str, subject: str, now: datetime) -> bool:
        """From now on this identity provider's subject is this person; False when it has another already.

        The password and all sessions end: whoever set them need not have been the address's owner.
        """
        ...

    async def memberships(self, person_id: int) -> list[Membership]:
        """In which organisations a person is, the oldest first."""
        ...

    async def members(self, organisation_id: int) -> list[Member]:
        """Who is in an organisation, by address."""
        ...

    async def join(self, newcomer: Newcomer, invitation: NewInvitation) -> Person:
        """A person becomes a member without a link; a second time changes nothing."""
        ...

    async def set_role(self, organisation_id: int, person_id: int, role: str, project_id: int) -> bool:
        """Another role, and no session with the old one; False: nobody would be left who may invite."""
        ...

    async def remove(self, organisation_id: int, person_id: int, now: datetime) -> bool:
        """End a membership and its sessions; False: nobody would be left who may invite."""
        ...

    async def set_password(self, person_id: int, password: str, keep: int | None, now: datetime) -> None:
        """A new password; all sessions but one end."""
        ...

    async def describe(self, person_id: int, name: str, language: str) -> None:
        """Another name, another language."""
        ...

    async def begin_session(
        self, person_id: int, organisation_id: int, project_id: int, key: SessionKey, now: datetime
    ) -> int:
        """Keep a session's key; its id."""
        ...

    async def invite(self, invitation: NewInvitation) -> Invitation:
        """Keep an invitation."""
        ...

    async def invitations(self, organisation_id: int, now: datetime) -> list[Invitation]:
        """Those that are neither used nor expired, newest first."""
        ...

    async def invitation(self, token_hash: bytes, now: datetime) -> Invitation | None:
        """An invitation that can still be used."""
        ...

    async def uninvite(self, organisation_id: int, invitation_id: int) -> bool:
        """Take an unused invitation back; False when there is none."""
        ...

    async def accept(self, token_hash: bytes, newcomer: Newcomer, now: datetime) -> Person | None:
        """Use an invitation, once; None when it cannot be used (any more)."""
        ...

    async def count_try(self, email: str, address: str, now: datetime, since: datetime) -> tuple[int, int]:
        """Note an attempt to sign in; how many there are since then, of the address and from the host."""
        ...

    async def forget_tries(self, email: str) -> None:
        """It was the right password."""
        ...

    async def set_out(self, state_hash: bytes, trip: Trip, expires_at: datetime, now: datetime) -> None:
        """Keep what the identity provider's answer has to match."""
        ...

    async def return_from(self, state_hash: bytes, now: datetime) -> Trip | None:
        """Take it back, once."""
        ...
