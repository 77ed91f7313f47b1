"""Google's dialect: answers, streams, usage and errors; shapes are checked by the types of Google's SDK."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from google.genai.types import BlockedReason, FinishReason, GenerateContentResponse
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.gemini import GeminiOut
from rechenwerk.wire.sse import EventCutter, event_data
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
from tests.unit.mutations import mutated

GOLDEN = Path(__file__).parent.parent / "golden" / "gemini"
STREAM = (GOLDEN / "stream.txt").read_bytes()
ANSWER = (GOLDEN / "answer.json").read_bytes()
OUT = GeminiOut()

USAGE = MappingProxyType(
    {
        "text": (
            """{"promptTokenCount": 12, "candidatesTokenCount": 5, "totalTokenCount": 17}""",
            Usage(input=12, output=5),
        ),
        "thinking is not in the candidates": (
            """{"promptTokenCount": 15, "candidatesTokenCount": 359, "totalTokenCount": 1035,
            "thoughtsTokenCount": 661}""",
            Usage(input=15, output=359, reasoning=661),
        ),
        "the prompt contains what was cached": (
            """{"promptTokenCount": 2152, "candidatesTokenCount": 9, "totalTokenCount": 2161,
            "cachedContentTokenCount": 2030,
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 2030}]}""",
            Usage(input=122, cached_input=2030, output=9),
        ),
        "results of the provider's tools are input": (
            """{"promptTokenCount": 10, "candidatesTokenCount": 2, "toolUsePromptTokenCount": 90,
            "thoughtsTokenCount": 3, "totalTokenCount": 105}""",
            Usage(input=100, output=2, reasoning=3),
        ),
        "a blocked prompt": ("""{"promptTokenCount": 7, "totalTokenCount": 7}""", Usage(input=7)),
        "nulls": (
            """{"promptTokenCount": 7, "candidatesTokenCount": null, "thoughtsTokenCount": null}""",
            Usage(input=7),
        ),
        "empty": ("{}", None),
        "null": ("null", None),
        "no counts": ("""{"promptTokenCount": "7"}""", None),
        "negative": ("""{"promptTokenCount": 7, "candidatesTokenCount": -1}""", None),
        "more cached than sent": ("""{"promptTokenCount": 7, "cachedContentTokenCount": 8}""", None),
        "beyond reason": ("""{"promptTokenCount": 2199023255552}""", None),
    }
)


def whole(parts: list[dict[str, Any]], **candidate: Any) -> bytes:
    """An answer of one candidate."""
    answer = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **candidate}],
        "responseId": "r",
        "modelVersion": "m",
    }
    GenerateContentResponse.model_validate(answer)
    return json.dumps(answer).encode()


def stream(*chunks: bytes) -> list[Piece]:
    """All pieces of a stream."""
    reader = OUT.reader()
    found = [piece for chunk in chunks for piece in reader.feed(chunk)]
    assert reader.done
    return found


@pytest.mark.parametrize("name", USAGE)
def test_usage_is_disjoint(name: str) -> None:
    raw, expected = USAGE[name]
    found = OUT.usage(b'{"candidates":[],"usageMetadata":%s}' % raw.encode())
    assert (found.usage if found else None) == expected
    if found is not None:
        assert found.raw == raw
        total = json.loads(raw).get("totalTokenCount", found.usage.tokens)
        assert found.usage.tokens == total, "no token is lost and none counted twice"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"usageMetadata":1}', b"\xff", b"[" * 100_000])
def test_no_usage(body: bytes) -> None:
    assert OUT.usage(body) is None


def test_a_whole_answer() -> None:
    GenerateContentResponse.model_validate_json(ANSWER)
    found = OUT.pieces(ANSWER)
    used = OUT.usage(ANSWER)
    assert used is not None
    assert found == [
        Began("Q8aRaPLdCrWsvdIP6v_5gQQ", "gemini-2.5-flash"),
        Thought("Adding up."),
        Signed("gemini:EvoBCvcBAdHtim8="),
        Said("It is 4."),
        Used(used),
        Ended("length"),
    ]
    assert used.usage == Usage(input=12, output=5, reasoning=31)


def test_a_stream_cut_at_every_byte() -> None:
    found = stream(STREAM)
    spoken = [piece for piece in found if not isinstance(piece, Used)]
    assert spoken == [
        Began("mAitaLmkHPPlz7IPvtfUqQ4", "gemini-3-flash-preview"),
        Thought("I should look up the weather."),
        Said("One moment, Zoë."),
        Signed("gemini:EvoBCvcBAdHtim8="),
        Called(0, "fc_1", "weather"),
        Arguments(0, '{"city":"Köln"}'),
        Called(1, "call_mAitaLmkHPPlz7IPvtfUqQ4_1", "time"),
        Arguments(1, "{}"),
        Ended("tools"),
    ]
    used = [piece for piece in found if isinstance(piece, Used)]
    assert [piece.final for piece in used] == [False, False, False, True]
    assert used[-1].reported.usage == Usage(input=27, cached_input=64, output=33, reasoning=40)
    for at in range(len(STREAM) + 1):
        assert stream(STREAM[:at], STREAM[at:]) == found
    assert stream(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == found


def test_the_sdk_reads_the_stream_as_we_do() -> None:
    chunks = [
        GenerateContentResponse.model_validate_json(event_data(event)) for event in EventCutter().feed(STREAM)
    ]
    found = stream(STREAM)
    said = "".join(piece.text for piece in found if isinstance(piece, Said))
    assert "".join(chunk.text or "" for chunk in chunks if not chunk.function_calls) == said
    calls = [call for chunk in chunks for call in chunk.function_calls or ()]
    assert [call.name for call in calls] == [piece.name for piece in found if isinstance(piece, Called)]
    arguments = [json.loads(piece.text) for piece in found if isinstance(piece, Arguments)]
    assert [call.args for call in calls] == arguments


REASONS = """
    STOP                       stop
    FINISH_REASON_UNSPECIFIED  stop
    MAX_TOKENS                 length
    CONTINUATION               length
    SAFETY                     filter
    RECITATION                 filter
    LANGUAGE                   filter
    OTHER                      filter
    BLOCKLIST                  filter
    PROHIBITED_CONTENT         filter
    SPII                       filter
    IMAGE_SAFETY               filter
    IMAGE_PROHIBITED_CONTENT   filter
    IMAGE_OTHER                filter
    NO_IMAGE                   filter
    IMAGE_RECITATION           filter
    ESCALATION                 filter
    PUP_LIMITED_DISABLED       filter
    MODEL_ARMOR                filter
    MALFORMED_FUNCTION_CALL    broken
    UNEXPECTED_TOOL_CALL       broken
    TOO_MANY_TOOL_CALLS        broken
    MISSING_THOUGHT_SIGNATURE  broken
    MALFORMED_RESPONSE         broken
