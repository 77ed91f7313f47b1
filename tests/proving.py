"""The proof of the books, for tests that book past the office."""

from __future__ import annotations

from rechenwerk.office.ports import Desk
from rechenwerk.office.verify_ports import Check


async def broken(desk: Desk, organisation: int) -> list[Check]:
    """What of an organisation's books does not hold."""
    found = await desk.verifier.prove(organisation, None, lambda _: None)
    return [check for check in found.checks if not check.ok]
