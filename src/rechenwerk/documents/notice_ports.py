"""What telling the end of a job needs from storage."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class Notice(msgspec.Struct, frozen=True):
    """A job's end that is to be told."""

    organisation_id: int
    organisation: str
    job_id: int
    name: str
    url: str
    secret: bytes
    message_id: str
    state: str
    attempts: int
    ended_at: datetime


class Notices(Protocol):
    """Webhooks of jobs that have ended."""

    async def claim(self, now: datetime, until: datetime) -> list[Notice]:
        """What is due; nobody else sends it until then."""
        ...

    async def told(self, notice: Notice, answer: str) -> None:
        """It was taken."""
        ...

    async def failed(self, notice: Notice, again: datetime | None, answer: str) -> None:
        """Try again then; None: give up."""
        ...