"""
ENDS = MappingProxyType(dict(line.split() for line in REASONS.strip().splitlines()))


def test_the_table_has_every_reason_that_the_sdk_knows() -> None:
    assert set(ENDS) == {reason.value for reason in FinishReason}


@pytest.mark.parametrize("reason", ENDS)
def test_why_it_ended(reason: str) -> None:
    body = whole([{"text": "x"}], finishReason=reason)
    last = stream(b"data: " + body + b"\n\n")[-1]
    if ENDS[reason] == "broken":
        assert isinstance(last, Failed)
        assert (last.refusal.status, last.refusal.code) == (502, reason.lower())
        with pytest.raises(ValueError, match=reason):
            OUT.pieces(body)
    else:
        assert isinstance(last, Ended)
        assert last.reason == ENDS[reason]
        assert OUT.pieces(body)[-1] == last


@pytest.mark.parametrize("reason", [reason.value for reason in BlockedReason if "UNSPECIFIED" not in reason])
def test_a_blocked_prompt_is_filtered(reason: str) -> None:
    body = b'{"promptFeedback":{"blockReason":"%s"},"usageMetadata":{"promptTokenCount":7}}' % reason.encode()
    GenerateContentResponse.model_validate_json(body)
    used = OUT.usage(body)
    assert used is not None
    assert OUT.pieces(body) == [Began(), Used(used), Ended("filter")]
    assert stream(b"data: " + body + b"\n\n") == OUT.pieces(body)


def test_a_call_is_why_it_stopped_only_when_the_model_meant_to() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    assert OUT.pieces(whole([call], finishReason="STOP"))[-1] == Ended("tools")
    assert OUT.pieces(whole([call], finishReason="MAX_TOKENS"))[-1] == Ended("length")


def test_a_signature_on_empty_words_is_kept() -> None:
    found = OUT.pieces(whole([{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}], finishReason="STOP"))
    assert found == [Began("r", "m"), Said("a"), Signed("gemini:c2ln"), Ended("stop")]


def test_calls_without_ids_meet_no_others() -> None:
    body = json.loads(whole([{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}]))
    ids: list[str] = []
    for answer in ("one", "two"):
        body["responseId"] = answer
        ids += [piece.id for piece in OUT.pieces(json.dumps(body).encode()) if isinstance(piece, Called)]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b"{}", "no candidates"),
        (b'{"candidates":[]}', "no candidates"),
        (b'{"candidates":[{"content":{"parts":[{"inlineData":{"data":""}}]}}]}', "inline_data"),
        (b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":[]}}]}}]}', "object"),
        (b'{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}', "name"),
        (b'{"usageMetadata":' + b"[" * 100_000, "nested"),
    ],
)
def test_what_is_no_answer(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        OUT.pieces(body)


ERRORS = MappingProxyType(
    {
        b"""{"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"url": "x"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.2s"}]}}""": Refusal(
            429, "rate_limit_error", "resource_exhausted", "Quota exceeded.", None, 37
        ),
        b'{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}': Refusal(
            400, "invalid_request_error", "invalid_argument", "API key not valid."
        ),
        b'[{"error":{"code":503,"message":"Overloaded.","status":"UNAVAILABLE"}}]': Refusal(
            503, "server_error", "unavailable", "Overloaded."
        ),
        b'{"error":{}}': Refusal(500, "server_error", None, "The provider answered with status 500."),
        b"[]": Refusal(500, "server_error", None, "The provider answered with status 500."),
        b"<html>Bad Gateway</html>": Refusal(502, "server_error", None, "<html>Bad Gateway</html>"),
        b"": Refusal(502, "server_error", None, "The provider answered with status 502."),
    }
)


@pytest.mark.parametrize("body", ERRORS)
def test_errors(body: bytes) -> None:
    assert OUT.error(ERRORS[body].status, body) == ERRORS[body]


def test_an_error_in_a_stream() -> None:
    error = b'data: {"error":{"code":503,"message":"Overloaded.","status":"UNAVAILABLE"}}\n\n'
    first = STREAM[: STREAM.index(b"\n\n") + 2]
    assert stream(first + error)[-1] == Failed(Refusal(503, "server_error", "unavailable", "Overloaded."))
    assert stream(b'data: {"error":{}}\n\n') == [
        Failed(Refusal(502, "server_error", None, "The provider answered with status 502."))
    ]


def test_a_stream_is_not_done_before_its_reason() -> None:
    reader = OUT.reader()
    reader.feed(STREAM[: STREAM.rindex(b"data: ")])
    assert not reader.done


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
