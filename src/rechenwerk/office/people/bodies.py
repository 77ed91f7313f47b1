"""Bodies of people, sessions and invitations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, StringConstraints

from rechenwerk.office.bodies import Body, Counted, InOrganisation, Name

Role = Literal["operator", "owner", "controller", "reviewer", "member", "auditor"]
Language = Literal["", "de", "en"]
Email = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=3, max_length=254)]
PersonName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
Token = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Password = Annotated[SecretStr, Field(max_length=1000)]


class SignInBody(Body):
    """Who wants in; without an organisation the one that this person joined first."""

    email: Email
    password: Password
    organisation: Name | None = None


class SwitchBody(Body):
    """Another organisation of the same person."""

    organisation: Name


class MeBody(Body):
    """What people may say about themselves; what is left out stays."""

    name: PersonName | None = None
    language: Language | None = None


class PasswordBody(Body):
    """A new password; who has one already shows it first."""

    current: Password = SecretStr("")
    new: Password


class RoleBody(InOrganisation):
    """A role, and the project that pays for what this person asks models; what is left out stays."""

    role: Role | None = None
    project: Name | None = None


class InvitationBody(InOrganisation):
    """An invitation; without `email` it is for whoever has the link."""

    role: Role = "member"
    project: Name = "default"
    email: Email | None = None
    days: Annotated[int, Field(ge=1, le=90)] = 7


class AcceptBody(Body):
    """Accept an invitation. Who is known here already shows the password that there is."""

    token: Token
    email: Email
    name: PersonName
    password: Password


class OrganisationRole(BaseModel):
    """An organisation of a person, and the role there."""

    organisation: str
    role: str


class MeView(BaseModel):
    """Who asks. `email` and `role` are null for a program's key."""

    email: str | None
    name: str
    language: str
    organisation: str
    role: str | None
    project: str
    scopes: list[str]
    organisations: list[OrganisationRole]
    expires_at: datetime | None
    has_password: bool


class PersonView(BaseModel):
    """A person of an organisation; `seen_at`: when the newest session began."""

    email: str
    name: str
    role: str
    project: str
    organisation: str
    made_at: datetime
    single_sign_on: bool
    seen_at: datetime | None


class PeopleView(Counted):
    """All people of an organisation."""

    people: list[PersonView]
    projects: list[str]
    """That pay for some of them."""


class InvitationView(BaseModel):
    """An invitation that was not used yet."""

    id: int
    organisation: str
    role: str
    project: str
    email: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime


class NewInvitationView(InvitationView):
    """An invitation and its link, which is shown this once."""

    token: str
    path: str


class InvitationsView(BaseModel):
    """Open invitations, newest first."""

    invitations: list[InvitationView]


class SignInView(BaseModel):
    """How people get in beside a password: what the button of single sign-on says; null: there is none."""

    single_sign_on: str | None


class DoneView(BaseModel):
    """It was done."""

    done: str
