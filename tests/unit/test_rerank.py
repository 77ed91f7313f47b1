"""Rerank: what clients send reaches every provider, and what providers answer is what clients expect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cohere
import httpx
import pytest
from cohere.types import RerankResponse
from cohere.v2 import V2RerankResponse
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.openai import Request, Splice, splice
from rechenwerk.wire.rerank import (
    RERANK_KINDS,
    RerankKind,
    most_used,
    read_rerank,
    rerank_answer,
    rerank_body,
    rerank_usage,
)
from rechenwerk.wire.talk import UntranslatableError

ASKED = b'{"model": "m", "query": "q", "documents": ["a", "b", "c"], "top_n": 2}'
COHERE, LLAMA, VOYAGE = RERANK_KINDS["cohere"], RERANK_KINDS["llama.cpp"], RERANK_KINDS["voyage"]

# -- what clients send --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        ASKED,
        b'{"model":"m","query":"q","documents":[{"text":"a"}],"return_documents":null,"stream":true}',
        b'{"documents":["\\"documents\\""],"query":{"image":"x"},"n":3,"max_tokens":7,"model":"m"}',
    ],
)
def test_a_request_is_read(body: bytes) -> None:
    assert read_rerank(body) == Request(model="m")


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (b"[]", "Invalid value", None),
        (b"{", "not valid JSON", None),
        (b'{"query":"q","documents":["a"]}', "name a model", "model"),
        (b'{"model":"m","documents":["a"]}', "`query`", None),
        (b'{"model":"m","query":null,"documents":["a"]}', "at least one document", None),
        (b'{"model":"m","query":"q"}', "`documents`", None),
        (b'{"model":"m","query":"q","documents":[]}', "at least one document", None),
        (b'{"model":"m","query":"q","documents":"a"}', "$.documents", None),
        (b'{"model":"m","query":"q","documents":["a"],"return_documents":"yes"}', "$.return_documents", None),
        (b'{"model":"m","query":"q","documents":["a"],"documents":["b"]}', "twice", "documents"),
        (b'{"model":"m","query":"q","documents":["a"],"mod\\u0065l":"b"}', "twice", "model"),
        (b'{"model":"m","query":"q","documents":["a"],"top_n":1,"top_n":9}', "twice", "top_n"),
    ],
)
def test_a_request_is_refused(body: bytes, message: str, param: str | None) -> None:
    refusal = read_rerank(body)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert message in refusal.message
    assert refusal.param == param


@given(st.binary(max_size=60) | st.text('{}[]":,modelqurycnts01 \\').map(str.encode))
def test_no_body_breaks_it(body: bytes) -> None:
    assert isinstance(read_rerank(body), Request | Refusal)


def test_only_the_model_changes_on_the_way() -> None:
    request = read_rerank(ASKED)
    assert isinstance(request, Request)
    sent = rerank_body(splice(ASKED, request, Splice("up/stream")), RERANK_KINDS["jina"])
    assert sent == ASKED.replace(b'"m"', b'"up/stream"')


def test_what_it_can_use_at_most() -> None:
    for documents, units, tokens in (
        (["x"], 1, 11),
        (["x"] * 100, 1, 1100),
        (["x"] * 101, 2, 1111),
        (["x"] * 1000, 10, 11000),
        (["x" * 1000] * 50, 2, 550),  # one that is longer than 500 tokens counts as several
        ([{"text": "x"}], 1, 11),
        ([{"image": "https://example.com/cat.png"}, "x"], 1, 22 + 4000),
    ):
        body = json.dumps({"model": "m", "query": "q", "documents": documents}).encode()
        assert most_used(body, 4000) == (tokens, units)


def test_a_long_query_is_read_with_every_document() -> None:
    body = json.dumps({"model": "m", "query": "q" * 2998, "documents": ["x"] * 1000}).encode()
    assert most_used(body, 8000) == (1000 * 3008, 10)


# -- what providers are sent --------------------------------------------------------------------------

# Each stanza: the provider, the client's body, and what is sent; "=" means as it is.
SENT = r"""
cohere-v1
{"model":"m", "query":"q", "documents":["a",{"title":"t","text":"b"}], "rank_fields":["title"], "x":1}
=
jina
{"model":"m", "query":"q", "documents":["a",{"text":"b"}], "return_documents":true, "top_n":1}
=
vllm
{"model":"m", "query":"q", "documents":["a", "b"], "return_documents":true, "top_n":1}
=
vllm
{"model":"m", "query":"q", "documents":[ "a\u00e4", {"text": "b\ud83d\ude00"}], "top_n": 1, "x":[1, 2.50]}
{"model":"m","query":"q","documents":["a\u00e4","b\ud83d\ude00"],"top_n":1,"x":[1, 2.50]}
cohere
{"model":"m", "query":"q", "documents":["a"], "max_tokens_per_doc":9}
=
cohere
{"model":"m", "return_documents":false, "query":"q", "documents":["a"]}
{"model":"m","query":"q","documents":["a"]}
llama.cpp
{"model":"m", "query":"q", "documents":[{"text":"a"}], "return_documents":true}
{"model":"m","query":"q","documents":["a"]}
voyage
{"model":"m", "query":"q", "documents":["a"], "top_n":2}
{"model":"m","query":"q","documents":["a"],"top_k":2}
voyage
{"model":"m", "query":"q", "documents":["a"], "top_k":2, "truncation":false}
=
"""
STANZAS = SENT.strip().splitlines()


@pytest.mark.parametrize(
    ("kind", "body", "sent"), [*zip(STANZAS[::3], STANZAS[1::3], STANZAS[2::3], strict=True)]
)
def test_sent(kind: str, body: str, sent: str) -> None:
    assert read_rerank(body.encode()) == Request(model="m")
    assert rerank_body(body.encode(), RERANK_KINDS[kind]).decode() == (body if sent == "=" else sent)


@pytest.mark.parametrize(
    "document", ['{"text":"b","title":"t"}', '{"title":"t"}', '{"text":5}', "5", "[1]", "null", "{}"]
)
def test_documents_that_are_no_text_are_refused_by_name(document: str) -> None:
    body = f'{{"model":"m","query":"q","documents":["a",{document}]}}'.encode()
    with pytest.raises(UntranslatableError, match="send a string") as caught:
        rerank_body(body, LLAMA)
    assert caught.value.field == "documents[1]"


def test_two_names_of_one_thing_are_refused() -> None:
    body = b'{"model":"m","query":"q","documents":["a"],"top_n":1,"top_k":2}'
    with pytest.raises(UntranslatableError, match="top_k"):
        rerank_body(body, VOYAGE)


# -- what clients are answered ------------------------------------------------------------------------

RANKED = [{"index": 2, "relevance_score": 0.93}, {"index": 0, "relevance_score": -1.5e-7}]


def asked(documents: list[Any], *, back: bool | None) -> bytes:
    return json.dumps({"model": "m", "query": "q", "documents": documents, "return_documents": back}).encode()


@pytest.mark.parametrize("back", [True, False, None])
def test_documents_come_back_if_asked_for_whoever_ranked_them(back: bool | None) -> None:
    documents = ["a", "b", {"text": "ä"}]
    answer = json.dumps({"id": "7", "results": RANKED, "meta": {}}).encode()
    seen = rerank_answer(answer, asked(documents, back=back), LLAMA)
    if not back:
        assert seen == answer
        return
    results = [
        {**RANKED[0], "document": {"text": "ä"}},
        {**RANKED[1], "document": {"text": "a"}},
    ]
    assert json.loads(seen) == {"id": "7", "results": results, "meta": {}}


def test_providers_that_send_documents_are_passed_through() -> None:
    answer = b'{"results": [ {"index":0,"relevance_score":1,"document":{"text":"a"}} ]}'
    assert rerank_answer(answer, asked(["a"], back=True), RERANK_KINDS["vllm"]) is answer


@pytest.mark.parametrize("back", [True, False])
def test_voyage(back: bool) -> None:
    ranked = [{**one, "document": "abc"[int(one["index"])]} if back else one for one in RANKED]
    answer = json.dumps({"object": "list", "data": ranked, "usage": {"total_tokens": 4}}).encode()
    seen = json.loads(rerank_answer(answer, asked(["a", "b", "c"], back=back), VOYAGE))
    assert [*seen] == ["object", "results", "usage"]
    texts = [one.get("document") for one in seen["results"]]
    assert texts == ([{"text": "c"}, {"text": "a"}] if back else [None, None])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b'{"results":5}',
        b'{"results":[5]}',
        b'{"results":[{}]}',
        b'{"results":[{"index":3}]}',
        b'{"results":[{"index":-1}]}',
        b'{"results":[{"index":"0"}]}',
        b"\xff",
    ],
)
def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        rerank_answer(answer, asked(["a", "b", "c"], back=True), COHERE)


# -- usage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "usage", "raw"),
    [
        (
            '{"results":[],"meta":{"billed_units":{"search_units":1}}}',
            Usage(),
            '{"billed_units":{"search_units":1}}',
        ),
        (
            '{"meta":{"billed_units":{"search_units":3.0},"tokens":{"input_tokens":9}}}',
            Usage(requests=3),
            '{"billed_units":{"search_units":3.0},"tokens":{"input_tokens":9}}',
        ),
        (
            '{"meta":{"billed_units":{"input_tokens":7}}}',
            Usage(input=7),
            '{"billed_units":{"input_tokens":7}}',
        ),
        ('{"usage":{"total_tokens":815}}', Usage(input=815), '{"total_tokens":815}'),
        (
            '{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":815}}',
            Usage(input=815),
            '{"prompt_tokens":0,"completion_tokens":0,"total_tokens":815}',
        ),
        (
            '{"usage":{"prompt_tokens":56,"total_tokens":56}}',
            Usage(input=56),
            '{"prompt_tokens":56,"total_tokens":56}',
        ),
        ('{"usage":{"prompt_tokens":4}}', Usage(input=4), '{"prompt_tokens":4}'),
        ('{"usage":{"total_tokens":0}}', Usage(), '{"total_tokens":0}'),
        ('{"usage":{"total_tokens":1,"x":"\udcff"}}', Usage(input=1), '{"total_tokens":1,"x":"\ufffd"}'),
        (
            '{"usage":{"search_units":2,"total_tokens":150,"cost":0.1}}',
            Usage(input=150, requests=2),
            '{"search_units":2,"total_tokens":150,"cost":0.1}',
        ),
        (
            '{"usage":{"total_tokens":5},"meta":{"billed_units":{"search_units":2}}}',
            Usage(input=5, requests=2),
            '[{"billed_units":{"search_units":2}},{"total_tokens":5}]',
        ),
    ],
)
def test_usage(answer: str, usage: Usage, raw: str) -> None:
    reported = rerank_usage(answer.encode(errors="surrogateescape"))
    assert reported is not None
    assert (reported.usage, reported.raw) == (usage, raw)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "{}",
        '{"usage":null,"meta":null}',
        '{"usage":{}}',
        '{"meta":{"api_version":{"version":"2"}}}',
        '{"usage":7}',
        '{"usage":{"total_tokens":-1}}',
        '{"usage":{"total_tokens":1.5}}',
        '{"usage":{"total_tokens":"9"}}',
        '{"usage":{"total_tokens":1e300}}',
        '{"meta":{"billed_units":{"search_units":0.5}}}',
    ],
)
def test_no_usage(answer: str) -> None:
    assert rerank_usage(answer.encode()) is None


@given(st.binary(max_size=60) | st.text('{}[]":,usagemetil_s.e+-0195').map(str.encode))
def test_no_answer_breaks_usage(answer: bytes) -> None:
    rerank_usage(answer)


# -- Cohere's own client ------------------------------------------------------------------------------


def transport(kind: RerankKind, answer: dict[str, Any], sent: list[bytes]) -> httpx.Client:
    """What stands between Cohere's client and a provider of some kind."""

    def handle(request: httpx.Request) -> httpx.Response:
        read = read_rerank(request.content)
        assert isinstance(read, Request)
        sent.append(rerank_body(splice(request.content, read, Splice("upstream")), kind))
        return httpx.Response(200, content=rerank_answer(json.dumps(answer).encode(), request.content, kind))

    return httpx.Client(transport=httpx.MockTransport(handle))


