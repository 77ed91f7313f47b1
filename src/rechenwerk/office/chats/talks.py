"""Conversations as trees: which messages a branch has, and what of them the model is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from rechenwerk.office.chats.ports import FileRow, MessageRow
from rechenwerk.office.chats.sealing import ChatSeal


class Told(msgspec.Struct, frozen=True):
    """A message, opened."""

    row: MessageRow
    text: str
    problem: str
    code: str = ""
    files: tuple[FileRow, ...] = ()


def opened(
    seal: ChatSeal, chat: int, rows: Sequence[MessageRow], files: Sequence[FileRow]
) -> dict[int, Told]:
    """All messages of a conversation by their numbers, oldest first."""
    sent: dict[int, list[FileRow]] = {}
    for file in files:
        if file.message_id is not None:
            sent.setdefault(file.message_id, []).append(file)
    found = {}
    for row in rows:
        said = seal.open_said(chat, row.id, row.sealed)
        found[row.id] = Told(row, said.text, said.problem, said.code, tuple(sent.get(row.id, ())))
    return found


def branch(messages: Mapping[int, Told], end: int | None) -> list[Told]:
    """From the first message to this one."""
    found = []
    while end is not None:
        told = messages[end]
        found.append(told)
        end = told.row.parent_id
    return found[::-1]


def prompt(seal: ChatSeal, chat: int, messages: Sequence[Told]) -> list[dict[str, str]]:
    """A branch as OpenAI's chat has it. An answer of which nothing came is left out."""
    return [
        {"role": told.row.role, "content": _content(seal, chat, told)}
        for told in messages
        if told.row.role == "user" or told.text
    ]


def _content(seal: ChatSeal, chat: int, told: Told) -> str:
    texts = []
    for file in told.files:
        name = seal.open_name(chat, file).replace('"', "'")
        texts.append(f'<file name="{name}">\n{seal.open_kept(chat, file).text}\n</file>\n\n')
    return "".join(texts) + told.text


def title_of(question: str) -> str:
    """A title out of a first question: its first words."""
    words = " ".join("".join(one if one.isprintable() else " " for one in question).split())
    return words if len(words) <= 60 else words[:60].rsplit(" ", 1)[0].rstrip(",.;:") + " …"
