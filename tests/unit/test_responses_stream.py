"""Responses as answers: what the official SDK collects from our stream is what the whole answer says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.openai_chat import ChatOut
from rechenwerk.wire.responses import ResponsesIn, output_items, read_state
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Piece,
    Refused,
    Reported,
    Said,
    Signed,
    Talk,
    Thought,
    Used,
)
from tests.openai_oracle import HEAD, answers, check_model, check_response_event, events, extras

GOLDEN = Path(__file__).parent.parent / "golden"
WHOLE = Talk("house-model", (), stream=True)
STORE = frozenset({"store", "response.store"})
DOWN = Refusal(502, "server_error", "down", "The provider went away.")


def write(pieces: list[Piece]) -> bytes:
    writer = ResponsesIn().writer(HEAD, WHOLE)
    return b"".join([*(writer.piece(piece) for piece in pieces), writer.end()])


def answer(pieces: list[Piece]) -> dict[str, Any]:
    body = ResponsesIn().answer(HEAD, pieces)
    check_model(Response, body, STORE)
    whole: dict[str, Any] = json.loads(body)
    return whole


def collected(stream: bytes) -> list[dict[str, Any]]:
    """The events, after every one of them was judged by the SDK's types and collected by its stream."""
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    found = []
    for number, data in enumerate(events(stream)):
        event = check_response_event(data)
        assert extras(event) <= STORE
        assert event.sequence_number == number
        state.handle_event(event)
        found.append(json.loads(data))
    assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"]
    return found


@settings(max_examples=30)  # the SDK's types are slow judges
@given(answers())
def test_stream_and_whole_answer_say_the_same(pieces: list[Piece]) -> None:
    found = collected(write(pieces))
    whole = answer(pieces)
    assert found[-1] == {
        "type": f"response.{whole['status']}",
        "response": whole,
        "sequence_number": len(found) - 1,
    }
    assert whole["output"] == output_items(HEAD, pieces)
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert sorted(done, key=lambda item: str(item["id"])) == sorted(
        whole["output"], key=lambda item: str(item["id"])
    )


@settings(max_examples=30)
@given(answers())
def test_deltas_add_up(pieces: list[Piece]) -> None:
    sums: dict[tuple[Any, ...], str] = {}
    for event in collected(write(pieces)):
        kind, _, step = event["type"].removeprefix("response.").rpartition(".")
        place = (kind, event.get("item_id"), event.get("content_index"))
        if step == "delta":
            sums[place] = sums.get(place, "") + event["delta"]
        elif step == "done" and place in sums:
            text = event.get("text", event.get("refusal", event.get("arguments")))
            assert sums.pop(place) == text
    assert sums == {}


@given(answers())
def test_ids_are_of_one_item_each(pieces: list[Piece]) -> None:
    ids = [item["id"] for item in output_items(HEAD, pieces)]
    assert len(ids) == len(set(ids))


def test_the_golden_stream() -> None:
    reader = ChatOut().reader()
    pieces = reader.feed((GOLDEN / "openai_chat" / "openai_tools.sse").read_bytes())
    stream = write(pieces)
    collected(stream)
    assert stream == (GOLDEN / "responses" / "openai_tools.written").read_bytes()


def test_the_order_of_events() -> None:
    pieces: list[Piece] = [
        Began(),
        Thought("Hm."),
        Thought(" So."),
        Signed("sig"),
        Signed("opaque", redacted=True),
        Said("Ja"),
        Refused("Nein"),
        Called(0, "c0", "uhr"),
        Ended("tools"),
    ]
    kinds = [event["type"].removeprefix("response.") for event in collected(write(pieces))]
    assert "\n".join(kinds) == (GOLDEN / "responses" / "order.txt").read_text(encoding="utf-8").rstrip("\n")


def test_thoughts_and_their_signatures() -> None:
    pieces: list[Piece] = [Thought("Hm."), Signed("sig"), Signed("opaque", redacted=True), Thought("So.")]
    assert [(item["summary"], item.get("encrypted_content")) for item in output_items(HEAD, pieces)] == [
        ([{"type": "summary_text", "text": "Hm."}], "sig"),
        ([], "opaque"),
        ([{"type": "summary_text", "text": "So."}], None),
    ]


