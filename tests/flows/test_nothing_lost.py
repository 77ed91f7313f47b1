"""Every token that a provider produced is booked once, or stands as unresolved with its reason.

The provider's own count (`fake.produced`) is the other side of every comparison here.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from rechenwerk.base.errors import FencedError
from rechenwerk.base.ids import decode_call
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.ports import Hold, Outcome, Post
from rechenwerk.ledger.postings import transfers
from rechenwerk.office.ports import Guard
from rechenwerk.store.book import PostgresBook
from tests.caller import Line, Reply, ask, chat_body
from tests.fakes.provider import FakeProvider, Record, running_fake
from tests.installation import CONFIG, ONE_TRY, Town, gateway, gateway_process, town
from tests.postgres import SPOOL, Postmaster

EUR = 1_000_000_000


def produced(fake: FakeProvider) -> dict[int, Record]:
    """The provider's own record of every call that reached it."""
    return {decode_call(record.id): record for record in tuple(fake.produced.records) if record.id}


# -- one fault at a time -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and how the call must stand in the books.

    `stream`: streamed or not; `leave`: the client leaves after so many pieces of the answer, 0 at once.
    """

    name: str
    knobs: dict[str, Any]
    outcome: str
    source: str
    reason: str = ""
    stream: bool = True
    leave: int | None = None
    status: int = 200
    max_tokens: int = 50


GONE = "client was gone"
HUNG_UP = "hung up before"
CUT = MappingProxyType({"answer_tokens": 60})
"""An answer that ends by itself has a last token that no text shows; one that is cut has none."""
OPENAI = (
    Fault("nothing", {}, "posted", "reported"),
    Fault("nothing, unary", {}, "posted", "reported", stream=False),
    Fault("client leaves", {"pace_ms": 3}, "posted", "reported", leave=3),
    Fault("client leaves before the head", {"latency_ms": 60}, "posted", "reported", leave=0),
    Fault("client leaves, unary", {"latency_ms": 60}, "posted", "reported", stream=False, leave=0),
    Fault(
        "leaves, then silence",
        {"stall_after_events": 6, "pace_ms": 30},
        "unresolved",
        "estimated",
        GONE,
        leave=3,
    ),
    Fault(
        "silence before any byte",
        {"stall_after_events": 0},
        "unresolved",
        "none",
        "in time",
        False,
        None,
        502,
    ),
    Fault("silence in a stream", {"stall_after_events": 6}, "unresolved", "estimated", "in time"),
    Fault("dies in a stream", {"cut_after_events": 6}, "unresolved", "estimated", HUNG_UP),
    Fault("dies at the last event", {"cut_after_events": 22}, "unresolved", "estimated", HUNG_UP),
    Fault("dies after the usage", {"cut_after_events": 23}, "posted", "reported"),
    Fault("dies first", {"cut_before_answer": True}, "unresolved", "none", HUNG_UP, status=502),
    Fault("dies first, unary", {"cut_before_answer": True}, "unresolved", "none", HUNG_UP, False, None, 502),
    Fault("dies in a body", {"cut_mid_body": True}, "unresolved", "none", HUNG_UP, False, None, 502),
    Fault("no usage", {"no_usage": True}, "unresolved", "estimated", "no usage"),
    Fault("no usage, unary", {"no_usage": True}, "unresolved", "estimated", "no usage", False),
    Fault("wrong usage", {"wrong_usage": 7}, "posted", "reported", max_tokens=60),
    Fault("usage above the hold", {"wrong_usage": 5_000}, "posted", "reported", stream=False),
    Fault("error event", {"error_event_mid_stream": 6}, "unresolved", "estimated", "with an error"),
    Fault(
        "error event after the usage",
        {"error_event_mid_stream": 22, "usage_on_last_content_chunk": True},
        "failed",
        "reported",
        "with an error",
    ),
    Fault("500 with usage", {"error_with_usage": True}, "failed", "reported", "500", False, None, 500),
    Fault("500 with usage, stream", {"error_with_usage": True}, "failed", "reported", "500", True, None, 500),
    Fault("500", {"status": 500}, "void", "none", "500", False, None, 500),
    Fault("429", {"status": 429}, "void", "none", "429", True, None, 429),
    Fault("garbage", {"garbage": True}, "unresolved", "none", "not JSON", False, None, 502),
    Fault("garbage for a stream", {"garbage": True}, "unresolved", "none", "not JSON", True, None, 502),
    Fault("cached and reasoning", {"cached_tokens": 2, "reasoning_tokens": 9}, "posted", "reported"),
)
LLAMA_CPP = (
    Fault("no usage", {"no_usage": True, **CUT}, "posted", "counted", "no usage", max_tokens=20),
    Fault(
        "no usage, unary", {"no_usage": True, **CUT}, "posted", "counted", "no usage", False, max_tokens=20
    ),
    Fault(
        "leaves, then silence",
        {"stall_after_events": 6, "pace_ms": 30},
        "unresolved",
        "counted",
        GONE,
        leave=3,
    ),
    Fault("dies in a stream", {"cut_after_events": 6}, "unresolved", "counted", HUNG_UP),
    Fault("error event", {"error_event_mid_stream": 6}, "unresolved", "counted", "with an error"),
    Fault("client leaves", {"pace_ms": 3}, "posted", "reported", leave=3),
)


@pytest.mark.parametrize(("kind", "faults"), [("openai", OPENAI), ("llama.cpp", LLAMA_CPP)])
def test_whatever_goes_wrong_stands_in_the_books(
    database_url: str, kind: str, faults: tuple[Fault, ...]
) -> None:
    with running_fake() as fake:
        asyncio.run(_faults(database_url, fake, kind, faults))


async def _faults(url: str, fake: FakeProvider, kind: str, faults: tuple[Fault, ...]) -> None:
    settings = replace(ONE_TRY, drain_timeout=0.3, first_byte_timeout=0.6, between_bytes_timeout=0.6)
    async with town(url) as there:
        await there.configure(CONFIG.format(kind=kind, url=fake.base_url))
        tenant = await there.tenant(project=(Guard("money", "day", EUR),))
        async with gateway(url, settings) as (_, address):
            replies = await asyncio.gather(*[_suffer(address, tenant.key, fault) for fault in faults])
            rows = {row["id"]: row for row in await there.settled(len(faults))}
        assert len(rows) == len(faults)
        seen = {
            one.body["metadata"]["row"]: one.headers["x-request-id"]
            for one in fake.requests
            if "chat" in one.target
        }
        records = produced(fake)
        for fault, reply in zip(faults, replies, strict=True):
            call = rows[decode_call(seen[fault.name])]
            assert reply is None or reply.status == fault.status, fault.name
            _check_fault(fault, call, records.get(call["id"]))
        kinds = {row["kind"]: row["amount"] for row in await there.pool.fetch(_DEBITS)}
        assert ("failed" in kinds) == any(fault.outcome == "failed" for fault in faults)
        overrun = sum(int(row["price"] - row["charged"]) for row in rows.values())
        assert kinds.get("overrun", 0) == overrun
        assert (overrun > 0) == any(fault.name == "usage above the hold" for fault in faults)
        await there.assert_books_verify(tenant.organisation)


_DEBITS = """
select a.kind, sum(t.amount) as amount from transfer t join account a on a.id = t.debit group by a.kind
"""


async def _suffer(address: str, key: str, fault: Fault) -> Reply | None:
    """Make the call; what was answered, or None for a client that left before any answer."""
    body = chat_body(fault.max_tokens, stream=fault.stream, x_fake=fault.knobs, metadata={"row": fault.name})
    async with Line(address) as line:
        if fault.leave is None:
            reply = await line.begin(key, body)
            return await line.rest(reply)
        if fault.leave == 0:
            await line.send(key, body)
            return None
        reply = await line.begin(key, body)
        for _ in range(fault.leave):
            await line.piece(reply)
        return reply


def _check_fault(fault: Fault, call: asyncpg.Record, record: Record | None) -> None:
    name = fault.name
    assert (call["outcome"], call["usage_source"]) == (fault.outcome, fault.source), name
    assert fault.reason in (call["reason"] or ""), (name, call["reason"])
    assert bool(call["reason"]) == (fault.source != "reported" or fault.outcome != "posted"), name
    made = record.completion_tokens if record is not None else 0
    if fault.outcome == "void":
        assert record is None, name
        assert call["price"] == call["cost"] == 0, name
    elif fault.source == "none":
        # Nothing is known: the hold stands in, which covers whatever was produced.
        assert call["price"] == call["held"] == call["charged"], name
        assert call["price"] >= made * 3_000, name
    else:
        lie = fault.knobs.get("wrong_usage", 0)
        booked = call["output"] + call["reasoning"]
        assert booked == made + lie if fault.source != "estimated" else booked >= made, (name, booked, made)
        assert call["cost"] > 0, name
        assert (call["price"] > 0) == (fault.outcome != "failed"), name
    if fault.source == "reported":
        assert record is not None, name
        assert call["input"] + call["cached_input"] == record.prompt_tokens, name
        assert call["raw_usage"], name


# -- many calls, and something dies --------------------------------------------------------------------


@dataclass
class Load:
    """Callers that go on calling, whatever happens, and remember what they were told."""

    key: str
    addresses: list[str]
    knobs: dict[str, Any]
    replies: list[Reply] = field(default_factory=list)
    over: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def caller(self, place: int) -> None:
        turn = place
        while not self.over:
            turn += 1
            body = chat_body(30, stream=turn % 2 == 0, x_fake=self.knobs)
            with suppress(OSError):
                self.replies.append(await ask(self.addresses[turn % len(self.addresses)], self.key, body))
                self._news.set()

    async def until_refused(self, code: str) -> None:
        """Wait until somebody is refused for this reason from now on."""
        seen = len(self.replies)
        async with asyncio.timeout(30):
            while not any(reply.status >= 400 and reply.code == code for reply in self.replies[seen:]):
                self._news.clear()
                await self._news.wait()

    @property
    def good(self) -> list[Reply]:
        return [reply for reply in self.replies if reply.status == 200]

    async def until_good(self, more: int) -> None:
        """Wait until so many more calls were answered whole."""
        wanted = more + sum(reply.whole for reply in self.good)
        async with asyncio.timeout(30):
            while sum(reply.whole for reply in self.good) < wanted:
                self._news.clear()
                await self._news.wait()


def _compare(fake: FakeProvider, rows: list[asyncpg.Record], good: list[Reply]) -> Counter[str]:
    """Nothing produced without a booking, nothing booked twice or without a call, to the token."""
    records = produced(fake)
    calls = {row["id"]: row for row in rows}
    assert len(calls) == len(rows)
    for call_id, record in records.items():
        if record.completion_tokens:
            assert call_id in calls, (record, "was produced and is not booked")
    for call_id, call in calls.items():
        if call["outcome"] == "posted":
            record = records[call_id]
            assert (call["input"], call["output"]) == (record.prompt_tokens, record.completion_tokens)
            assert record.finished
        else:
            assert call["outcome"] in {"unresolved", "void"}
            assert call["reason"]
            assert call["price"] >= (records[call_id].completion_tokens if call_id in records else 0) * 3_000
    for reply in good:
        if reply.whole:
            assert calls[reply.call]["outcome"] in {"posted", "unresolved"}
    return Counter(row["outcome"] for row in rows)


def test_a_database_that_dies_under_way_loses_nothing(tmp_path: Path) -> None:
    with Postmaster(tmp_path) as postmaster, running_fake() as fake:
        asyncio.run(_database_dies(postmaster, fake))


async def _database_dies(postmaster: Postmaster, fake: FakeProvider) -> None:
    url = postmaster.url
    async with town(url) as there:
        await there.configure(CONFIG.format(kind="openai", url=fake.base_url))
        guards = (Guard("money", "day", EUR), Guard("calls", "now", 40))
        tenant = await there.tenant(project=guards, key=(Guard("money", "total", EUR),))
    with gateway_process(url, SILENCE="30") as process:
        load = Load(tenant.key, [process.address], {"latency_ms": 30, "pace_ms": 1})
        async with asyncio.TaskGroup() as group:
            for place in range(24):
                group.create_task(load.caller(place))
            for _ in range(2):
                await load.until_good(60)
                postmaster.kill()
                await load.until_refused("books_unavailable")
                await asyncio.to_thread(postmaster.start)
            await load.until_good(100)
            load.over = True
        async with town(url) as there:
            rows = await there.settled(len(load.good))
            outcomes = _compare(fake, rows, load.good)
            # The gateway lived: it knows what every call cost, and each is booked exactly.
            assert set(outcomes) == {"posted"}
            assert outcomes["posted"] == len(load.good) == fake.totals.finished
            assert all(reply.whole for reply in load.good)
            # Nothing of the limits stuck: forty calls at once still are admitted.
            knobs = {"latency_ms": 100}
            body = chat_body(30, x_fake=knobs)
            replies = await asyncio.gather(*[ask(process.address, tenant.key, body) for _ in range(40)])
            assert {reply.status for reply in replies} == {200}
            await there.settled(len(rows) + 40)
            await there.assert_books_verify(tenant.organisation)


def test_a_gateway_killed_at_any_moment_loses_nothing(database_url: str) -> None:
    with running_fake() as fake, ExitStack() as stack:
        asyncio.run(_kill_gateways(database_url, fake, stack))


KILLS = 10


async def _kill_gateways(url: str, fake: FakeProvider, stack: ExitStack) -> None:
    chance = Random(20261121)
    async with town(url) as there:
        await there.configure(CONFIG.format(kind="openai", url=fake.base_url))
        tenant = await there.tenant(project=(Guard("money", "day", EUR),), key=(Guard("calls", "now", 100),))
        first = stack.enter_context(gateway_process(url, SILENCE="1"))
        # The provider answers faster than a commit: a hold may still be on its way when the gateway dies.
        load = Load(tenant.key, [first.address], {"latency_ms": 0, "pace_ms": 4})
        running = first
        async with asyncio.TaskGroup() as group:
            for place in range(40):
                group.create_task(load.caller(place))
            for _ in range(KILLS):
                manager = gateway_process(url, SILENCE="1")
                following = await asyncio.to_thread(stack.enter_context, manager)
                await load.until_good(chance.randrange(1, 60))
                load.addresses = [following.address]
                running.kill()
                running = following
            await load.until_good(40)
            load.over = True
        rows = await there.settled(len(load.good))
        outcomes = _compare(fake, rows, load.good)
        assert outcomes["posted"] >= KILLS * 20
        assert outcomes["unresolved"] >= KILLS
        assert {row["reason"] for row in rows if row["outcome"] == "unresolved"} == {
            "the gateway process ended before the call did"
        }
        # The slices of the dead are back: what is not spent lies with the living, or in the pool.
        assert await there.pool.fetchval("select sum(posted) from slice") == sum(
            row["charged"] for row in rows if row["slices"]
        )
        stuck = (
            "select count(*) from slice s join process p on p.id = s.process_id"
            " where p.ended_at is not null and s.granted <> s.posted"
        )
        assert await there.pool.fetchval(stuck) == 0
        await there.assert_books_verify(tenant.organisation)


def test_a_gateway_that_is_told_to_stop_ends_its_streams(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_stop_gently(database_url, fake))


async def _stop_gently(url: str, fake: FakeProvider) -> None:
    async with town(url) as there:
        await there.configure(CONFIG.format(kind="openai", url=fake.base_url))
        tenant = await there.tenant(project=(Guard("money", "day", EUR),))
        with gateway_process(url, GRACE="20") as process:
            bodies = [
                chat_body(
                    60, stream=bool(n % 3), x_fake={"pace_ms": 10, "latency_ms": 400, "answer_tokens": 60}
                )
                for n in range(60)
            ]
            calls = [asyncio.create_task(ask(process.address, tenant.key, body)) for body in bodies]
            await asyncio.to_thread(fake.wait_until, lambda: fake.totals.completion_tokens > 200)
            process.process.send_signal(signal.SIGTERM)
            replies = await asyncio.gather(*calls)
            assert await asyncio.to_thread(process.process.wait, 20) == 0
        assert all(reply.status == 200 and reply.whole for reply in replies)
        rows = await there.settled(60)
        assert _compare(fake, rows, replies) == {"posted": 60}
        assert all(row["output"] == 60 for row in rows)
        assert await there.pool.fetchval("select count(*) from process where ended_at is null") == 0
        assert await there.pool.fetchval("select count(*) from slice where granted <> posted") == 0
        await there.assert_books_verify(tenant.organisation)


def test_a_gateway_that_was_frozen_is_fenced(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_freeze(database_url, fake))


async def _freeze(url: str, fake: FakeProvider) -> None:
    async with town(url) as there:
        await there.configure(CONFIG.format(kind="openai", url=fake.base_url))
        tenant = await there.tenant(project=(Guard("money", "day", EUR),))
        with gateway_process(url, SILENCE="1", GRACE="3") as frozen, gateway_process(url, SILENCE="1"):
            body = chat_body(50, stream=True, x_fake={"pace_ms": 20})
            async with Line(frozen.address) as running, Line(frozen.address) as late:
                begun = await running.begin(tenant.key, body)
                await running.piece(begun)
                frozen.process.send_signal(signal.SIGSTOP)
                await late.send(tenant.key, chat_body())  # it lies in the socket when the sleeper wakes
                rows = await there.settled(1)
                assert [(row["outcome"], row["price"]) for row in rows] == [("unresolved", rows[0]["held"])]
                frozen.process.send_signal(signal.SIGCONT)
                assert await asyncio.to_thread(frozen.process.wait, 20) == 3
        assert await there.settled(1) == rows
        assert fake.totals.accepted == 1  # nobody was asked on behalf of a dead process
        await there.assert_books_verify(tenant.organisation)


# -- twice, or too late --------------------------------------------------------------------------------


def test_a_post_is_booked_once(database_url: str) -> None:
    asyncio.run(_once(database_url))


async def _once(url: str) -> None:
    async with town(url) as there:
        await there.configure(CONFIG.format(kind="openai", url="http://127.0.0.1:9/v1"))
        tenant = await there.tenant(project=(Guard("money", "total", EUR),))
        books = [PostgresBook(url, "first", SPOOL), PostgresBook(url, "second", SPOOL)]
        numbers = [await book.open(lambda *_: None) for book in books]
        assert numbers == [0, 1]
        first, second = books
        holds = [await _hold(there, first, tenant.organisation, tenant.project, n) for n in range(1, 5)]
        await first.write_holds(holds)
        await first.write_holds(holds)  # the acknowledgement was lost
        posts = [await _post(first, hold, "posted", 7) for hold in holds]
        await first.write_posts(posts[:1])
        await first.write_posts(posts[:1])
        await first.write_posts(posts[:2])  # one is new
        before = await _books(there)
        await first.write_posts([await _post(first, holds[0], "unresolved", 99)])
        assert await _books(there) == before
        assert await there.pool.fetchval("select sum(held) from slice") == 2 * 100
        # The first is silent for long enough: the second books what it left.
        await there.pool.execute(
            "update process set heartbeat_at = now() - interval '1 hour' where number = 0"
        )
        assert await second.beat(5.0) == 2
        assert await second.beat(5.0) == 0
        before = await _books(there)
        for late in (first.write_posts(posts), first.write_holds(holds), first.beat(5.0)):
            with pytest.raises(FencedError):
                await late
        assert await _books(there) == before
        outcomes = Counter(row["outcome"] for row in before[0])
        assert outcomes == {"posted": 2, "unresolved": 2}
        await there.assert_books_verify(tenant.organisation)
        for book in books:
            await book.close()


async def _books(there: Town) -> tuple[list[asyncpg.Record], list[asyncpg.Record], list[asyncpg.Record]]:
    return (
        await there.pool.fetch("select * from call order by id"),
        await there.pool.fetch("select * from transfer order by call_id, line"),
        await there.pool.fetch("select * from slice order by id"),
    )


async def _hold(there: Town, book: PostgresBook, organisation: int, project: int, number: int) -> Hold:
    row = await there.pool.fetchrow("select d.id, d.contract_id, g.id as guard from deployment d, guard g")
    assert row is not None
    grant = await book.lease(row["guard"], 0, 100)
    assert grant is not None
    at = 1_800_000_000_000_000
    return Hold(
        number, organisation, project, 1, row["id"], row["contract_id"], "chat", "fake-model", False,
        100, 80, f"{{{grant.slice_id}}}", at, 600,
    )  # fmt: skip


async def _post(book: PostgresBook, hold: Hold, outcome: Outcome, price: int) -> Post:
    accounts = await book.accounts(hold.organisation, hold.project, hold.contract)
    moves = transfers(outcome, accounts, price, price - 2, hold.amount)
    reason = None if outcome == "posted" else "a reason"
    return Post(
        hold, hold.deployment, hold.contract, outcome, reason, "reported", Usage(1, 0, 0, 2), None,
        price, price - 2, 200, 1, 2, "{}", moves,
    )  # fmt: skip
