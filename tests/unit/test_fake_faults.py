"""Faults in every dialect, faults by chance, and a provider that refuses connections."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.fakes.chaos import FAULTS
from tests.fakes.provider import DEFAULT_MODEL, FakeProvider, Knobs, running_fake

HI = "Good morning, dear fake"
MESSAGES = [{"role": "user", "content": HI}]


class Case(NamedTuple):
    """A request in a dialect, and the last words of its stream."""

    path: str
    body: dict[str, Any]
    last: bytes = b""
    headers: str = ""


PARTS = {"messages": [{"role": "user", "content": [{"text": HI}]}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": HI}]}]}
GEMINI = f"/v1beta/models/{DEFAULT_MODEL}"
VERSION = "anthropic-version: 2023-06-01\r\n"
CLAUDE = {"model": DEFAULT_MODEL, "messages": MESSAGES, "max_tokens": 50}
CHAT = {"model": DEFAULT_MODEL, "messages": MESSAGES}
RESPONSES = {"model": DEFAULT_MODEL, "input": HI}
STREAMS = {
    "chat": Case("/v1/chat/completions", {**CHAT, "stream": True}, b"data: [DONE]\n\n"),
    "responses": Case("/v1/responses", {**RESPONSES, "stream": True}, b"event: response.completed"),
    "anthropic": Case("/v1/messages", {**CLAUDE, "stream": True}, b"event: message_stop", VERSION),
    "gemini": Case(f"{GEMINI}:streamGenerateContent?alt=sse", CONTENTS, b'"finishReason":"STOP"'),
    "bedrock": Case(f"/model/{DEFAULT_MODEL}/converse-stream", PARTS, b"metadata"),
}
WHOLES = {
    "chat": Case("/v1/chat/completions", CHAT),
    "responses": Case("/v1/responses", RESPONSES),
    "anthropic": Case("/v1/messages", CLAUDE, headers=VERSION),
    "gemini": Case(f"{GEMINI}:generateContent", CONTENTS),
    "bedrock": Case(f"/model/{DEFAULT_MODEL}/converse", PARTS),
    "rerank": Case("/v1/rerank", {"model": DEFAULT_MODEL, "query": HI, "documents": ["a", "b"]}),
    "cohere": Case("/v2/rerank", {"model": DEFAULT_MODEL, "query": HI, "documents": ["a", "b"]}),
}
EVERY_STREAM = pytest.mark.parametrize("case", STREAMS.values(), ids=STREAMS)
EVERY_WHOLE = pytest.mark.parametrize("case", WHOLES.values(), ids=WHOLES)
EVERYTHING = pytest.mark.parametrize(
    "case", [*STREAMS.values(), *WHOLES.values()], ids=[*(f"{name} stream" for name in STREAMS), *WHOLES]
)


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeProvider]:
    with running_fake() as running:
        yield running


@pytest.fixture
def fake(shared: FakeProvider) -> FakeProvider:
    shared.reset()
    return shared


def connected(fake: FakeProvider) -> socket.socket:
    host, _, port = fake.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def request(case: Case, more: str = "connection: close\r\n") -> bytes:
    packed = json.dumps(case.body).encode()
    head = (
        f"POST {case.path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(packed)}\r\n{case.headers}{more}\r\n"
    )
    return head.encode() + packed


def hear(sock: socket.socket) -> bytes:
    """All that comes; a reset shows as a last word."""
    got = b""
    try:
        while piece := sock.recv(65536):
            got += piece
    except ConnectionResetError:
        got += b"RESET"
    return got


def ask(fake: FakeProvider, case: Case, more: str = "") -> bytes:
    with connected(fake) as sock:
        sock.sendall(request(case, more + "connection: close\r\n"))
        return hear(sock)


class TestEveryDialect:
    @EVERYTHING
    def test_a_good_answer_is_counted_whole(self, fake: FakeProvider, case: Case) -> None:
        answer = ask(fake, case, "x-request-id: call-1\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert case.last in answer[-2000:]
        ask(fake, case, "x-request-id: call-2\r\n")
        ask(fake, case, "x-request-id: call-2\r\n")
        fake.wait_until(lambda: fake.totals.finished == 3)
        assert fake.produced.whole_answers() == {"call-1": 1, "call-2": 2}
        record = fake.produced.find("call-1")
        assert record.claimed == record.completion_tokens == (0 if "rerank" in case.path else 20)

    @EVERYTHING
    def test_refusals_have_a_body_and_retry_after(self, fake: FakeProvider, case: Case) -> None:
        fake.set_knobs({"fail_first": 1, "fail_status": 429, "retry_after": 7})
        refused = ask(fake, case)
        assert refused.startswith(b"HTTP/1.1 429 ")
        head, _, body = refused.partition(b"\r\n\r\n")
        assert b"\r\nretry-after: 7" in head
        assert "The fake was told to answer 429." in json.dumps(json.loads(body))
        assert ask(fake, case).startswith(b"HTTP/1.1 200 ")

    @EVERYTHING
    def test_the_end_before_the_answer(self, fake: FakeProvider, case: Case) -> None:
        fake.knobs.cut_before_answer = True
        assert ask(fake, case) == b""
        fake.knobs.cut_by_reset = True
        assert ask(fake, case) == b"RESET"
        fake.set_knobs({"cut_before_answer": False, "hang": True})
        with connected(fake) as sock:
            sock.sendall(request(case))
            fake.wait_until(lambda: fake.totals.accepted == 3)
        fake.wait_until(lambda: fake.totals.client_gone == 1)
        assert (fake.totals.broken, fake.totals.completion_tokens, fake.totals.finished) == (2, 0, 0)

    @EVERY_STREAM
    @pytest.mark.parametrize("cut", [7, 0.35])
    def test_streams_cut_after_tokens(self, fake: FakeProvider, case: Case, cut: float) -> None:
        fake.knobs.cut_after_tokens = cut
        answer = ask(fake, case)
        assert answer.endswith(b"RESET")
        assert b"word6" in answer
        assert b"word7" not in answer
        record = fake.produced.records[0]
        assert (record.completion_tokens, record.finished, record.whole) == (7, False, False)

    @EVERY_STREAM
    def test_frames_that_cannot_be_read(self, fake: FakeProvider, case: Case) -> None:
        fake.knobs.malformed_after_events = 2
        answer = ask(fake, case)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"0\r\n\r\n")
        assert case.last not in answer
        assert (fake.totals.broken, fake.totals.finished) == (1, 0)

    @EVERY_WHOLE
    def test_answers_that_cannot_be_read(self, fake: FakeProvider, case: Case) -> None:
        fake.knobs.malformed_after_events = 2
        with pytest.raises(json.JSONDecodeError):
            json.loads(ask(fake, case).partition(b"\r\n\r\n")[2])
        fake.set_knobs({"malformed_after_events": None, "cut_mid_body": True, "cut_by_reset": True})
        assert ask(fake, case).endswith(b"RESET")
        assert not any(record.whole for record in fake.produced.records)

    @EVERYTHING
    def test_usage_may_lie_or_be_missing(self, fake: FakeProvider, case: Case) -> None:
        honest = ask(fake, case)
        fake.knobs.wrong_usage = 5
        lying = ask(fake, case)
        fake.set_knobs({"wrong_usage": 0, "no_usage": True})
        silent = ask(fake, case)
        claimed = [record.claimed for record in fake.produced.records]
        made = 0 if "rerank" in case.path else 20
        assert claimed == [made, made + 5, None]
        words = (b"usage", b"billed_units")
        if case.path != "/v1/chat/completions" or not case.body.get("stream"):  # which reports when asked
            assert any(word in honest for word in words)
            assert honest.partition(b"\r\n\r\n")[2] != lying.partition(b"\r\n\r\n")[2]
        # A stream of Responses says null where there is none yet.
        assert not any(word in silent.replace(b'"usage":null', b"") for word in words)

    @EVERYTHING
    def test_padding_leaves_it_readable(self, fake: FakeProvider, case: Case) -> None:
        fake.set_knobs({"huge_frame": 100_000, "split_writes": True, "crlf": True})
        answer = ask(fake, case)
        assert len(answer) > 100_000
        fake.wait_until(lambda: fake.totals.finished == 1)


class TestChaos:
    SHARES = dict.fromkeys(FAULTS, 0.08)

    def day(self, fake: FakeProvider, seed: int, calls: int = 100) -> list[str]:
        """What was drawn for each call that was accepted, streams and others in turn."""
        fake.reset()
        fake.set_knobs({"chaos_seed": seed, "chaos": self.SHARES, "chaos_storm": 2})
        for number in range(calls):
            case = (STREAMS if number % 2 else WHOLES)[("chat", "anthropic", "gemini")[number % 3]]
            with connected(fake) as sock:
                sock.sendall(request(case))
                fake.wait_until(lambda at=number: sum(fake.produced.faults.values()) == at + 1)  # type: ignore[misc]
                record = fake.produced.records[-1] if fake.produced.records else None
                if record is None or record.fault not in {"hang", "stall"}:
                    hear(sock)
        fake.wait_until(lambda: fake.stats()["open"] == 0)
        return [record.fault for record in fake.produced.records]

    def test_one_seed_is_one_day_and_all_faults_are_hit(self, fake: FakeProvider) -> None:
        drawn = self.day(fake, 7)
        faults = Counter(fake.produced.faults)
        assert set(faults) == {*FAULTS, "none"}
        assert sum(faults.values()) == fake.totals.requests == 100
        refused = faults["storm"] + faults["error"] + faults["overloaded"]
        assert (fake.totals.refused, len(drawn)) == (refused, 100 - refused)
        assert fake.stats()["faults"] == faults
        good = [record.fault for record in fake.produced.records if record.whole]
        assert set(good) == {"none", "wrong_usage", "no_usage"}
        assert len(good) == faults["none"] + faults["wrong_usage"] + faults["no_usage"]
        lies = [r for r in fake.produced.records if r.whole and r.claimed not in {None, r.completion_tokens}]
        assert {record.fault for record in lies} == {"wrong_usage"}
        assert fake.totals.client_gone == faults["hang"] + faults["stall"]
        assert self.day(fake, 7) == drawn
        assert self.day(fake, 8) != drawn

    def test_a_storm_goes_on(self, fake: FakeProvider) -> None:
        fake.set_knobs({"chaos_seed": 1, "chaos": {"storm": 1}, "chaos_storm": 3})
        assert [ask(fake, WHOLES["chat"])[9:12] for _ in range(2)] == [b"429", b"429"]
        fake.set_knobs({"chaos": {}})
        assert [ask(fake, WHOLES["chat"])[9:12] for _ in range(2)] == [b"429", b"200"]
        assert fake.produced.faults == {"storm": 3, "none": 1}

    def test_unknown_faults_are_refused(self, fake: FakeProvider) -> None:
        fake.set_knobs({"chaos_seed": 1, "chaos": {"meteor": 1}})
        assert b"No such fault: meteor" in ask(fake, WHOLES["chat"])


class TestDoor:
    def test_it_refuses_and_accepts_on_the_same_port(self, fake: FakeProvider) -> None:
        """From another loop, as the tests of flows do it."""
        url = fake.url
        with connected(fake) as idle, connected(fake) as busy:
            busy.sendall(request(WHOLES["chat"], "x-fake-latency-ms: 300\r\n"))
            fake.wait_until(lambda: fake.totals.accepted == 1 and fake.stats()["connections"] == 2)
            asyncio.run(fake.refuse())
            assert hear(idle) == b""
            with pytest.raises(ConnectionRefusedError):
                connected(fake)
            assert hear(busy).startswith(b"HTTP/1.1 200 ")
        asyncio.run(fake.accept())
        assert fake.url == url
        assert ask(fake, WHOLES["chat"]).startswith(b"HTTP/1.1 200 ")

    def test_in_its_own_loop_again_and_again(self) -> None:
        async def flap() -> None:
            async with FakeProvider(Knobs()) as fake:
                port = int(fake.url.rpartition(":")[2])
                for _ in range(3):
                    await fake.refuse()
                    with pytest.raises(ConnectionRefusedError):
                        await asyncio.open_connection("127.0.0.1", port)
                    await fake.accept()
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                await fake.refuse()

        asyncio.run(flap())