def test_arguments_of_several_calls_at_a_time() -> None:
    pieces: list[Piece] = [
        Called(0, "c0", "f"),
        Called(1, "c1", "g"),
        Arguments(1, '{"b"'),
        Arguments(0, '{"a":1}'),
        Arguments(1, ":2}"),
        Called(2, "c2", "uhr"),
        Said("Fertig."),
        Ended("tools"),
    ]
    items = answer(pieces)["output"]
    assert [item.get("arguments") for item in items] == ['{"a":1}', '{"b":2}', "{}", None]
    collected(write(pieces))


@pytest.mark.parametrize(
    ("ended", "status", "why", "last"),
    [
        (Ended("stop"), "completed", None, "completed"),
        (Ended("tools"), "completed", None, "completed"),
        (Ended("length"), "incomplete", "max_output_tokens", "incomplete"),
        (Ended("filter"), "incomplete", "content_filter", "incomplete"),
        (Ended("refusal"), "incomplete", "content_filter", "incomplete"),
    ],
)
def test_why_the_model_stopped(ended: Ended, status: str, why: str | None, last: str) -> None:
    whole = answer([Thought("Hm."), Said("Ja"), ended])
    assert whole["status"] == status
    assert whole["incomplete_details"] == (why and {"reason": why})
    assert [item["status"] for item in whole["output"]] == ["completed", last]


@pytest.mark.parametrize(
    ("usage", "row"),
    [
        (Usage(), (0, 0, 0, 0, 0, 0)),
        (Usage(input=10, output=5), (10, 0, 0, 5, 0, 15)),
        (Usage(input=1, cached_input=2, cache_write=4, output=8, reasoning=16), (7, 2, 4, 24, 16, 31)),
    ],
)
def test_usage_contains_what_is_cached_again(usage: Usage, row: tuple[int, ...]) -> None:
    seen = answer([Said("x"), Used(Reported(usage, "{}")), Ended("stop")])["usage"]
    assert row == (
        seen["input_tokens"],
        seen["input_tokens_details"]["cached_tokens"],
        seen["input_tokens_details"]["cache_write_tokens"],
        seen["output_tokens"],
        seen["output_tokens_details"]["reasoning_tokens"],
        seen["total_tokens"],
    )


def test_the_last_count_stands() -> None:
    counts = [Used(Reported(Usage(output=at), "{}"), final=at == 2) for at in (1, 2)]
    assert answer([counts[0], Said("x"), counts[1]])["usage"]["output_tokens"] == 2
    assert answer([Said("x")])["usage"] is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(502, "server_error"), (429, "rate_limit_exceeded"), (400, "invalid_prompt")],
)
def test_a_failure_is_the_last_word(status: int, code: str) -> None:
    writer = ResponsesIn().writer(HEAD, WHOLE)
    refusal = Refusal(status, "server_error", "down", "The provider went away.")
    out = writer.piece(Said("x")) + writer.piece(Failed(refusal))
    last = collected(out)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": code, "message": "The provider went away."}
    assert last["response"]["output"][0]["status"] == "incomplete"
    assert writer.piece(Said("y")) + writer.end() == b""


def test_a_stream_without_a_word() -> None:
    assert [event["type"] for event in collected(write([]))][2:] == ["response.completed"]


def test_the_stream_repeats_the_request_and_keeps_its_items() -> None:
    body = b'{"model":"m","input":"x","previous_response_id":"resp_1","instructions":"Kurz.","store":false}'
    writer = ResponsesIn(read_state(body)).writer(HEAD, WHOLE)
    first = json.loads(events(writer.piece(Said("x")))[0])["response"]
    assert (first["previous_response_id"], first["instructions"]) == ("resp_1", "Kurz.")
    assert (first["id"], first["store"], first["output"]) == ("resp_7f", False, [])
    writer.end()
    assert writer.items == output_items(HEAD, [Said("x")])


def test_errors_are_openais() -> None:
    assert json.loads(ResponsesIn().error(DOWN))["error"]["code"] == "down"
    (data,) = events(ResponsesIn().error_event(DOWN))
    event = check_response_event(data)
    assert (event.type, event.code, event.message) == ("error", "down", "The provider went away.")