LLAMA_ANSWER = {
    "model": "upstream",
    "object": "list",
    "usage": {"prompt_tokens": 9, "total_tokens": 9},
    "results": RANKED,
}
DOCUMENTS = ["a", {"text": "b"}, "c"]


@pytest.mark.parametrize(
    ("kind", "answer", "documents"),
    [
        (LLAMA, LLAMA_ANSWER, b'["a","b","c"]'),
        (VOYAGE, {"object": "list", "data": RANKED, "usage": {"total_tokens": 9}}, b'["a","b","c"]'),
        (RERANK_KINDS["cohere-v1"], {"id": "1", "results": RANKED}, b'["a",{"text":"b"},"c"]'),
    ],
)
def test_coheres_first_client(kind: RerankKind, answer: dict[str, Any], documents: bytes) -> None:
    sent: list[bytes] = []
    client = cohere.Client("key", base_url="http://gateway", httpx_client=transport(kind, answer, sent))
    call: Callable[..., RerankResponse] = client.rerank
    seen = call(model="m", query="q", documents=DOCUMENTS, top_n=2, return_documents=True)
    assert [(one.index, one.relevance_score) for one in seen.results] == [(2, 0.93), (0, -1.5e-7)]
    if kind != RERANK_KINDS["cohere-v1"]:
        assert [one.document and one.document.text for one in seen.results] == ["c", "a"]
    assert json.loads(sent[0])["model"] == "upstream"
    assert json.loads(sent[0])[kind.top] == 2
    assert documents in sent[0]


def test_coheres_second_client() -> None:
    sent: list[bytes] = []
    answer = {"id": "1", "results": RANKED, "meta": {"billed_units": {"search_units": 1}}}
    client = cohere.ClientV2("key", base_url="http://gateway", httpx_client=transport(COHERE, answer, sent))
    seen = client.rerank(model="m", query="q", documents=["a", "b", "c"], top_n=2, max_tokens_per_doc=64)
    assert isinstance(seen, V2RerankResponse)
    assert seen.meta is not None
    assert seen.meta.billed_units is not None
    assert seen.meta.billed_units.search_units == 1
    assert sent == [
        b'{"model":"upstream","query":"q","documents":["a","b","c"],"top_n":2,"max_tokens_per_doc":64}'
    ]
    assert rerank_usage(seen.model_dump_json().encode()) is not None
