"""Bedrock's dialect: answers, streams, usage and errors; botocore's parsers read the same."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from botocore.eventstream import EventStream
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import EventStreamJSONParser, create_parser
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.bedrock import BedrockOut
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Piece,
    Said,
    Signed,
    Thought,
    Used,
)
from tests.fakes.eventstream import encode_event, encode_exception, encode_message
from tests.unit.mutations import mutated

GOLDEN = Path(__file__).parent.parent / "golden" / "bedrock"
ANSWER = (GOLDEN / "answer.json").read_bytes()
EVENTS = tuple(
    (kind, payload)
    for kind, _, payload in (
        line.partition(b" ") for line in (GOLDEN / "stream.txt").read_bytes().splitlines()
    )
)
STREAM = b"".join(encode_event(kind.decode(), payload) for kind, payload in EVENTS)
OUT = BedrockOut()

USAGE = MappingProxyType(
    {
        "words": (
            """{"inputTokens": 30, "outputTokens": 628, "totalTokens": 658}""",
            Usage(input=30, output=628),
        ),
        "the input does not contain what was cached": (
            """{"inputTokens": 4, "outputTokens": 7, "totalTokens": 2061, "cacheReadInputTokens": 2000,
            "cacheWriteInputTokens": 50, "cacheDetails": [{"ttl": "5m", "inputTokens": 50}]}""",
            Usage(input=4, cached_input=2000, cache_write=50, output=7),
        ),
        "nulls": (
            """{"inputTokens": 1, "outputTokens": 0, "totalTokens": 1, "cacheReadInputTokens": null}""",
            Usage(input=1),
        ),
        "empty": ("{}", None),
        "null": ("null", None),
        "no output": ("""{"inputTokens": 1}""", None),
        "negative": ("""{"inputTokens": 1, "outputTokens": -1}""", None),
        "beyond reason": ("""{"inputTokens": 2199023255552, "outputTokens": 1}""", None),
    }
)


@pytest.fixture(scope="module")
def service() -> ServiceModel:
    """AWS's own description of the API."""
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


def stream(*chunks: bytes) -> list[Piece]:
    """All pieces of a stream."""
    reader = OUT.reader()
    found = [piece for chunk in chunks for piece in reader.feed(chunk)]
    assert reader.done
    return found


def joined(pieces: list[Piece]) -> list[Piece]:
    """The same with what is said bit by bit put together."""
    found: list[Piece] = []
    for piece in pieces:
        match found[-1] if found else None, piece:
            case Said(before), Said(more):
                found[-1] = Said(before + more)
            case Thought(before), Thought(more):
                found[-1] = Thought(before + more)
            case Arguments(at, before), Arguments(same, more) if at == same:
                found[-1] = Arguments(at, before + more)
            case _:
                found.append(piece)
    return found


@pytest.mark.parametrize("name", USAGE)
def test_usage_is_disjoint(name: str) -> None:
    raw, expected = USAGE[name]
    found = OUT.usage(b'{"stopReason":"end_turn","usage":%s}' % raw.encode())
    assert (found.usage if found else None) == expected
    if found is not None:
        assert found.raw == raw
        assert found.usage.tokens == json.loads(raw)["totalTokens"], "none is lost and none counted twice"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"usage":1}', b"\xff", b"[" * 100_000])
def test_no_usage(body: bytes) -> None:
    assert OUT.usage(body) is None


