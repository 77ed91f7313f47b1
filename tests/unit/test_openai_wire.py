"""OpenAI's dialect: what is read of a body, and that nothing else in it is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.base.usage import Usage
from rechenwerk.wire.openai import (
    Frame,
    Request,
    Splice,
    alias_in,
    answer_texts,
    answers,
    asks_usage,
    error_body,
    error_event,
    members,
    model_list,
    prompts,
    read_answer,
    read_error,
    read_frame,
    read_request,
    read_usage,
    splice,
)
from rechenwerk.wire.talk import Reported

GOVERNED = (
    "model",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "best_of",
    "stream_options",
    "service_tier",
    "prompt",
    "input",
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXT | st.sampled_from(['mo"del', "\\", "Model", "", '"model":', "}", "messages"])
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.sampled_from(GOVERNED), inner, max_size=3)
    ),
    max_leaves=8,
)
CHOSEN = st.fixed_dictionaries(
    {"model": TEXT},
    optional={
        "stream": st.booleans() | st.none(),
        "max_tokens": st.integers(1, 10**6) | st.none(),
        "max_completion_tokens": st.integers(1, 10**6) | st.none(),
        "n": st.integers(1, 5) | st.none(),
        "service_tier": st.sampled_from(["auto", "flex", "default"]) | st.none(),
        "stream_options": st.none()
        | st.fixed_dictionaries({}, optional={"include_usage": st.booleans(), "x": VALUES}),
    },
)
SPACES = st.text(" \t\r\n", max_size=2)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, bytes]]]:
    """A request body with spaces, escapes and unknown members anywhere, and its members as they stand."""
    known: dict[str, Any] = draw(CHOSEN)
    unknown: dict[str, Any] = draw(
        st.dictionaries(NAMES.filter(lambda name: name not in GOVERNED), VALUES, max_size=4)
    )
    order = draw(st.permutations([*known.items(), *unknown.items()]))
    parts: list[str] = []
    written: list[tuple[str, bytes]] = []
    for name, value in order:
        key = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if name and name.isascii() and name.isalpha() and draw(st.booleans()):
            key = f'"\\u{ord(name[0]):04x}{name[1:]}"'
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        parts.append(draw(SPACES) + key + draw(SPACES) + ":" + draw(SPACES) + text + draw(SPACES))
        written.append((name, text.encode()))
    return (draw(SPACES) + "{" + ",".join(parts) + "}" + draw(SPACES)).encode(), written


def read(body: bytes) -> Request:
    request = read_request(body)
    assert isinstance(request, Request), request
    return request


def refusal(body: bytes) -> Refusal:
    refused = read_request(body)
    assert isinstance(refused, Refusal)
    return refused


@given(bodies())
def test_members_are_found_where_they_stand(made: tuple[bytes, list[tuple[str, bytes]]]) -> None:
    body, written = made
    assert [(one.name, body[one.start : one.end]) for one in members(body)] == written


SPLICES = st.builds(
    Splice,
    TEXT,
    st.sampled_from(["max_tokens", "max_completion_tokens"]),
    st.just(0) | st.integers(1, 10**6),
    st.booleans(),
    st.sampled_from(["", "flex", "default"]),
)


@given(bodies(), SPLICES)
def test_a_splice_changes_what_it_says_and_nothing_else(
    made: tuple[bytes, list[tuple[str, bytes]]], change: Splice
) -> None:
    body, written = made
    before: dict[str, Any] = json.loads(body)
    expected = {**before, "model": change.model}
    if change.cap:
        expected[change.cap_field] = change.cap
    options = before.get("stream_options") or {}
    if change.ask_usage and options.get("include_usage") is not True:
        expected["stream_options"] = {**options, "include_usage": True}
    if change.tier:
        expected["service_tier"] = change.tier
    after = splice(body, read(body), change)
    assert json.loads(after) == expected
    changed = {name for name in expected if name not in before or expected[name] != before[name]}
    if not changed:
        assert after is body
    kept = [(one.name, after[one.start : one.end]) for one in members(after) if one.name not in changed]
    assert kept == [(name, text) for name, text in written if name not in changed]
    again = splice(after, read(after), change)
    assert again is after


@given(bodies(), TEXT)
def test_a_governed_field_may_stand_once_only(
    made: tuple[bytes, list[tuple[str, bytes]]], other: str
) -> None:
    body, _ = made
    at = body.index(b"{") + 1
    for key in ('"model"', '"\\u006dodel"', '"mod\\u0065l"'):
        refused = refusal(body[:at] + f"{key}:{json.dumps(other)},".encode() + body[at:])
        assert (refused.status, refused.param) == (400, "model")
        assert "stands twice" in refused.message


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # governed names are wanted elsewhere
@given(bodies(), NAMES, VALUES)
def test_a_field_that_nobody_reads_is_not_looked_at(
    made: tuple[bytes, list[tuple[str, bytes]]], name: str, value: Any
) -> None:
    assume(name not in GOVERNED)
    body, _ = made
    at = body.index(b"{") + 1
    member = f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(value)},".encode()
    # With these the whole object is looked through, and nothing may stand twice.
    whole = body[:at] + member + member + body[at:]
    assume(b"\\u00" not in whole and all(whole.count(b'"%s"' % word.encode()) < 2 for word in GOVERNED))
    read(whole)


def test_a_governed_name_inside_of_something_else_is_nobody_s_business() -> None:
    body = b'{"model":"m","messages":[{"model":1,"n":[2],"input":"\\"model\\": 7"}],"x":{"model":3}}'
    assert splice(body, read(body), Splice("up")) == body.replace(b'"m"', b'"up"', 1)


REFUSED = """
    body                                        | param            | message
    {"stream":true}                             | model            | You must name a model
    {"model":7}                                 | model            | Invalid value for model
    {"model":"m","stream":"yes"}                | stream           | Invalid value for stream
    {"model":"m","max_tokens":0}                | max_tokens       | at least 1, not 0
    {"model":"m","max_tokens":-5}               | max_tokens       | at least 1, not -5
    {"model":"m","max_tokens":99999999999}      | max_tokens       | at most 2147483648, not 99999999999
    {"model":"m","n":0}                         | n                | at least 1, not 0
    {"model":"m","n":1.5}                       | n                | Invalid value for n
    {"model":"m","n":true}                      | n                | Invalid value for n
    {"model":"m","best_of":0}                   | best_of          | at least 1, not 0
    {"model":"m","max_tokens":1e30}             | max_tokens       | Invalid value for max_tokens
    {"model":"m","stream_options":[]}           | stream_options   | Invalid value for stream_options
    {"model":"m","n":1,"n":2}                   | n                | 'n' stands twice
    []                                          | -                | Invalid value for the body
    null                                        | -                | Invalid value for the body
    {"model":"m"                                | -                | not valid JSON
    {"model":"m"} x                             | -                | not valid JSON
    {"model":"\\ud800"}                         | -                | not valid JSON
    model=m                                     | -                | not valid JSON
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines()[1:])
def test_what_cannot_be_served_is_refused_with_its_field(line: str) -> None:
    body, param, message = (part.strip() for part in line.split(" | "))
    refused = refusal(body.encode())
    assert (refused.status, refused.param or "-") == (400, param)
    assert message in refused.message


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b'{"model":"\xff"}', b'{"model":"m","x":' + b"[" * 100_000]
)
def test_bytes_that_are_no_json_are_refused(body: bytes) -> None:
    assert "not valid JSON" in refusal(body).message


