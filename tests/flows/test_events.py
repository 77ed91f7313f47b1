"""Who listens hears which kinds of things have changed: rights, bounds, and the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from rechenwerk.base.errors import RefusedError
from rechenwerk.office.access import admit
from rechenwerk.office.events import MOST_OF_ONE, Events, Listener, kinds_for, told
from rechenwerk.office.sum_ports import Marks
from tests.flows.office_desk import Bookkeeper, Office

ALL = ["calls", "budgets", "audit", "jobs", "configuration"]


class Stream:
    """One listener's connection over ASGI, read event by event."""

    def __init__(self, app: FastAPI, key: str, query: str = "") -> None:
        self._app, self._key, self._query = app, key, query
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._left = asyncio.Event()
        self._rest = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self._pieces.put_nowait(message.get("body", b""))
            if not message.get("more_body"):
                self._pieces.put_nowait(None)

    async def run(self) -> None:
        headers = [(b"authorization", f"Bearer {self._key}".encode()), (b"host", b"office")]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/v1/events",
            "raw_path": b"/api/v1/events",
            "query_string": self._query.encode(),
            "headers": headers,
            "http_version": "1.1",
            "scheme": "http",
            "server": ("office", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        await self._app(scope, self._receive, self._send)
        self._pieces.put_nowait(None)

    def leave(self) -> None:
        self._left.set()

    async def event(self) -> tuple[str, list[str]]:
        """The next event that is no sign of life; ("", []) at the end."""
        async with asyncio.timeout(60):
            while True:
                text, found, rest = self._rest.partition(b"\n\n")
                if found:
                    self._rest = rest
                    lines = dict(line.split(": ", 1) for line in text.decode().splitlines())
                    if "event" in lines:
                        return lines["event"], json.loads(lines["data"])["kinds"]
                    continue
                piece = await self._pieces.get()
                if piece is None:
                    return "", []
                self._rest += piece


@asynccontextmanager
async def stream(office: Office, key: str = "", query: str = "") -> AsyncIterator[Stream]:
    there = Stream(office.app, key or office.first.key, query)
    task = asyncio.create_task(there.run())
    try:
        yield there
    finally:
        there.leave()
        await task


def test_a_call_that_is_booked_is_heard(office: Office, bookkeeper: Bookkeeper) -> None:
    async def main() -> tuple[Stream, Sequence[Any]]:
        async with stream(office) as there:
            heard = [await there.event()]
            await office.pool.execute("update installation set version = version + 1")
            heard.append(await there.event())
            return there, heard

    there, heard = office.runner.run(main())
    assert heard == [("listening", ALL), ("changed", ["configuration"])]
    assert there.headers["content-type"].startswith("text/event-stream")
    assert (there.headers["cache-control"], there.headers["x-accel-buffering"]) == ("no-store", "no")
    assert office.app.state.events.listeners == 0, "nobody is left behind"
    mine = office.sql("select id from organisation where name = 'default'")[0]["id"]
    marks = office.runner.run(office.desk.sums.marks([mine]))
    bookkeeper.post(bookkeeper.hold("default", 1000), "posted", 500, 300)
    after = office.runner.run(office.desk.sums.marks([mine]))
    before, now = marks[mine], after[mine]
    assert {one for one in Marks.__struct_fields__ if getattr(before, one) != getattr(now, one)} >= {"calls"}


def test_one_hears_what_ones_scopes_open(office: Office) -> None:
    assert kinds_for(frozenset({"inference"})) == ()
    assert kinds_for(frozenset({"audit"})) == ("calls", "budgets", "audit", "jobs")
    assert kinds_for(frozenset({"documents"})) == ("jobs",)
    assert list(kinds_for(frozenset({"operator"}))) == ALL
    office.refused(401, "GET", "/events", None)
    office.refused(401, "GET", "/events", "rw-" + "a" * 32)
    key = office.key("default", "documents")
    office.refused(404, "GET", "/events", key, params={"organisation": "operator"})

    async def main() -> tuple[str, list[str]]:
        async with stream(office, key) as there:
            return await there.event()

    assert office.runner.run(main()) == ("listening", ["jobs"])


def test_a_key_listens_so_many_times_and_no_more(office: Office) -> None:
    events: Events = office.app.state.events

    async def main() -> None:
        with pytest.raises(RefusedError, match="close some"):
            await _many(events, MOST_OF_ONE + 1)

    office.runner.run(main())
    assert events.listeners == 0


async def _many(events: Events, number: int) -> None:
    if number:
        with events.listening(1, 7, ("calls",)):
            await _many(events, number - 1)


def test_a_stream_ends_with_its_key_however_much_there_is_to_hear(office: Office) -> None:
    key = office.key("default", "books")

    async def main() -> list[bytes]:
        here = office.app.state.office
        realm = await admit(here, key, None, (), role=False, reads=True)
        listener = Listener(realm.organisation_id, realm.caller.key_id, ["calls"])
        pieces = told(realm, key, ["calls"], listener, alive=0)
        said = [await anext(pieces)]
        for _ in range(2):
            listener.tell(frozenset({"calls"}))
            said.append(await anext(pieces))
        await here.desk.tenants.revoke_key(realm.organisation_id, realm.caller.key_id, here.now())
        for _ in range(5):
            listener.tell(frozenset({"calls"}))
            said.append(await anext(pieces, b"end"))
        return said

    said = office.runner.run(main())
    assert [piece.count(b"event: changed") for piece in said] == [0, 1, 1, 0, 0, 0, 0, 0]
    assert said[3:] == [b"end"] * 5


def test_streams_end_with_the_process_and_nobody_comes_after(office: Office) -> None:
    async def main() -> tuple[tuple[str, list[str]], int]:
        async with stream(office) as there, stream(office) as other:
            await there.event()
            await other.event()
            office.app.state.events.close()
            assert await other.event() == ("", [])
            end = await there.event()
        async with stream(office) as late:
            await late.event()
        return end, late.status

    assert office.runner.run(main()) == (("", []), 503)


def test_one_look_serves_all_and_each_hears_of_its_own_organisation() -> None:
    looks: list[Sequence[int]] = []
    marks = Marks("0", "0", "0", "0", "0")

    async def look(organisations: Sequence[int]) -> dict[int, Marks]:
        looks.append(organisations)
        number = len(looks)
        return {
            one: msgspec.structs.replace(marks, calls=str(number)) if one == 2 else marks
            for one in organisations
        }

    async def main() -> None:
        events = Events(look)
        with (
            events.listening(1, 1, ALL) as one,
            events.listening(2, 2, ["calls"]) as two,
            events.listening(2, 3, ["audit"]) as deaf,
        ):
            await events.begin(1)
            await events.begin(2)
            assert await two.next(60) == ["calls"]
            assert (await one.next(0), await deaf.next(0)) == ([], [])
        assert looks[-1] == [1, 2]
        assert events.listeners == 0

    asyncio.run(main())


def test_who_comes_during_a_look_misses_nothing() -> None:
    marks = Marks("0", "0", "0", "0", "0")

    async def main() -> None:
        looking, came = asyncio.Event(), asyncio.Event()

        async def look(organisations: Sequence[int]) -> dict[int, Marks]:
            if organisations == [1]:
                looking.set()
                await came.wait()
            later = 1 in organisations and 2 in organisations
            return {
                one: msgspec.structs.replace(marks, calls="1") if later else marks for one in organisations
            }

        events = Events(look)
        with events.listening(1, 1, ALL):
            await looking.wait()
            with events.listening(2, 2, ALL) as late:
                await events.begin(2)
                came.set()
                assert await late.next(60) == ["calls"]

    asyncio.run(main())
