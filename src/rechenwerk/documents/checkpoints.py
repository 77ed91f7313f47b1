"""Pages of a document under way, kept as they are read: who takes it over goes on after the last of them.

A page that took a recognition (or a reader's life) is kept at once, others together once a second: a
worker that is killed loses the page in hand, or a second of reading.
"""

from __future__ import annotations

from collections.abc import Callable

from rechenwerk.documents.job_ports import Claimed, Queue
from rechenwerk.documents.values import PagePart
from rechenwerk.documents.vault import Vault

EVERY = 1.0
"""Seconds between two times that pages are kept which are quick to read."""


class Checkpoints:
    """The pages of one document in hand.

    Args:
        queue: where they are kept.
        vault: seals them.
        claimed: the document.
        seconds: a clock that only goes forward.
    """

    def __init__(self, queue: Queue, vault: Vault, claimed: Claimed, seconds: Callable[[], float]) -> None:
        self._queue = queue
        self._vault = vault
        self._claimed = claimed
        self._seconds = seconds
        self._last = seconds()
        self._new: list[tuple[int, bytes]] = []

    async def before(self) -> list[PagePart]:
        """The first pages, as they were read by whoever had the document before."""
        if not self._claimed.document.pages_read:
            return []
        organisation, document = self._claimed.organisation_id, self._claimed.document.id
        sealed = await self._queue.pages(organisation, document)
        return [
            self._vault.open_page(organisation, document, number, page)
            for number, page in enumerate(sealed, 1)
        ]

    async def page(self, part: PagePart, number: int, of: int) -> None:
        """A page was read. Raises LeaseLostError."""
        if number == of:
            return  # the whole text follows
        organisation, document = self._claimed.organisation_id, self._claimed.document.id
        self._new.append((number, self._vault.seal_page(organisation, document, number, part)))
        if part.source == "digital" and self._seconds() - self._last < EVERY:
            return
        await self._queue.keep_pages(self._claimed, self._new, of)
        self._new = []
        self._last = self._seconds()