DEEP = b"[" * 100_000 + b"]" * 100_000


def test_a_body_that_is_nested_without_end_is_refused() -> None:
    assert refusal(b'{"model":"m","x":' + DEEP + b"}").status == 400


@given(st.binary() | st.sampled_from([b'{"error":{"message":"gr\xfc\xdfe"}}', b'{"x":' + DEEP + b"}"]))
def test_no_bytes_of_a_provider_break_a_reader(body: bytes) -> None:
    """What is read after a hold was taken must lead to a booking, whatever it is."""
    assert read_error(500, body).status == 500
    assert isinstance(answer_texts(body), list)
    assert read_answer(body) in {None, "garbage"}
    assert read_usage(body) is None
    frame = read_frame(body)
    assert frame is None or frame.usage is None


def test_text_that_is_not_utf_8_is_not_read() -> None:
    spoilt = b'{"choices":[{"delta":{"content":"gr\xfc\xdfe"}}]}'
    assert read_frame(spoilt) is None
    assert answer_texts(spoilt) == []
    assert "gr" in read_error(400, b'{"error":{"message":"gr\xfc\xdfe"}}').message


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ("", 1),
        (',"n":3', 3),
        (',"n":2,"best_of":5', 5),
        (',"prompt":"one"', 1),
        (',"prompt":["one","two"],"n":2', 4),
        (',"prompt":[1,2,3]', 1),
        (',"prompt":[[1,2],[3]]', 2),
        (',"prompt":[]', 1),
        (',"prompt":null', 1),
    ],
)
def test_how_many_answers_are_paid_for(fields: str, count: int) -> None:
    assert answers(read(f'{{"model":"m"{fields}}}'.encode())) == count


@pytest.mark.parametrize(
    ("fields", "alias"),
    [
        ("", None),
        (',"n_predict":9', "n_predict"),
        (',"n_\\u0070redict":9', "n_predict"),
        (',"x":{"n_predict":9},"y":"\\"n_predict\\":9"', None),
    ],
)
def test_a_provider_s_own_name_for_a_governed_field_is_seen(fields: str, alias: str | None) -> None:
    assert alias_in(f'{{"model":"m"{fields}}}'.encode(), ("n_predict", "n_cmpl")) == alias


