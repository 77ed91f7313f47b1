"""Refusals of the routes of documents, in the shape of all others; the office's application answers them."""

from __future__ import annotations

from rechenwerk.base.errors import RefusedError, refuse

__all__ = ["RefusedError", "missing", "refuse"]


def missing(what: str, name: object) -> RefusedError:
    """Nothing of that name in reach of the caller: not there, or another organisation's."""
    return refuse(404, f"there is no {what} {name!r}", f"{what.replace(' ', '_')}_not_found", what)
