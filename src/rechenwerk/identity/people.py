"""People and their roles: what each role opens, and how passwords are kept."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import argon2

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256

ROLE_SCOPES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "operator": frozenset({"inference", "books", "keys", "documents", "operator"}),
        "owner": frozenset({"inference", "books", "keys", "documents"}),
        "controller": frozenset({"inference", "books"}),
        "reviewer": frozenset({"inference", "documents"}),
        "member": frozenset({"inference"}),
        "auditor": frozenset({"audit"}),
    }
)
"""Role of a person in an organisation -> scopes of the sessions. Who signs needs a key that says so."""

_HASHER = argon2.PasswordHasher()
_NOBODY = _HASHER.hash("nobody has this password")


def mail_address(text: str) -> str:
    """An address as it is kept: in small letters; '' when it is none."""
    address = text.strip().lower()
    return address if is_mail_address(address) else ""


def is_mail_address(address: str) -> bool:
    """Whether this can be one: one name at one host, nothing that could be a second header of a mail."""
    name, _, host = address.rpartition("@")
    plain = address.isprintable() and not set(address) & set(' ,;:<>"()[]\\')
    return bool(name) and bool(host) and plain and "@" not in name and len(address) <= 254


def weakness(password: str, email: str) -> str:
    """Why a password will not do; '' when it does.

    Length is what counts, and that it is not known: NIST SP 800-63B, section 3.1.1.
    """
    if len(password) < SHORTEST_PASSWORD:
        return f"a password has at least {SHORTEST_PASSWORD} characters; a sentence is a good one"
    if len(password) > LONGEST_PASSWORD:
        return f"a password has at most {LONGEST_PASSWORD} characters"
    if len(set(password)) < 5 or password.lower() in {email, email.partition("@")[0] * 2}:
        return "this password is easily guessed; take another"
    return ""


def hash_password(password: str) -> str:
    """Argon2id as RFC 9106 recommends for little memory; takes some 50 ms: not in an event loop."""
    return _HASHER.hash(password)


def password_fits(kept: str | None, password: str) -> bool:
    """Whether it is the password; for somebody without one it takes as long and is false."""
    try:
        fits = _HASHER.verify(kept or _NOBODY, password)
    except argon2.exceptions.VerificationError:
        return False
    return fits and kept is not None
