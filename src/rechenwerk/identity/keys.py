"""API keys: made here, shown once, kept only as a hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

PREFIX = "rw-"

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "inference": "call models",
        "books": "read the books of its organisation",
        "keys": "create, list and revoke keys and projects, set budgets and limits of its organisation",
        "documents": "analyse documents in its project, review what was found, of its organisation",
        "operator": "everything, in every organisation: configuration, organisations, all books",
        "emergency": "ask for emergency draws on the reserve, and sign those of others",
        "audit": "read books, projects, keys and people of its organisation, and change nothing",
        "approve": "sign applications for grants, and emergency draws of others",
    }
)
"""Scope -> what it permits."""

ROLES = frozenset({"emergency", "approve"})
"""Scopes that no other includes, not even operator: whoever signs holds the role by name."""


def new_key(random_bytes: Callable[[int], bytes]) -> str:
    """A fresh key: ``rw-`` and 32 characters of 160 random bits.

    Args:
        random_bytes: a cryptographic source, such as `secrets.token_bytes`.
    """
    return PREFIX + new_token(random_bytes)


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    """160 random bits in 32 characters: a key without its beginning, or what makes a link a secret."""
    return base64.b32encode(random_bytes(20)).decode().lower()


def hash_key(key: bytes) -> bytes:
    """SHA-256 of a key or token. 160 random bits need no slow hash: there is nothing to guess."""
    return hashlib.sha256(key).digest()


def hint(key: str) -> str:
    """What may be shown of a key later: its beginning and its end."""
    return f"{key[:6]}…{key[-4:]}"