def test_prompts_are_counted_without_the_answers() -> None:
    assert prompts(read(b'{"model":"m","n":7,"prompt": ["a", "b"]}')) == 2


@pytest.mark.parametrize(
    ("options", "asks"),
    [("null", False), ("{}", False), ('{"include_usage":true}', True), ('{"include_usage":1}', False)],
)
def test_who_asks_for_usage(options: str, asks: bool) -> None:
    assert asks_usage(read(f'{{"model":"m","stream_options":{options}}}'.encode())) is asks


USAGE = '{"prompt_tokens":3,"completion_tokens":4}'
REPORTED = Reported(Usage(3, output=4), USAGE)

FRAMES = (
    ('{"choices":[{"delta":{"content":"Hi"}}]}', Frame("Hi")),
    ('{"choices":[{"delta":{"role":"assistant","content":null}}]}', Frame("")),
    ('{"choices":[{"text":"Hi"}]}', Frame("Hi")),
    ('{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}', Frame("ab")),
    ('{"choices":[{"delta":{"reasoning_content":"hm ","content":"Hi"}}]}', Frame("hm Hi")),
    ('{"choices":[{"delta":{"refusal":"No"}}]}', Frame("No")),
    (
        '{"choices":[{"delta":{"reasoning_content":"hm ","tool_calls":[{"function":{"name":"f"}},{}]}}]}',
        Frame("hm f"),
    ),
    (
        '{"choices":[{"delta":{"content":"x","tool_calls":[{"function":{"arguments":"{}"}}]}}]}',
        Frame("x{}"),
    ),
    (f'{{"choices":[],"usage":{USAGE}}}', Frame("", REPORTED, only_usage=True)),
    (f'{{"choices":[{{"delta":{{}}}}],"usage":{USAGE}}}', Frame("", REPORTED)),
    ('{"choices":[],"usage":null}', Frame("")),
    ('{"error":{"message":"broken"}}', Frame("", error=True)),
    ('{"error":null,"choices":[]}', Frame("")),
    ("[DONE]", None),
    ("", None),
    ("17", None),
    ('{"choices":7}', None),
)


@pytest.mark.parametrize(("data", "frame"), FRAMES)
def test_what_an_event_means(data: str, frame: Frame | None) -> None:
    assert read_frame(data.encode()) == frame


def test_whole_answers() -> None:
    assert read_answer(f'{{"id":"x","usage":{USAGE}}}'.encode()) == REPORTED
    assert read_answer(b'{"id":"x"}') is None
    assert read_answer(b'{"usage":null}') is None
    assert read_answer(b"<html>") == "garbage"
    assert read_answer(b"[]") == "garbage"
    body = (
        b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"},'
        b'{"text":"b","finish_reason":"length"}]}'
    )
    assert answer_texts(body) == [("a", True), ("b", False)]
    assert answer_texts(b"<html>") == []


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (
            400,
            b'{"error":{"message":"no","type":"t","param":"p","code":"c"}}',
            Refusal(400, "t", "c", "no", "p"),
        ),
        (
            429,
            b'{"error":{"message":"slow","code":429}}',
            Refusal(429, "invalid_request_error", None, "slow"),
        ),
        (500, b'{"error":"boom"}', Refusal(500, "server_error", None, "boom")),
        (404, b'{"message":"nothing here"}', Refusal(404, "invalid_request_error", None, "nothing here")),
        (502, b"<h1>Bad Gateway</h1>", Refusal(502, "server_error", None, "<h1>Bad Gateway</h1>")),
        (503, b"", Refusal(503, "server_error", None, "The provider answered with status 503.")),
        (503, b"{}", Refusal(503, "server_error", None, "The provider answered with status 503.")),
    ],
)
def test_errors_of_providers_in_whatever_shape(status: int, body: bytes, refused: Refusal) -> None:
    assert read_error(status, body) == refused


def test_our_errors_have_all_four_fields() -> None:
    document = {"error": {"message": "Wrong.", "type": "invalid_request_error", "param": "n", "code": None}}
    assert json.loads(error_body(bad_request("Wrong.", "n"))) == document
    event = error_event(bad_request("Wrong.", "n"))
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert json.loads(event[6:]) == document
    again = read_error(400, error_body(bad_request("Wrong.", "n")))
    assert again == bad_request("Wrong.", "n")


def test_the_list_of_models() -> None:
    assert json.loads(model_list([("m", 1_700_000_000, "house")])) == {
        "object": "list",
        "data": [{"id": "m", "object": "model", "created": 1_700_000_000, "owned_by": "house"}],
    }
