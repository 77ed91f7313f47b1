"""Routes of conversations: lists, search, share, copy, export; models that there are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response
from starlette.routing import BaseRoute

from rechenwerk.office.chats import bodies
from rechenwerk.office.chats.asking import AskedError
from rechenwerk.office.chats.desk import ChatDesk, Desk, RowId
from rechenwerk.office.chats.exporting import as_json, as_markdown
from rechenwerk.office.chats.messages import add_message_routes
from rechenwerk.office.chats.ports import ChatRow, FileRow, MessageRow
from rechenwerk.office.chats.sealing import Said
from rechenwerk.office.chats.talks import Told, branch
from rechenwerk.office.chats.templates import add_template_routes
from rechenwerk.office.errors import missing, refuse

_BATCH = 100
_MOST = 2000
"""Conversations that one request searches; the next one goes on."""


def _border(text: str | None) -> tuple[datetime, int] | None:
    if text is None:
        return None
    microseconds, _, number = text.partition("-")
    if not (microseconds.isdecimal() and number.isdecimal() and len(text) < 40):
        raise refuse(422, "before: take the value of `next`", "invalid_value", "before")
    try:
        moment = datetime.fromtimestamp(int(microseconds) // 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        raise refuse(422, "before: take the value of `next`", "invalid_value", "before") from None
    return moment.replace(microsecond=int(microseconds) % 1_000_000), min(int(number), (1 << 63) - 1)


def _after(row: ChatRow) -> str:
    moment = row.changed_at
    return f"{int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond}-{row.id}"


async def list_chats(
    desk: ChatDesk,
    of: Annotated[
        Literal["own", "shared", "all"], Query(description="one's own, what others share, or both")
    ] = "own",
    q: Annotated[str, Query(max_length=200, description="words of titles and messages")] = "",
    before: Annotated[str | None, Query(description="the value of `next`")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> bodies.ChatsView:
    """Conversations in which something was said, newest first; all words of `q` must be in one of them.

    Everything rests sealed, so a search opens what is searched: up to 2000 conversations for each request.
    A page may be short while `next` goes on.
    """
    words = q.casefold().split()
    border = _border(before)
    if not words:
        rows = await desk.chats.store.page(desk.whose, of, border, limit + 1)
        follows = _after(rows[limit - 1]) if len(rows) > limit else None
        return bodies.ChatsView(chats=[desk.chat_view(one) for one in rows[:limit]], next=follows)
    found: list[ChatRow] = []
    for _ in range(_MOST // _BATCH):
        rows = await desk.chats.store.page(desk.whose, of, border, _BATCH)
        for row in await _fitting(desk, rows, words):
            found.append(row)
            if len(found) == limit:
                return bodies.ChatsView(chats=[desk.chat_view(one) for one in found], next=_after(row))
        if len(rows) < _BATCH:
            return bodies.ChatsView(chats=[desk.chat_view(one) for one in found], next=None)
        border = (rows[-1].changed_at, rows[-1].id)
    return bodies.ChatsView(chats=[desk.chat_view(one) for one in found], next=_after(rows[-1]))


async def _fitting(desk: Desk, rows: list[ChatRow], words: list[str]) -> list[ChatRow]:
    texts = await desk.chats.store.texts(desk.whose.organisation_id, [one.id for one in rows])

    def search() -> list[ChatRow]:
        missing_of = {
            row.id: {word for word in words if word not in desk.seal.open_title(row.id, row.title).casefold()}
            for row in rows
        }
        for chat, message, sealed in texts:
            if missing_of[chat]:
                text = desk.seal.open_said(chat, message, sealed).text.casefold()
                missing_of[chat] = {word for word in missing_of[chat] if word not in text}
        return [row for row in rows if not missing_of[row.id]]

    return await asyncio.to_thread(search)


async def make_chat(desk: ChatDesk, body: bodies.NewChatBody) -> bodies.ChatView:
    """A new conversation. It is listed once something was asked in it."""
    (number,) = await desk.chats.store.ids(1)
    title = desk.seal.title(number, body.title or "")
    await desk.chats.store.make(desk.whose, number, title, desk.now)
    return desk.chat_view(await desk.own(number))


async def show_chat(desk: ChatDesk, chat: RowId) -> bodies.WholeChatView:
    """A conversation with all its branches."""
    row = await desk.chat(chat)
    return await _whole(desk, row)


async def _whole(desk: Desk, row: ChatRow, *, newest: bool = False) -> bodies.WholeChatView:
    """All that was said, or only the branch that the last message ends."""
    messages, _ = await desk.messages(row.id)
    chosen = branch(messages, max(messages, default=None)) if newest else list(messages.values())
    views = await desk.views(row.id, chosen)
    return bodies.WholeChatView(**desk.chat_view(row).model_dump(), messages=views)


async def change_chat(desk: ChatDesk, chat: RowId, body: bodies.ChatBody) -> bodies.ChatView:
    """Rename it; share it in the organisation, or no more."""
    before = await desk.own(chat)
    title = None if body.title is None else desk.seal.title(chat, body.title)
    if not await desk.chats.store.change(desk.whose, chat, title, body.shared):
        raise missing("conversation", str(chat))
    if body.shared is not None and body.shared != before.shared:
        done = "conversation shared" if body.shared else "conversation shared no more"
        await desk.realm.changed(done, f"conversation {chat}")
    return desk.chat_view(await desk.own(chat))


async def delete_chat(desk: ChatDesk, chat: RowId) -> bodies.DoneView:
    """Delete it for ever. What was asked stays in the books: its price, not its words."""
    row = await desk.own(chat)
    for one in await desk.chats.store.messages(desk.whose.organisation_id, chat):
        run = desk.chats.runs.get(one.id)
        if run is not None:
            run.stop()
            await run.ended()
    if not await desk.chats.store.delete(desk.whose, row.id):
        raise missing("conversation", str(chat))
    return bodies.DoneView(done="conversation deleted")


async def copy_chat(desk: ChatDesk, chat: RowId, body: bodies.CopyBody) -> bodies.ChatView:
    """A conversation of one's own with the same messages, to go on with; calls stay with the first one."""
    row = await desk.chat(chat)
    messages, _ = await desk.messages(chat)
    if body.until is not None and body.until not in messages:
        raise missing("message", str(body.until))
    chosen = list(messages.values()) if body.until is None else branch(messages, body.until)
    store = desk.chats.store
    files = [file for one in chosen for file in one.files]
    numbers = await store.ids(1 + len(chosen) + len(files))
    new, place = numbers[0], dict(zip([one.row.id for one in chosen], numbers[1:], strict=False))
    title = desk.seal.title(new, desk.seal.open_title(chat, row.title))
    await store.make(desk.whose, new, title, desk.now)
    sent: dict[int, int] = {}
    for file, number in zip(files, numbers[1 + len(chosen) :], strict=True):
        assert file.message_id is not None
        sent[number] = place[file.message_id]
        named = desk.seal.name(new, number, desk.seal.open_name(chat, file))
        sealed = desk.seal.kept(new, number, desk.seal.open_kept(chat, file))
        copied = FileRow(number, None, file.kind, file.size, named, sealed)
        await store.keep_file(desk.whose.organisation_id, new, copied, desk.now)
    await store.add(desk.whose, new, [_copied(desk, new, one, place) for one in chosen], sent, desk.now)
    return desk.chat_view(await desk.own(new))


