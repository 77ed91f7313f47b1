"""When a provider fails before its first byte, the next one serves, and the client sees one whole answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from rechenwerk.base.ids import encode_call
from tests.caller import Reply, ask
from tests.fakes.provider import Record
from tests.flows.several import FIRST, SECOND, Place, Several, decision, several
from tests.spoken import PATHS, Spoken, body_of, how, is_stream, said, words


@dataclass(frozen=True)
class Fault:
    """What the first provider does.

    `left`: how the attempt stands in the books; empty where it cost nothing and is in the decision only.
    `forms`: streamed or not, of the calls that can meet it.
    """

    name: str
    knobs: dict[str, Any]
    reason: str
    left: str = ""
    forms: tuple[bool, ...] = (False, True)


UNARY = (False,)
STREAM = (True,)
FAULTS = (
    Fault("reset", {"cut_before_answer": True, "cut_by_reset": True}, "hung up", "unresolved"),
    Fault("closed", {"cut_before_answer": True}, "hung up", "unresolved"),
    Fault("hangs", {"hang": True}, "send a byte in time", "unresolved"),
    Fault("a head, then silence", {"stall_after_events": 0}, "send a byte in time", "unresolved", STREAM),
    Fault("a head, then a reset", {"cut_after_events": 0}, "hung up", "unresolved", STREAM),
    Fault("half a body", {"cut_mid_body": True}, "hung up", "unresolved", UNARY),
    Fault("half a body, reset", {"cut_mid_body": True, "cut_by_reset": True}, "hung up", "unresolved", UNARY),
    Fault("500", {"status": 500}, "500"),
    Fault("503", {"status": 503, "retry_after": 60}, "503"),
    Fault("a proxy gave up", {"status": 504}, "504", "unresolved"),
    Fault("no credentials", {"status": 401}, "401"),
    Fault("no such model", {"models": ["another"]}, "404"),
    Fault("an error first", {"error_event_mid_stream": 0}, "", forms=STREAM),
    Fault("garbage", {"garbage": True}, "cannot be read", "unresolved"),
    Fault("half of the JSON", {"malformed_after_events": 1}, "cannot be read", "unresolved", UNARY),
    Fault("a broken frame first", {"malformed_after_events": 0}, "", "unresolved", STREAM),
    Fault("429", {"status": 429}, "429"),
)
TOKENS = 20
"""What a fake says when nothing cuts it short."""
PROMPT = "hello there"
WAYS: tuple[tuple[Spoken, str], ...] = (
    ("chat", "openai-compatible"),
    ("chat", "anthropic"),
    ("messages", "anthropic"),
    ("responses", "openai-compatible"),
    ("responses", "gemini"),
    ("messages", "bedrock"),
)


@pytest.mark.parametrize(("spoken", "kind"), WAYS)
def test_the_next_provider_serves(database_url: str, spoken: Spoken, kind: str) -> None:
    asyncio.run(_next_serves(database_url, spoken, kind))


async def _next_serves(url: str, spoken: Spoken, kind: str) -> None:
    async with several(url, Place("first", kind, "own"), SECOND) as here:
        asked = [(fault, stream) for fault in FAULTS for stream in fault.forms]
        met = []
        for fault, stream in asked:
            first = here.fakes["first"]
            first.set_knobs(fault.knobs)
            body = body_of(spoken, PROMPT, 2 * TOKENS, stream=stream)
            before = here.asked
            reply = await ask(here.address, here.tenant.key, body, PATHS[spoken])
            assert here.asked - before == {"first": 1, "second": 1}, (fault, stream)
            assert reply.status == 200, (fault, stream, reply)
            assert is_stream(reply) == stream
            assert how(spoken, reply) == "whole", (fault, stream, reply)
            assert said(spoken, reply) == words(TOKENS), (fault, stream, reply)
            met.append((reply, list(first.produced.records)))
            first.reset()
        left = sum(bool(fault.left) for fault, _ in asked)
        rows = await here.booked(len(asked) + left)
        for (fault, stream), (reply, wasted) in zip(asked, met, strict=True):
            await _check_answer(here, fault, reply, rows, (fault.name, stream))
            attempts = [row for row in rows if row["attempt_of"] == reply.call]
            assert [row["outcome"] for row in attempts] == [fault.left] * bool(fault.left), fault.name
            for row in attempts:
                await _check_attempt(here, row, wasted)


async def _check_answer(
    here: Several, fault: Fault, reply: Reply, rows: list[asyncpg.Record], name: object
) -> None:
    """The answer is posted once, on the contract that served it."""
    (call,) = [row for row in rows if row["id"] == reply.call]
    assert (call["outcome"], call["usage_source"], call["attempt_of"]) == ("posted", "reported", None), name
    assert await here.contract_of(call) == "second"
    made = here.fakes["second"].produced.find(encode_call(call["id"]))
    assert (call["input"], call["output"]) == (made.prompt_tokens, made.completion_tokens), name
    assert call["cost"] == made.prompt_tokens * 3_000 + made.completion_tokens * 4_000, name
    assert call["price"] == call["charged"] == made.prompt_tokens * 1_500 + made.completion_tokens * 3_000
    kept = decision(call)
    assert kept["deployment"] == "second/fake-model"
    (tried,) = kept["tried"]
    assert (tried["deployment"], fault.reason in tried["reason"]) == ("first/fake-model", True), (name, tried)


async def _check_attempt(here: Several, row: asyncpg.Record, wasted: list[Record]) -> None:
    """What had left is booked by itself: at no price, for at least what it made, on its own contract."""
    assert (row["price"], row["charged"], row["held"], row["slices"]) == (0, 0, 0, [])
    assert await here.contract_of(row) == "first"
    assert decision(row)["deployment"] == "first/fake-model"
    assert row["reason"]
    assert row["total_us"] > 0
    for made in wasted:
        assert made.id == encode_call(row["attempt_of"])
        assert row["cost"] >= made.prompt_tokens * 1_000 + made.completion_tokens * 2_000


def test_nobody_there_is_no_attempt_that_costs(database_url: str) -> None:
    asyncio.run(_nobody_there(database_url))


async def _nobody_there(url: str) -> None:
    async with several(url, FIRST, SECOND) as here:
        await here.fakes["first"].refuse()
        replies = [await here.ask(TOKENS, stream=stream) for stream in (False, True)]
        await here.fakes["first"].accept()
        replies.append(await here.ask(TOKENS))
        assert [said("chat", reply) for reply in replies] == [words(TOKENS)] * 3
        rows = await here.booked(3)
        assert [await here.contract_of(row) for row in rows] == ["second", "second", "first"]
        for row in rows[:2]:
            (tried,) = decision(row)["tried"]
            assert tried["deployment"] == "first/fake-model"
            assert "no connection" in tried["reason"]
            assert tried["seconds"] >= 0
        assert "tried" not in decision(rows[2])


def test_work_that_served_nobody_is_booked_as_reported(database_url: str) -> None:
    """A provider that fails and says what it used: on the account of failed attempts, to the token."""
    asyncio.run(_worked_for_nothing(database_url))


async def _worked_for_nothing(url: str) -> None:
    async with several(url, FIRST, SECOND) as here:
        here.fakes["first"].knobs.error_with_usage = True
        for stream in (False, True):
            assert said("chat", await here.ask(TOKENS, stream=stream)) == words(TOKENS)
        failed = [row for row in await here.booked(4) if row["attempt_of"]]
        assert [(row["outcome"], row["usage_source"], row["output"]) for row in failed] == [
            ("failed", "reported", TOKENS)
        ] * 2
        assert [row["cost"] for row in failed] == [5 * 1_000 + TOKENS * 2_000] * 2
        assert [row["price"] for row in failed] == [0, 0]
        kinds = await here.town.pool.fetch(
            "select a.kind, sum(t.amount) as amount from transfer t join account a on a.id = t.debit"
            " where a.kind in ('failed', 'unresolved_cost', 'unresolved_price', 'overrun') group by a.kind"
        )
        assert {row["kind"]: row["amount"] for row in kinds} == {"failed": 2 * (5 * 1_000 + TOKENS * 2_000)}


def test_a_request_that_is_wrong_is_tried_nowhere_else(database_url: str) -> None:
    asyncio.run(_wrong_request(database_url))


async def _wrong_request(url: str) -> None:
    async with several(url, FIRST, SECOND) as here:
        for status in (400, 422, 413):
            here.fakes["first"].knobs.status = status
            for stream in (False, True):
                reply = await here.ask(TOKENS, stream=stream)
                assert (reply.status, "told to answer" in reply.json["error"]["message"]) == (status, True)
        assert here.asked == {"first": 6}
        rows = await here.booked(6)
        assert {row["outcome"] for row in rows} == {"void"}
        assert not any("tried" in decision(row) for row in rows)
