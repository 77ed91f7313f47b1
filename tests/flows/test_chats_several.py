"""Conversations that somebody deletes while they are used, and answers that another office writes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Iterator
from typing import Any

import asyncpg
import httpx2
import msgspec
import pytest

from rechenwerk.identity.secrets import SecretBox
from rechenwerk.main_chats import mount_chats
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.office.app import create_app
from tests.fakes.knobs import DEFAULT_MODEL
from tests.fakes.provider import FakeProvider, running_fake
from tests.flows.cloud import TICK
from tests.flows.office_desk import SECRET_KEY, Office


class Houses:
    """Two offices of one installation; what they ask is a provider that says what it is told to."""

    def __init__(self, office: Office, fake: FakeProvider, url: str) -> None:
        self.office, self.fake, self.url = office, fake, url
        self.run = office.runner.run
        self.first, self.second = self._house(), self._house()

    def _house(self) -> httpx2.AsyncClient:
        app = create_app(self.office.desk, self.office.clock, secrets.token_bytes, box=SecretBox(SECRET_KEY))
        mount_chats(app, self.office.pool, self.fake.url, LazyViewer())
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),  # what fails in it fails the test
            base_url="http://office/api/v1",
            headers={"authorization": f"Bearer {self.office.first.key}"},
            timeout=60,
        )

    async def begin(self) -> int:
        """A new conversation."""
        return int((await self.first.post("/chats", json={})).json()["id"])

    def ask(self, chat: int) -> Awaitable[httpx2.Response]:
        """Ask in the first office; the answer comes when it has ended."""
        body = {"model": DEFAULT_MODEL, "text": "Tell me everything"}
        return asyncio.ensure_future(self.first.post(f"/chats/{chat}/messages", json=body))

    async def answer(self, chat: int, *, begun: bool = True) -> Any:
        """The answer as the second office shows it, once it is there, and has words."""
        async with asyncio.timeout(30):
            while True:
                messages = (await self.second.get(f"/chats/{chat}")).json()["messages"]
                if len(messages) == 2 and (messages[1]["text"] or not begun):
                    return messages[1]
                await asyncio.sleep(TICK)

    async def blocked(self) -> None:
        """Until somebody waits for a lock."""
        query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        query += " and datname = current_database()"
        async with asyncio.timeout(30):
            while not await self.office.pool.fetchval(query):  # noqa: ASYNC110
                await asyncio.sleep(TICK)


@pytest.fixture
def houses(office: Office, database_url: str) -> Iterator[Houses]:
    with running_fake() as fake:
        yield Houses(office, fake, database_url)


def ends(answer: httpx2.Response) -> Any:
    """The last event of an answer."""
    assert answer.status_code == 200, answer.text
    *_, name, data = answer.text.strip().splitlines()
    assert name == "event: end"
    return msgspec.json.decode(data.removeprefix("data: "))


def test_a_conversation_deleted_under_its_answer_ends_it_in_one_line(houses: Houses) -> None:
    async def flow() -> None:
        houses.fake.knobs.answer_tokens, houses.fake.knobs.pace_ms = 5000, 20
        chat = await houses.begin()
        asked = houses.ask(chat)
        await houses.answer(chat)
        assert (await houses.second.delete(f"/chats/{chat}")).status_code == 200
        end = ends(await asked)
        assert (end["state"], end["text"]) == ("failed", "")
        assert end["problem"].startswith("the conversation was deleted meanwhile")
        assert (await houses.first.get(f"/chats/{chat}")).status_code == 404

    houses.run(flow())


@pytest.mark.parametrize("what", ["messages", "files"])
def test_a_conversation_deleted_before_the_question_is_kept_is_not_there(houses: Houses, what: str) -> None:
    async def flow() -> None:
        chat = await houses.begin()
        connection = await asyncpg.connect(houses.url)
        async with connection.transaction():  # it is deleted, and nobody sees it yet
            await connection.execute("delete from chat where id = $1", chat)
            if what == "messages":
                asked = houses.ask(chat)
            else:
                path = f"/chats/{chat}/files?name=a.txt"
                asked = asyncio.ensure_future(houses.first.post(path, content=b"some words"))
            await houses.blocked()
        await connection.close()
        answer = await asked
        assert answer.status_code == 404, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == (
            "conversation_not_found",
            f"there is no conversation '{chat}'",
        )

    houses.run(flow())


def test_another_office_shows_a_running_answer_and_reads_it_along(houses: Houses) -> None:
    async def flow() -> None:
        houses.fake.knobs.answer_tokens, houses.fake.knobs.pace_ms = 150, 20
        chat = await houses.begin()
        headers, body = {"idempotency-key": "one"}, {"model": DEFAULT_MODEL, "text": "Tell me"}
        path = f"/chats/{chat}/messages"
        asked = asyncio.ensure_future(houses.first.post(path, json=body, headers=headers))
        assert (await houses.answer(chat, begun=False))["state"] == "writing"
        along = await houses.second.post(path, json=body, headers=headers)
        whole, read = ends(await asked), ends(along)
        assert whole["state"] == read["state"] == "done"
        assert read["text"] == whole["text"]
        assert len(whole["text"].split()) == 150
        words = [line for line in along.text.splitlines() if line.startswith('data: {"text"')]
        said = [msgspec.json.decode(line.removeprefix("data: "))["text"] for line in words]
        assert "".join(said) == whole["text"], "no word twice"

    houses.run(flow())


def test_another_office_stops_a_running_answer(houses: Houses) -> None:
    async def flow() -> None:
        houses.fake.knobs.answer_tokens, houses.fake.knobs.pace_ms = 5000, 20
        chat = await houses.begin()
        asked = houses.ask(chat)
        answer = await houses.answer(chat)
        assert answer["state"] == "writing"
        stopped = await houses.second.post(f"/chats/{chat}/messages/{answer['id']}/stop")
        assert stopped.json()["state"] == "stopped"
        end = ends(await asked)
        assert end["state"] == "stopped"
        assert end["text"].startswith("word0")
        assert (await houses.answer(chat))["state"] == "stopped"

    houses.run(flow())


def test_an_answer_whose_office_died_is_stopped(houses: Houses) -> None:
    async def flow() -> None:
        chat = await houses.begin()
        await houses.ask(chat)
        answer = await houses.answer(chat)
        cut = "update chat_message set state = 'writing', beat_at = now() - interval '1 minute' where id = $1"
        await houses.office.pool.execute(cut, answer["id"])
        assert (await houses.answer(chat))["state"] == "stopped"

    houses.run(flow())