def test_a_whole_answer() -> None:
    used = OUT.usage(ANSWER)
    assert used is not None
    assert OUT.pieces(ANSWER) == [
        Began(),
        Thought("Adding up."),
        Signed("ErcBCkgIBBAB"),
        Signed("RW5jcnlwdGVk", redacted=True),
        Said("One moment, Zoë."),
        Called(0, "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "weather"),
        Arguments(0, '{"city": "Köln"}'),
        Called(1, "tooluse_2", "time"),
        Arguments(1, "{}"),
        Used(used),
        Ended("tools"),
    ]
    assert used.usage == Usage(input=30, cached_input=1024, cache_write=7, output=28)


def test_botocore_reads_the_whole_answer_alike(service: ServiceModel) -> None:
    shape: Any = service.operation_model("Converse").output_shape
    response: Any = {"headers": {}, "body": ANSWER, "status_code": 200}
    parsed: Any = create_parser("rest-json").parse(response, shape)
    content = parsed["output"]["message"]["content"]
    assert [list(block) for block in content] == [
        ["reasoningContent"],
        ["reasoningContent"],
        ["text"],
        ["toolUse"],
        ["toolUse"],
    ]
    assert content[3]["toolUse"]["input"] == {"city": "Köln"}
    assert content[1]["reasoningContent"]["redactedContent"] == b"Encrypted"
    assert parsed["usage"]["cacheReadInputTokens"] == 1024


def test_a_stream_cut_at_every_byte() -> None:
    found = stream(STREAM)
    used = OUT.usage(EVENTS[-1][1])
    assert used is not None
    assert joined(found) == [
        Began(),
        Thought("Adding up."),
        Signed("ErcBCkgIBBAB"),
        Said("One moment, Zoë."),
        Called(0, "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "weather"),
        Arguments(0, '{"city":"Köln"}'),
        Called(1, "tooluse_2", "time"),
        Arguments(1, "{}"),
        Used(used),
        Ended("tools"),
    ]
    for at in range(len(STREAM) + 1):
        assert stream(STREAM[:at], STREAM[at:]) == found
    assert stream(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == found


class Raw:
    """What botocore reads a stream from."""

    def stream(self) -> list[bytes]:
        """All of it."""
        return [STREAM]


def test_botocore_reads_the_stream_alike(service: ServiceModel) -> None:
    shape: Any = service.operation_model("ConverseStream").get_event_stream_output()
    raw: Any = Raw()
    events: list[Any] = list(EventStream(raw, shape, EventStreamJSONParser(), "ConverseStream"))
    assert [next(iter(event)) for event in events] == [kind.decode() for kind, _ in EVENTS]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    text = "".join(delta["text"] for delta in deltas if "text" in delta)
    assert Said(text) in joined(stream(STREAM))
    given = "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)
    assert Arguments(0, given) in joined(stream(STREAM))
    assert events[-1]["metadata"]["usage"]["inputTokens"] == 30


REASONS = """
    end_turn                       stop
    stop_sequence                  stop
    tool_use                       tools
    max_tokens                     length
    model_context_window_exceeded  length
    guardrail_intervened           filter
    content_filtered               filter
    malformed_model_output         broken
    malformed_tool_use             broken
"""
ENDS = MappingProxyType(dict(line.split() for line in REASONS.strip().splitlines()))


def test_the_table_has_every_reason_that_botocore_knows(service: ServiceModel) -> None:
    shape: Any = service.shape_for("StopReason")
    assert set(ENDS) == set(shape.enum)


@pytest.mark.parametrize("reason", ENDS)
def test_why_it_ended(reason: str) -> None:
    usage = '{"inputTokens":1,"outputTokens":2,"totalTokens":3}'
    body = (
        '{"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},'
        f'"stopReason":"{reason}","usage":{usage}}}'
    ).encode()
    reader = OUT.reader()
    assert reader.feed(encode_event("messageStop", b'{"stopReason":"%s"}' % reason.encode())) == []
    early = reader.done
    assert not early, "usage has not come"
    used, last = reader.feed(encode_event("metadata", b'{"usage":%s}' % usage.encode()))
    assert isinstance(used, Used)
    assert used.final
    assert reader.done
    if ENDS[reason] == "broken":
        assert isinstance(last, Failed)
        assert (last.refusal.status, last.refusal.code) == (502, reason)
        with pytest.raises(ValueError, match=reason):
            OUT.pieces(body)
    else:
        assert isinstance(last, Ended)
        assert last.reason == ENDS[reason]
        assert OUT.pieces(body)[-2:] == [used, last]


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        ("throttlingException", 429, "rate_limit_error", "throttling"),
        ("validationException", 400, "invalid_request_error", "validation"),
        ("internalServerException", 500, "server_error", "internal_server"),
        ("serviceUnavailableException", 503, "server_error", "service_unavailable"),
        ("modelStreamErrorException", 424, "server_error", "model_stream_error"),
        ("brandNewException", 502, "server_error", "brand_new"),
    ],
)
def test_exceptions_in_a_stream(kind: str, status: int, type_: str, code: str, service: ServiceModel) -> None:
    if status != 502:
        assert service.shape_for(kind[0].upper() + kind[1:]).metadata["error"]["httpStatusCode"] == status
    end = encode_exception(kind, b'{"message":"No."}')
    assert stream(encode_event(*_first()) + end) == [Began(), Failed(Refusal(status, type_, code, "No."))]


def _first() -> tuple[str, bytes]:
    return EVENTS[0][0].decode(), EVENTS[0][1]


def test_an_error_of_the_framing() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Sorry."}
    assert stream(encode_message(headers, b"")) == [
        Failed(Refusal(502, "server_error", "internal_failure", "Sorry."))
    ]


ERRORS = MappingProxyType(
    {
        b'{"message":"Too many requests, please wait."}': Refusal(
            429, "rate_limit_error", None, "Too many requests, please wait."
        ),
        b'{"Message":"User: x is not authorized"}': Refusal(
            403, "invalid_request_error", None, "User: x is not authorized"
        ),
        b'{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"Bad token."}': Refusal(
            403, "invalid_request_error", "unrecognized_client", "Bad token."
        ),
        b'{"__type":"ValidationException:http://internal.amazon.com/"}': Refusal(
            400, "invalid_request_error", "validation", "The provider answered with status 400."
        ),
        b"<html>": Refusal(502, "server_error", None, "<html>"),
        b"": Refusal(500, "server_error", None, "The provider answered with status 500."),
    }
)


@pytest.mark.parametrize("body", ERRORS)
def test_errors(body: bytes) -> None:
    assert OUT.error(ERRORS[body].status, body) == ERRORS[body]


def test_events_that_are_not_known_are_passed_over() -> None:
    start, rest = STREAM[: len(encode_event(*_first()))], STREAM[len(encode_event(*_first())) :]
    news = encode_event("initial-response", b"") + encode_event("brandNew", b"?")
    assert stream(start + news + rest) == stream(STREAM)


@pytest.mark.parametrize(
    ("kind", "payload", "why"),
    [
        ("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"image":{}}}', "neither"),
        ("contentBlockStart", b'{"contentBlockIndex":0,"start":{"image":{"format":"png"}}}', "neither"),
        ("contentBlockDelta", b'{"contentBlockIndex":9,"delta":{"toolUse":{"input":"{"}}}', "did not begin"),
        ("metadata", b'{"usage":{}}', "before its end"),
        ("messageStop", b"{}", "stopReason"),
        ("messageStop", b"[" * 100_000, "nested|Expected"),
    ],
)
def test_what_is_no_stream(kind: str, payload: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        OUT.reader().feed(encode_event(kind, payload))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"{}", "output"),
        (b'{"output":{"message":{"content":[{"image":{}}]}},"stopReason":"end_turn"}', "neither"),
        (b'{"output":{"message":{"content":[{"reasoningContent":{}}]}},"stopReason":"x"}', "unknown kind"),
        (
            b'{"output":{"message":{"content":[{"toolUse":{"toolUseId":"a","name":"f"}}]}},"stopReason":"x"}',
            "no JSON object",
        ),
        (b'{"usage":' + b"[" * 100_000, "nested"),
    ],
)
def test_what_is_no_answer(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        OUT.pieces(body)


@given(st.binary(max_size=200) | mutated(ANSWER))
def test_arbitrary_answers_are_value_errors_at_most(body: bytes) -> None:
    OUT.usage(body)
    OUT.error(500, body)
    try:
        OUT.pieces(body)
    except ValueError:
        return


@given(st.binary(max_size=200) | mutated(STREAM), st.integers(0, 2000))
def test_arbitrary_streams_are_value_errors_at_most(body: bytes, cut: int) -> None:
    reader = OUT.reader()
    try:
        reader.feed(body[:cut])
        reader.feed(body[cut:])
    except ValueError:
        return


@given(st.integers(0, len(EVENTS) - 1), st.data())
def test_arbitrary_payloads_are_value_errors_at_most(at: int, data: st.DataObject) -> None:
    reader = OUT.reader()
    try:
        for nth, (kind, payload) in enumerate(EVENTS):
            given_payload = data.draw(mutated(payload)) if nth == at else payload
            reader.feed(encode_event(kind.decode(), given_payload))
    except ValueError:
        return