def _copied(desk: Desk, chat: int, told: Told, place: dict[int, int]) -> MessageRow:
    row, number = told.row, place[told.row.id]
    parent = None if row.parent_id is None else place[row.parent_id]
    sealed = desk.seal.said(chat, number, Said(told.text, told.problem, told.code))
    state = "stopped" if row.state == "writing" else row.state  # nobody writes on in the copy
    return MessageRow(number, parent, row.role, row.model, state, sealed, None, row.made_at)


async def export_chat(desk: ChatDesk, chat: RowId, form: Literal["markdown", "json"]) -> Response:
    """A conversation as a file: all of it as JSON, its newest branch as Markdown."""
    whole = await _whole(desk, await desk.chat(chat), newest=form == "markdown")
    text, kind, end = (
        (as_json(whole), "application/json", "json")
        if form == "json"
        else (as_markdown(whole), "text/markdown; charset=utf-8", "md")
    )
    headers = {
        "content-disposition": f'attachment; filename="chat-{chat}.{end}"',
        "x-content-type-options": "nosniff",
    }
    return Response(text, media_type=kind, headers=headers)


async def list_models(desk: ChatDesk) -> bodies.ModelsView:
    """The models that this key may chat with, as the gateway says."""
    try:
        names = await desk.chats.gateway.models(desk.key)
    except AskedError as error:
        raise refuse(502, str(error), "gateway_refused") from error
    able = await desk.chats.store.abilities(desk.whose.organisation_id)
    return bodies.ModelsView(
        models=[bodies.ModelView(name=one, context_tokens=able[one]) for one in names if one in able]
    )


@cache
def chat_routes() -> tuple[BaseRoute, ...]:
    """All routes of chat, made once."""
    router = APIRouter(prefix="/api/v1")
    add = router.add_api_route
    add("/chat-models", list_models, methods=["GET"], tags=["chat"])
    add("/chats", list_chats, methods=["GET"], tags=["chat"])
    add("/chats", make_chat, methods=["POST"], status_code=201, tags=["chat"])
    add("/chats/{chat}", show_chat, methods=["GET"], tags=["chat"])
    add("/chats/{chat}", change_chat, methods=["PATCH"], tags=["chat"])
    add("/chats/{chat}", delete_chat, methods=["DELETE"], tags=["chat"])
    add("/chats/{chat}/copy", copy_chat, methods=["POST"], status_code=201, tags=["chat"])
    add("/chats/{chat}/export/{form}", export_chat, methods=["GET"], tags=["chat"], response_class=Response)
    add_message_routes(router)
    add_template_routes(router)
    return tuple(router.routes)
