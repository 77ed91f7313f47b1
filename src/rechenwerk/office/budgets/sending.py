"""What senders of notices have in common."""

from __future__ import annotations

from typing import Protocol

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.office.budgets.ports import Parcel


class UndeliveredError(RechenwerkError):
    """A notice was not taken.

    Attributes:
        final: trying again is of no use.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class ForbiddenError(UndeliveredError):
    """It may not go there, however often it is tried."""

    def __init__(self, message: str) -> None:
        super().__init__(message, final=True)


class Sender(Protocol):
    """One way to tell somebody."""

    async def send(self, parcel: Parcel, now: float) -> str:
        """Hand it over once; returns what the other end said.

        Raises:
            UndeliveredError: it was not taken.
        """
        ...
