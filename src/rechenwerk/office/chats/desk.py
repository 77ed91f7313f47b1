"""Who chats: the realm of a request, and what its routes share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Path, Request

from rechenwerk.base.ids import encode_call
from rechenwerk.base.money import plain_money
from rechenwerk.office.access import Realm, permit
from rechenwerk.office.chats import bodies
from rechenwerk.office.chats.asking import Gateway
from rechenwerk.office.chats.ports import Booked, ChatRow, Chats, FileRow, Reader, Whose
from rechenwerk.office.chats.running import Runs
from rechenwerk.office.chats.sealing import ChatSeal
from rechenwerk.office.chats.talks import Told, opened
from rechenwerk.office.errors import missing, refuse

BOOKING = (0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.0, 2.0, 4.0)
"""Seconds between two looks for the booking of a call that has ended."""
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]


class ChatOffice(msgspec.Struct, frozen=True):
    """What all conversations share."""

    store: Chats
    gateway: Gateway
    runs: Runs
    reader: Reader


class Desk(msgspec.Struct, frozen=True):
    """Whoever asks, at work.

    Attributes:
        key: the caller's own, as it was sent: it pays for what is asked.
    """

    chats: ChatOffice
    realm: Realm
    whose: Whose
    seal: ChatSeal
    key: str

    @property
    def now(self) -> datetime:
        """Wall time."""
        return self.realm.office.now()

    async def chat(self, chat_id: int) -> ChatRow:
        """A conversation that may be read."""
        found = await self.chats.store.find(self.whose, chat_id)
        if found is None:
            raise missing("conversation", str(chat_id))
        return found

    async def own(self, chat_id: int) -> ChatRow:
        """One that may be written in."""
        found = await self.chat(chat_id)
        if not found.mine:
            raise refuse(
                403,
                f"the conversation is {found.owner}'s and read only; copy it to go on with it",
                "read_only",
            )
        return found

    async def messages(self, chat_id: int, only: int | None = None) -> tuple[dict[int, Told], list[FileRow]]:
        """All that was said, opened, and all files; or only one message with its files."""
        store, organisation = self.chats.store, self.whose.organisation_id
        rows = await store.messages(organisation, chat_id, only)
        files = await store.files(organisation, chat_id, only)
        return await asyncio.to_thread(opened, self.seal, chat_id, rows, files), files

    async def settled(self, call: int) -> None:
        """Wait until the books have a call; not for ever."""
        for pause in BOOKING:
            if await self.chats.store.booked(self.whose.organisation_id, [call]):
                return
            await asyncio.sleep(pause)

    async def views(self, chat_id: int, messages: Sequence[Told]) -> list[bodies.MessageView]:
        """Messages as the API shows them, with what the books say of their calls."""
        calls = [one.row.call_id for one in messages if one.row.call_id is not None]
        booked = {one.id: one for one in await self.chats.store.booked(self.whose.organisation_id, calls)}
        currency = await self.realm.desk.tenants.currency() if booked else ""
        return [self._view(chat_id, one, booked, currency) for one in messages]

    def _view(self, chat_id: int, told: Told, booked: dict[int, Booked], currency: str) -> bodies.MessageView:
        row, call = told.row, told.row.call_id
        # What no office writes on any more was cut off with its process.
        cut = row.state == "writing" and not row.alive and self.chats.runs.get(row.id) is None
        return bodies.MessageView(
            id=row.id,
            parent=row.parent_id,
            role="user" if row.role == "user" else "assistant",
            text=told.text,
            model=row.model,
            state="stopped" if cut else row.state,  # type: ignore[arg-type]  # the database holds the four
            problem=told.problem,
            problem_code=told.code,
            made_at=row.made_at,
            files=[self.file_view(chat_id, one) for one in told.files],
            call=None if call is None else booking(call, booked.get(call), currency),
        )

    def file_view(self, chat_id: int, file: FileRow) -> bodies.FileView:
        """A file without its content."""
        return bodies.FileView(
            id=file.id,
            name=self.seal.open_name(chat_id, file),
            kind=file.kind,
            size=file.size,
            characters=len(self.seal.open_kept(chat_id, file).text),
        )

    def chat_view(self, row: ChatRow) -> bodies.ChatView:
        """A conversation without what was said."""
        return bodies.ChatView(
            id=row.id,
            title=self.seal.open_title(row.id, row.title),
            shared=row.shared,
            mine=row.mine,
            owner=row.owner,
            made_at=row.made_at,
            changed_at=row.changed_at,
        )


def booking(call: int, found: Booked | None, currency: str) -> bodies.BookingView:
    """What the books say of a call."""
    if found is None:
        return bodies.BookingView(id=encode_call(call), booked=False)
    return bodies.BookingView(
        id=encode_call(call),
        booked=True,
        provider=found.provider,
        contract=found.contract,
        outcome=found.outcome,
        usage_source=found.usage_source,
        input_tokens=found.input,
        output_tokens=found.output,
        price=plain_money(found.price),
        currency=currency,
        total_us=found.total_us,
        **_reason(found.decision),
    )


def _reason(decision: str | None) -> dict[str, Any]:
    """Why, and what it was told from."""
    try:
        kept = msgspec.json.decode(decision or "")
    except msgspec.DecodeError:
        return {"reason": decision or ""}
    kept = kept if isinstance(kept, dict) else {}
    return {"reason": str(kept.get("reason", "")), "reason_told": kept.get("reason_told", [])}


async def _desk(request: Request, realm: Annotated[Realm, Depends(permit("inference"))]) -> Desk:
    chats: ChatOffice = request.app.state.chats
    if realm.organisation_id != realm.caller.organisation_id:
        raise refuse(
            403,
            f"conversations are in your own organisation, {realm.caller.organisation}: its project pays;"
            f" change to it, or be a member of {realm.organisation}",
            "another_organisation",
            "organisation",
        )
    whose = await chats.store.whose(realm.caller.organisation_id, realm.caller.key_id)
    _, _, key = request.headers.get("authorization", "").partition(" ")
    return Desk(chats, realm, whose, ChatSeal(realm.office.box, whose.organisation_id), key.strip())


ChatDesk = Annotated[Desk, Depends(_desk)]
