"""What the room needs from outside: a model behind the public endpoint, and storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec


class Question(msgspec.Struct, frozen=True):
    """A question to a model.

    Args:
        purpose: what it is for, unique within its job ('doc 17 extract 2'): asked again after a crash, it
            gets the stored answer and is not booked twice.
        system, user: the messages.
        schema: JSON Schema that the answer is constrained to; None for free text.
        max_tokens: of the answer.
    """

    purpose: str
    system: str
    user: str
    schema: dict[str, Any] | None = None
    max_tokens: int = 512


class Asker(Protocol):
    """A model behind the public endpoint; every question is a booked call of the job's key."""

    async def ask(self, question: Question) -> str:
        """The answer's text.

        Raises:
            ModelRefusedError: the gateway refused (budget, limit, policy) or no provider answers; says
                what to do.
        """

    async def embed(self, texts: Sequence[str], purpose: str) -> list[list[float]]:
        """A vector per text; all of one length.

        Raises:
            ModelRefusedError: as above.
        """
