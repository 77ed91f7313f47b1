"""Where one can go: the pages in their order, and who may see them."""

from __future__ import annotations

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A page of the navigation.

    Attributes:
        name: of its text.
        path: its address.
        letter: that goes there after a `g`.
        scopes: one of them opens it.
    """

    name: str
    path: str
    letter: str
    scopes: tuple[str, ...]


def entries() -> tuple[Entry, ...]:
    """All pages."""
    return (
        Entry("start", "/console/", "s", ("books", "keys", "audit")),
        Entry("chat", "/console/chat", "h", ("inference",)),
        Entry("projects", "/console/projects", "p", ("keys", "audit")),
        Entry("keys", "/console/keys", "k", ("keys", "audit")),
        Entry("people", "/console/people", "u", ("keys", "audit")),
        Entry("journal", "/console/journal", "j", ("books", "audit")),
        Entry("books", "/console/books", "b", ("books", "audit")),
        Entry("providers", "/console/providers", "m", ("operator",)),
        Entry("plan", "/console/plan", "l", ("books", "audit")),
        Entry("documents", "/console/documents", "d", ("documents", "keys")),
        Entry("contracts", "/console/contracts", "c", ("books", "audit")),
        Entry("audit", "/console/audit", "a", ("books", "audit")),
    )
