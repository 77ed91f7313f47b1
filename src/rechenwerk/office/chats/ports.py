"""What conversations need: storage, and who reads files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class Whose(msgspec.Struct, frozen=True):
    """Who owns conversations: a person in an organisation, or a program's key."""

    organisation_id: int
    person_id: int | None
    key_id: int | None


class ChatRow(msgspec.Struct, frozen=True):
    """A conversation.

    Attributes:
        title: sealed.
        mine: whether who asks owns it; others read it because it is shared.
        owner: a person's name; of a program its key's.
    """

    id: int
    title: bytes
    shared: bool
    mine: bool
    owner: str
    made_at: datetime
    changed_at: datetime


class FileRow(msgspec.Struct, frozen=True):
    """A file of a question; `named` is its name and `sealed` what of it goes to the model."""

    id: int
    message_id: int | None
    kind: str
    size: int
    named: bytes
    sealed: bytes = b""


class GoneError(Exception):
    """The conversation was deleted meanwhile; it carries its number."""


class MessageRow(msgspec.Struct, frozen=True):
    """A question or an answer.

    Attributes:
        parent_id: the message before it; None for the first ones.
        model: that answers; empty for a question.
        state: done, writing, stopped, or failed.
        call_id: of an answer, as the books have it.
        once: of the request that made it, where it said one.
        alive: some office has kept it within the last seconds; of a row that is read.
    """

    id: int
    parent_id: int | None
    role: str
    model: str
    state: str
    sealed: bytes
    call_id: int | None
    made_at: datetime
    once: str | None = None
    alive: bool = False


class TemplateRow(msgspec.Struct, frozen=True):
    """A template; `sealed` are its name and text."""

    id: int
    sealed: bytes
    shared: bool
    mine: bool
    owner: str
    made_at: datetime


class Booked(msgspec.Struct, frozen=True):
    """What the books say of an answer's call; money in nano-units."""

    id: int
    provider: str
    contract: str
    outcome: str
    usage_source: str
    input: int
    output: int
    price: int
    total_us: int
    decision: str | None


class Chats(Protocol):
    """Storage. Everything takes the organisation; what changes something takes the owner."""

    async def whose(self, organisation_id: int, key_id: int) -> Whose:
        """The owner of what this key makes."""
        ...

    async def ids(self, count: int) -> list[int]:
        """New numbers for rows, rising."""
        ...

    async def page(
        self, whose: Whose, of: str, before: tuple[datetime, int] | None, limit: int
    ) -> list[ChatRow]:
        """Conversations in which something was said, newest first: 'own', 'shared' by others, or 'all'."""
        ...

    async def find(self, whose: Whose, chat_id: int) -> ChatRow | None:
        """An own one, or one that is shared in the organisation."""
        ...

    async def make(self, whose: Whose, chat_id: int, title: bytes, now: datetime) -> None:
        """A new one."""
        ...

    async def change(self, whose: Whose, chat_id: int, title: bytes | None, shared: bool | None) -> bool:
        """Another title, shared or not; False where it is not the owner's."""
        ...

    async def delete(self, whose: Whose, chat_id: int) -> bool:
        """Delete it with all that was said."""
        ...

    async def messages(self, organisation_id: int, chat_id: int, only: int | None = None) -> list[MessageRow]:
        """All of a conversation, oldest first; or only one."""
        ...

    async def texts(self, organisation_id: int, chat_ids: Sequence[int]) -> list[tuple[int, int, bytes]]:
        """(conversation, message, sealed) of all that was said in these."""
        ...

    async def add(
        self,
        whose: Whose,
        chat_id: int,
        messages: Sequence[MessageRow],
        files: Mapping[int, int],
        now: datetime,
        title: bytes | None = None,
    ) -> bool:
        """New messages, and a title if given; files -> the question that sends them.

        Returns:
            False: the same was asked before.

        Raises:
            LookupError: a file was sent already, or deleted meanwhile.
        """
        ...

    async def answer_of(self, organisation_id: int, chat_id: int, once: str) -> int | None:
        """The answer that a request with this key made."""
        ...

    async def settle(
        self,
        organisation_id: int,
        chat_id: int,
        message_id: int,
        sealed: bytes,
        state: str,
        call_id: int | None,
    ) -> bool:
        """How far an answer is. False: it is gone, or is not to be written on."""
        ...

    async def stop(self, organisation_id: int, chat_id: int, message_id: int) -> None:
        """Let whoever writes an answer, in whichever office, stop."""
        ...

    async def booked(self, organisation_id: int, calls: Sequence[int]) -> list[Booked]:
        """What the books say of these calls; of those that they know."""
        ...

    async def keep_file(self, organisation_id: int, chat_id: int, file: FileRow, now: datetime) -> None:
        """Keep a file that was not sent yet."""
        ...

    async def files(self, organisation_id: int, chat_id: int, only: int | None = None) -> list[FileRow]:
        """A conversation's files, with what goes to the model; or only those of one message."""
        ...

    async def drop_file(self, organisation_id: int, chat_id: int, file_id: int) -> bool:
        """Forget a file that was not sent."""
        ...

    async def templates(self, whose: Whose) -> list[TemplateRow]:
        """Own ones, and those that are shared in the organisation."""
        ...

    async def keep_template(
        self, whose: Whose, template_id: int, sealed: bytes, shared: bool, now: datetime
    ) -> bool:
        """Make one, or change an own one; False where it is not the owner's."""
        ...

    async def drop_template(self, whose: Whose, template_id: int) -> bool:
        """Delete an own one."""
        ...

    async def abilities(self, organisation_id: int) -> dict[str, int]:
        """Models that chat here, with the longest context among those that serve them."""
        ...


class Reader(Protocol):
    """Who makes text of files."""

    async def text(self, data: bytes, name: str) -> tuple[str, str]:
        """The kind of a file and its words.

        Raises:
            UnreadableError: with one line why.
        """
        ...
