"""Routes of messages: a question goes out, the answer comes as it is written; files that go with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from rechenwerk.base.errors import UnreadableError
from rechenwerk.office.chats import bodies
from rechenwerk.office.chats.asking import AskedError
from rechenwerk.office.chats.desk import ChatDesk, Desk, RowId
from rechenwerk.office.chats.ports import ChatRow, FileRow, GoneError, MessageRow
from rechenwerk.office.chats.running import Question, Run
from rechenwerk.office.chats.sealing import Kept, Said
from rechenwerk.office.chats.talks import Told, branch, prompt, title_of
from rechenwerk.office.errors import RefusedError, missing, refuse

LARGEST_FILE = 20_000_000
LONGEST_FILE = 1_000_000
"""Characters of a file that a question may carry."""
MOST_MESSAGES = 5000
"""Of one conversation."""
_LOOK = 1.0
"""Seconds between two looks at an answer that another office writes."""
_FILES = "/files"


def largest_file(path: str) -> int:
    """How many bytes a body may have at a path of chat; 0 where it is no file's."""
    return LARGEST_FILE if path.startswith("/api/v1/chats/") and path.endswith(_FILES) else 0


class Events(StreamingResponse):
    """Server-sent events of an answer; it hears at once that nobody reads on, even where nobody ever did.

    Args:
        desk, chat: of who asks.
        told: the answer; what is under way, here or in another office, is read along.
    """

    def __init__(self, desk: Desk, chat: int, told: Told) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        self._run = desk.chats.runs.get(told.row.id)
        self._events = _events(desk, chat, told, self._run)
        super().__init__(self._events, media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        read = nullcontext() if self._run is None else self._run.read()
        with read:
            async with aclosing(self._events):
                await super().__call__(scope, receive, send)


def _event(name: str, data: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


async def send_message(
    desk: ChatDesk,
    chat: RowId,
    body: bodies.MessageBody,
    once: Annotated[
        str | None, Header(alias="idempotency-key", min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
    ] = None,
) -> StreamingResponse:
    """Ask a model, by the public gateway and with this key; the answer comes as server-sent events.

    `begun` names the question and the answer; `text` brings words; `end` is the whole answer with what the
    books say of its call: tokens, price, provider, contract, reason. A refusal of the gateway is the answer's
    `problem`. Who hangs up stops the answer: what came is kept, and booked. A request that is repeated with
    its `Idempotency-Key` reads the first one's answer along and asks nobody again.
    """
    row = await desk.own(chat)
    store, organisation = desk.chats.store, desk.whose.organisation_id
    if once is not None and (known := await store.answer_of(organisation, chat, once)) is not None:
        return Events(desk, chat, await _told(desk, chat, known))
    messages, files = await desk.messages(chat)
    if len(messages) > MOST_MESSAGES:
        raise refuse(409, f"the conversation has {MOST_MESSAGES} messages; begin a new one", "chat_full")
    question, answer = await _asked(desk, row, body, messages, files, once)
    if answer is None:
        assert once is not None
        known = await store.answer_of(organisation, chat, once)
        if known is None:
            raise missing("conversation", str(chat))
        return Events(desk, chat, await _told(desk, chat, known))
    _start(desk, chat, body.model, [*branch(messages, question.row.parent_id), question], answer)
    return Events(desk, chat, await _told(desk, chat, answer))


async def _asked(
    desk: Desk,
    chat: ChatRow,
    body: bodies.MessageBody,
    messages: dict[int, Told],
    files: list[FileRow],
    once: str | None,
) -> tuple[Told, int | None]:
    """The question and the number of its answer, kept; None where it was asked before."""
    parent = None if body.parent is None else messages.get(body.parent)
    if body.parent is not None and parent is None:
        raise missing("message", str(body.parent))
    again = body.text is None
    wanted = "user" if again else "assistant"
    if (again and parent is None) or (parent is not None and parent.row.role != wanted):
        what = "of another answer the parent is its question" if again else "a question follows an answer"
        raise refuse(422, f"parent: {what}", "invalid_value", "parent")
    store = desk.chats.store
    number, answer = await store.ids(2)
    rows: list[MessageRow] = []
    sent: dict[int, int] = {}
    if again:
        assert parent is not None
        question = parent
    else:
        text = (body.text or "").replace("\0", "")
        chosen = _chosen(files, body.files)
        sealed = desk.seal.said(chat.id, number, Said(text))
        row = MessageRow(number, body.parent, "user", "", "done", sealed, None, desk.now)
        rows, sent = [row], {one.id: number for one in chosen}
        question = Told(row, text, "", "", tuple(chosen))
    sealed = desk.seal.said(chat.id, answer, Said())
    rows.append(
        MessageRow(answer, question.row.id, "assistant", body.model, "writing", sealed, None, desk.now, once)
    )
    untitled = not messages and not desk.seal.open_title(chat.id, chat.title)
    title = desk.seal.title(chat.id, title_of(question.text)) if untitled else None
    try:
        added = await store.add(desk.whose, chat.id, rows, sent, desk.now, title)
    except LookupError as error:
        raise missing("file", str(error)) from error
    except GoneError as error:
        raise missing("conversation", str(chat.id)) from error
    return question, answer if added else None


def _chosen(files: list[FileRow], wanted: list[int]) -> list[FileRow]:
    known = {one.id: one for one in files if one.message_id is None}
    for number in wanted:
        if number not in known:
            raise missing("file", str(number))
    return [known[number] for number in dict.fromkeys(wanted)]


def _start(desk: Desk, chat: int, model: str, messages: list[Told], answer: int) -> None:
    """Ask; from here on the answer looks after itself."""

    async def keep(text: str, problem: AskedError | None, state: str, call: int | None) -> bool:
        said = Said(text) if problem is None else Said(text, str(problem), problem.code)
        sealed = desk.seal.said(chat, answer, said)
        return await desk.chats.store.settle(desk.whose.organisation_id, chat, answer, sealed, state, call)

    asked = prompt(desk.seal, chat, messages)
    desk.chats.runs.start(answer, Question(desk.key, model, asked, keep, desk.settled))


async def _events(desk: Desk, chat: int, told: Told, run: Run | None) -> AsyncGenerator[bytes, None]:
    answer = told.row.id
    yield _event("begun", {"chat": chat, "question": told.row.parent_id, "answer": answer})
    try:
        async with aclosing(_elsewhere(desk, chat, told) if run is None else run.follow()) as words:
            async for text in words:
                yield b": still there\n\n" if text is None else _event("text", {"text": text})
        view = await _view(desk, chat, answer)
    except RefusedError:  # the answer to this has begun: it ends with what is to be said
        (view,) = await desk.views(chat, [_deleted(told)])
    yield _event("end", view.model_dump(mode="json"))


async def _elsewhere(desk: Desk, chat: int, told: Told) -> AsyncGenerator[str | None, None]:
    """The words of an answer that is kept, as another office writes them on; None: nothing new."""
    seen = 0
    while True:
        yield told.text[seen:] or None
        seen = max(seen, len(told.text))
        if not told.row.alive:
            return
        await asyncio.sleep(_LOOK)
        told = await _told(desk, chat, told.row.id)


def _deleted(told: Told) -> Told:
    row = msgspec.structs.replace(told.row, state="failed", alive=False)
    problem = "the conversation was deleted meanwhile; what came until then is booked"
    return msgspec.structs.replace(told, row=row, text="", problem=problem)


async def _told(desk: Desk, chat: int, message: int) -> Told:
    messages, _ = await desk.messages(chat, message)
    if message not in messages:
        raise missing("message", str(message))
    return messages[message]


async def _view(desk: Desk, chat: int, message: int) -> bodies.MessageView:
    (view,) = await desk.views(chat, [await _told(desk, chat, message)])
    return view


async def show_message(desk: ChatDesk, chat: RowId, message: RowId) -> bodies.MessageView:
    """One message; of an answer what the books say of its call."""
    await desk.chat(chat)
    return await _view(desk, chat, message)


async def stop_message(desk: ChatDesk, chat: RowId, message: RowId) -> bodies.MessageView:
    """Stop an answer that is being written: what came is kept. It is booked some seconds later."""
    await desk.own(chat)
    told = await _told(desk, chat, message)
    run = desk.chats.runs.get(told.row.id)
    if run is not None:
        run.stop()
        await run.ended()
    elif told.row.alive:
        await desk.chats.store.stop(desk.whose.organisation_id, chat, told.row.id)
    return await _view(desk, chat, message)


async def add_file(
    desk: ChatDesk,
    request: Request,
    chat: RowId,
    name: Annotated[str, Query(min_length=1, max_length=255, description="what its sender calls it")],
) -> bodies.FileView:
    """Bring a file for the next question: the body is the file. Its text goes to the model."""
    await desk.own(chat)
    data = await request.body()
    if len(data) > LARGEST_FILE:
        raise refuse(413, f"{name} is larger than {LARGEST_FILE // 1_000_000} MB", "too_large", "name")
    clean = "".join(one for one in name if one.isprintable()) or "file"
    try:
        kind, text = await desk.chats.reader.text(data, clean)
    except UnreadableError as error:
        raise refuse(422, f"{clean}: {error}", "unreadable", "name") from error
    if not text.strip():
        raise refuse(422, f"{clean} has no text in it that could be read", "no_text", "name")
    if len(text) > LONGEST_FILE:
        message = f"{clean} has {len(text)} characters of text; a question may carry {LONGEST_FILE}"
        raise refuse(413, message, "too_long", "name")
    (number,) = await desk.chats.store.ids(1)
    sealed = desk.seal.kept(chat, number, Kept(text.replace("\0", "")))
    file = FileRow(number, None, kind, len(data), desk.seal.name(chat, number, clean), sealed)
    try:
        await desk.chats.store.keep_file(desk.whose.organisation_id, chat, file, desk.now)
    except GoneError as error:
        raise missing("conversation", str(chat)) from error
    return desk.file_view(chat, file)


async def drop_file(desk: ChatDesk, chat: RowId, file: RowId) -> bodies.DoneView:
    """Forget a file that was not sent."""
    await desk.own(chat)
    if not await desk.chats.store.drop_file(desk.whose.organisation_id, chat, file):
        raise missing("file", str(file))
    return bodies.DoneView(done="file forgotten")


def add_message_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add, at = router.add_api_route, "/chats/{chat}/messages"
    stream: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {}}, "description": "events `begun`, `text`, `end`"}
    }
    add(at, send_message, methods=["POST"], tags=["chat"], responses=stream, response_model=None)
    add(at + "/{message}", show_message, methods=["GET"], tags=["chat"])
    add(at + "/{message}/stop", stop_message, methods=["POST"], tags=["chat"])
    add("/chats/{chat}/files", add_file, methods=["POST"], status_code=201, tags=["chat"])
    add("/chats/{chat}/files/{file}", drop_file, methods=["DELETE"], tags=["chat"])
