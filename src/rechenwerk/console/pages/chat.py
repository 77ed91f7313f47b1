"""Chat: conversations, one of them open, and templates. What streams does so between browser and API."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer, Problem
from rechenwerk.console.visit import Visit, page, with_query

PATH = "/console/chat"
TEMPLATES = f"{PATH}/templates"
_LISTED = 40
_PLACE = re.compile(r"\{\{\s*([^{}\s][^{}\n]{0,60}?)\s*\}\}")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Turn(msgspec.Struct, frozen=True):
    """A message of the open branch, and its neighbours in other branches.

    Attributes:
        place: of so many beside each other, from 1.
        before, after: the neighbours' numbers.
    """

    message: Mapping[str, Any]
    place: int
    count: int
    before: int | None
    after: int | None


def branch(messages: Sequence[Mapping[str, Any]], at: int | None) -> list[Turn]:
    """From the first message by the one that is asked for to the newest below it."""
    by_id = {one["id"]: one for one in messages}
    below: dict[int | None, list[int]] = {}
    for one in messages:
        below.setdefault(one["parent"], []).append(one["id"])
    node = at if at in by_id else (messages[-1]["id"] if messages else None)
    while node is not None and below.get(node):
        node = below[node][-1]
    turns: list[Turn] = []
    while node is not None:
        message = by_id[node]
        beside = below[message["parent"]]
        place = beside.index(node)
        before = beside[place - 1] if place else None
        after = beside[place + 1] if place + 1 < len(beside) else None
        turns.append(Turn(message, place + 1, len(beside), before, after))
        node = message["parent"]
    return turns[::-1]


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


@page
async def index(visit: Visit) -> Response:
    """A new conversation, beside those there are."""
    return await _shown(visit, None)


@page
async def show(visit: Visit) -> Response:
    """One conversation."""
    return await _shown(visit, visit.request.path_params["id"])


async def _shown(visit: Visit, chat: int | None, failed: Problem | None = None, text: str = "") -> Response:
    query = visit.query
    of, words, before = query.get("of", ""), query.get("q", ""), query.get("before", "")
    of = of if of in {"own", "shared", "all"} else ("all" if words else "own")
    found, models, templates, open_chat = await asyncio.gather(
        visit.get("/chats", of=of, q=words[:200], before=before, limit=_LISTED),
        visit.get("/chat-models"),
        visit.get("/chat-templates"),
        visit.get(f"/chats/{chat}") if chat is not None else _nothing(),
    )
    if not open_chat.ok:
        return visit.failed(open_chat)
    if not found.ok:
        return visit.failed(found)
    messages = open_chat.body["messages"] if chat is not None else []
    turns = branch(messages, _number(query.get("at")))
    edited = next(
        (one.message for one in messages_of(turns) if str(one.message["id"]) == query.get("edit")), None
    )
    if edited is not None and not text:
        text = edited["text"]
    sample = _sample(templates.part("templates", []), query)
    if sample is not None and not text and not sample["open"]:
        text = sample["filled"]
    parent = turns[-1].message["id"] if turns and turns[-1].message["role"] == "assistant" else None
    return visit.render(
        "chat.html",
        section="chat",
        chats=found.body["chats"],
        more=_url(chat, of=of, q=words, before=found.body["next"]) if found.body["next"] else "",
        first=_url(chat, of=of, q=words) if before else "",
        of=of,
        words=words,
        chat=open_chat.body,
        turns=turns,
        edited=edited,
        parent=edited["parent"] if edited is not None else parent,
        models=[one["name"] for one in models.part("models", [])],
        models_problem=models.problem,
        model=_model(turns),
        templates=templates.part("templates", []),
        sample=sample,
        text=text,
        problem=failed,
        url=_url,
        at=PATH if chat is None else f"{PATH}/{chat}",
    )


def messages_of(turns: Sequence[Turn]) -> list[Turn]:
    """The questions of a branch."""
    return [one for one in turns if one.message["role"] == "user"]


async def _nothing() -> Answer:
    return Answer(200, None, None, {})


def _url(chat: int | None, **query: object) -> str:
    asked = {name: value for name, value in query.items() if value != "own"}
    return with_query(PATH if chat is None else f"{PATH}/{chat}", **asked)


def _model(turns: Sequence[Turn]) -> str:
    return next((str(one.message["model"]) for one in reversed(turns) if one.message["model"]), "")


def _sample(templates: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any] | None:
    """The template that is being used: with what its places were filled with, and whether some are open."""
    found = next((one for one in templates if str(one["id"]) == query.get("template")), None)
    if found is None:
        return None
    given = {name: query.get(f"p-{name}", "") for name in found["placeholders"]}
    filled = _PLACE.sub(lambda hit: given.get(hit[1]) or hit[0], found["text"])
    return {**found, "given": given, "filled": filled, "open": any(not one for one in given.values())}


@page
async def send(visit: Visit) -> Response:
    """Ask without a script: the page comes when the answer is there."""
    form = await visit.form()
    chat, model = _number(form.get("chat")), form.get("model", "")
    if chat is None:
        made = await visit.send("POST", "/chats", {})
        if not made.ok:
            return visit.failed(made)
        chat = int(made.body["id"])
    again = _number(form.get("again"))
    body = {"model": model, "parent": again if again is not None else _number(form.get("parent"))}
    if again is None:
        body["text"] = form.get("text", "")
    answer = await visit.send("POST", f"/chats/{chat}/messages", body)
    if not answer.ok:
        return await _shown(visit, chat, answer.problem, form.get("text", ""))
    return visit.go(f"{PATH}/{chat}")


@page
async def change(visit: Visit) -> Response:
    """Rename, share, copy or delete a conversation."""
    chat, form = visit.request.path_params["id"], await visit.form()
    what = form.get("what", "")
    if what == "delete":
        answer = await visit.send("DELETE", f"/chats/{chat}")
        return visit.go(PATH, "chat_deleted") if answer.ok else visit.failed(answer)
    if what == "copy":
        answer = await visit.send("POST", f"/chats/{chat}/copy", {"until": _number(form.get("until"))})
        return visit.go(f"{PATH}/{answer.body['id']}", "chat_copied") if answer.ok else visit.failed(answer)
    body = {"shared": what == "share"} if what in {"share", "unshare"} else {"title": form.get("title", "")}
    answer = await visit.send("PATCH", f"/chats/{chat}", body)
    if not answer.ok:
        return await _shown(visit, chat, answer.problem)
    flash = {"share": "chat_shared", "unshare": "chat_unshared"}.get(what, "saved")
    return visit.go(f"{PATH}/{chat}", flash)


@page
async def templates(visit: Visit) -> Response:
    """Templates: to use, to make, to change."""
    form = await visit.form() if visit.request.method == "POST" else {}
    answer: Answer | None = None
    if form:
        answer = await _keep(visit, form)
        if answer.ok:
            return visit.go(TEMPLATES, "saved")
    found = await visit.get("/chat-templates")
    if not found.ok:
        return visit.failed(found)
    rows = found.body["templates"]
    edited = next((one for one in rows if one["mine"] and str(one["id"]) == visit.query.get("edit")), None)
    return visit.render(
        "chat_templates.html",
        section="chat",
        templates=rows,
        form=form or edited or {},
        problem=answer.problem if answer else None,
    )


async def _keep(visit: Visit, form: Mapping[str, str]) -> Answer:
    number = _number(form.get("id"))
    if form.get("what") == "delete":
        return await visit.send("DELETE", f"/chat-templates/{number or 0}")
    body = {"name": form.get("name", ""), "text": form.get("text", ""), "shared": "shared" in form}
    if number is None:
        return await visit.send("POST", "/chat-templates", body)
    return await visit.send("PUT", f"/chat-templates/{number}", body)


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/chat", index, methods=["GET"]),
        Route("/chat/send", send, methods=["POST"]),
        Route("/chat/templates", templates, methods=["GET", "POST"]),
        Route("/chat/{id:number}", show, methods=["GET"]),
        Route("/chat/{id:number}/change", change, methods=["POST"]),
    ]
