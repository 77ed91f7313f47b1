"""Asks a model without personal data: questions are masked, answers get back what they name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import msgspec

from rechenwerk.documents.job_ports import Job
from rechenwerk.documents.masking.masker import Masker
from rechenwerk.documents.ports import Asker, Question
from rechenwerk.documents.values import Parsed

_SENT = re.compile(r"\s*\"?([^\"<]*?)\"?\s*<?([\w.+-]+@[\w.-]+)>?\s*(?:,|;|$)")
_TOLD = ("author", "from", "to", "cc", "sender")


class MaskedAsker:
    """Fills `documents.ports.Asker`; whatever goes to the model has passed the masker.

    Args:
        asker: who really asks.
        parsed: the document that is asked about.
    """

    def __init__(self, asker: Asker, parsed: Parsed) -> None:
        self._asker = asker
        self._masker = Masker(parsed.text, parsed.language, people_of(parsed))

    async def ask(self, question: Question) -> str:
        """See `documents.ports.Asker`."""
        masked = msgspec.structs.replace(question, user=self._masker.mask(question.user))
        answer = await self._asker.ask(masked)
        return self._masker.unmask(answer, in_json=question.schema is not None)

    async def embed(self, texts: Sequence[str], purpose: str) -> list[list[float]]:
        """See `documents.ports.Asker`."""
        return await self._asker.embed([self._masker.mask(text) for text in texts], purpose)


async def masked(asker: Asker | None, parsed: Parsed, job: Job) -> Asker | None:
    """Who asks for a document; without personal data where its job, or a schema of it, wants that."""
    if asker is None or not job.masks:
        return asker
    # In a thread: a worker that reads a long document still tells that it lives.
    return await asyncio.to_thread(MaskedAsker, asker, parsed)


def people_of(parsed: Parsed) -> dict[str, tuple[str, ...]]:
    """Who a document's format says wrote it and got it: names and mail addresses."""
    names: list[str] = []
    mails: list[str] = []
    for name in _TOLD:
        said = parsed.properties.get(name, "")
        for one in _SENT.finditer(said):
            names += [one[1].strip()] if one[1].strip() else []
            mails.append(one[2])
        if said and "@" not in said:
            names.append(said)
    return {"NAME": tuple(names), "EMAIL": tuple(mails)}
