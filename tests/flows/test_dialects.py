"""Every client dialect over every provider dialect, spoken by the official SDKs, streamed and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest

from tests import postgres
from tests.flows.dialect_site import KINDS, UPSTREAMS, Babel, model, running_babel
from tests.flows.speakers import BUDGET, SCHEMA, SPEAKERS, TOOLS, Heard, Question, Speaker, speaker
from tests.installation import Tenant

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
BARE = 9
"""Tokens of the plain question: six words, and three for the message."""


@pytest.fixture(scope="module")
def babel(server: postgres.Server) -> Iterator[Babel]:
    with running_babel(server) as running:
        yield running


@dataclass
class Line:
    """One client with a key of its own, one kind of provider, streamed or not."""

    babel: Babel
    client: str
    kind: str
    stream: bool
    tenant: Tenant
    speaker: Speaker

    def ask(self, question: Question, **more: Any) -> Heard:
        """Ask, and look at what every answer has."""
        heard = self.speaker.ask(model(self.kind), question, stream=self.stream, **more)
        assert heard.model in {model(self.kind), self.upstream}
        return heard

    @property
    def upstream(self) -> str:
        """Same dialect at both ends: the answer's bytes are the provider's, and so is the name in them."""
        same = {"chat": "openai-compatible", "messages": "anthropic"}.get(self.client) == self.kind
        return UPSTREAMS[self.kind] if same else model(self.kind)

    @property
    def body(self) -> Any:
        """What the provider got last."""
        return self.babel.fake.requests[-1].body


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def line(babel: Babel, client: str, kind: str, request: pytest.FixtureRequest) -> Iterator[Line]:
    babel.turn()
    tenant = babel.cloud.tenant(request.node.name)
    with speaker(client, babel.cloud.address, tenant.key) as speaking:
        yield Line(babel, client, kind, request.param, tenant, speaking)


pytestmark = [pytest.mark.parametrize("client", SPEAKERS), pytest.mark.parametrize("kind", KINDS)]


def test_text(line: Line) -> None:
    heard = line.ask(Question())
    assert heard.text == "".join(f"word{at}" if at == 0 else f" word{at}" for at in range(20))
    assert (heard.ended, heard.calls, heard.thoughts) == ("stop", [], "")
    assert heard.usage is not None
    assert (heard.usage.into, heard.usage.out) == (BARE, 20)
    (call,) = line.babel.booked(line.tenant)
    assert (call["input"], call["output"]) == (BARE, 20)
    assert json.loads(call["decision"])["deployment"] == f"{line.kind}/{UPSTREAMS[line.kind]}"


def test_an_answer_that_is_cut(line: Line) -> None:
    heard = line.ask(Question(max_tokens=5))
    assert (heard.text, heard.ended) == ("word0 word1 word2 word3 word4", "length")
    (call,) = line.babel.booked(line.tenant)
    assert call["output"] == 5


SYSTEMS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": lambda body: body["messages"][0]["content"],
        "anthropic": lambda body: body["system"],
        "gemini": lambda body: body["systemInstruction"]["parts"][0]["text"],
        "bedrock": lambda body: body["system"][0]["text"],
    }
)


def test_a_system_prompt(line: Line) -> None:
    line.ask(Question(system="Be brief and kind."))
    told = SYSTEMS[line.kind](line.body)
    assert told in ("Be brief and kind.", [{"type": "text", "text": "Be brief and kind."}])
    (call,) = line.babel.booked(line.tenant)
    assert call["input"] == BARE + 4 + 3


IMAGES: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": lambda body: body["messages"][0]["content"][1],
        "anthropic": lambda body: body["messages"][0]["content"][1],
        "gemini": lambda body: body["contents"][0]["parts"][1],
        "bedrock": lambda body: body["messages"][0]["content"][1],
    }
)
PICTURES: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        "anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        "gemini": {"inlineData": {"mimeType": "image/png", "data": PNG}},
        "bedrock": {"image": {"format": "png", "source": {"bytes": PNG}}},
    }
)


def test_an_image(line: Line) -> None:
    assert line.ask(Question(image=PNG)).ended == "stop"
    assert IMAGES[line.kind](line.body) == PICTURES[line.kind]
    line.babel.booked(line.tenant)


def _openai_results(body: Any) -> list[tuple[str, str]]:
    assert [call["id"] for call in body["messages"][1]["tool_calls"]] == [
        message["tool_call_id"] for message in body["messages"][2:]
    ]
    return [(message["tool_call_id"], message["content"]) for message in body["messages"][2:]]


def _anthropic_results(body: Any) -> list[tuple[str, str]]:
    _, used, told = body["messages"]
    assert [block["type"] for block in used["content"]] == ["tool_use", "tool_use"]
    return [
        (one["tool_use_id"], one["content"] if isinstance(one["content"], str) else one["content"][0]["text"])
        for one in told["content"]
    ]


def _gemini_results(body: Any) -> list[tuple[str, str]]:
    _, used, told = body["contents"]
    names = [part["functionCall"]["name"] for part in used["parts"]]
    answers = [part["functionResponse"] for part in told["parts"]]
    assert names == [one["name"] for one in answers] == list(TOOLS)
    return [(one["id"], one["response"]["output"]) for one in answers]


def _bedrock_results(body: Any) -> list[tuple[str, str]]:
    answers = [block["toolResult"] for block in body["messages"][2]["content"]]
    return [(one["toolUseId"], one["content"][0]["text"]) for one in answers]


RESULTS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": _openai_results,
        "anthropic": _anthropic_results,
        "gemini": _gemini_results,
        "bedrock": _bedrock_results,
    }
)


def test_tools(line: Line) -> None:
    """Two calls at once, and the turn with their results."""
    line.babel.turn(parallel_calls=True)
    heard = line.ask(Question(tools=True))
    assert (heard.ended, heard.text) == ("tools", "")
    assert [(name, arguments) for _, name, arguments in heard.calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_time", {"zone": "CET"}),
    ]
    first, second = (id_ for id_, _, _ in heard.calls)
    assert first != second
    results = {first: "18 C, sunny", second: "noon"}
    after = line.ask(Question(tools=True), before=heard, results=results)
    assert (after.ended, after.calls) == ("stop", [])
    assert after.text.startswith("word0 word1")
    assert RESULTS[line.kind](line.body) == list(results.items())
    calls = line.babel.booked(line.tenant, 2)
    assert calls[1]["input"] > calls[0]["input"]


def test_a_schema(line: Line) -> None:
    heard = line.ask(Question(schema=True))
    answer = json.loads(heard.text)
    assert set(answer) == set(SCHEMA["required"])
    assert answer["mood"] in {"good", "bad"}
    assert isinstance(answer["stars"], int)
    line.babel.booked(line.tenant)


EFFORTS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": lambda body: body["reasoning_effort"],
        "anthropic": lambda body: (body["thinking"]["type"], body["output_config"]["effort"]),
        "gemini": lambda body: body["generationConfig"]["thinkingConfig"],
        "bedrock": lambda body: body["outputConfig"]["effort"],
    }
)
ASKED_EFFORT: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": "high",
        "anthropic": ("adaptive", "high"),
        "gemini": {"thinkingBudget": 24576, "includeThoughts": True},
        "bedrock": "high",
    }
)
BUDGETS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": lambda body: body["reasoning_effort"],
        "anthropic": lambda body: body["thinking"],
        "gemini": lambda body: body["generationConfig"]["thinkingConfig"],
        "bedrock": lambda body: body["additionalModelRequestFields"]["thinking"],
    }
)
ASKED_BUDGET: MappingProxyType[str, Any] = MappingProxyType(
    {
        "openai-compatible": "low",
        "anthropic": {"type": "enabled", "budget_tokens": BUDGET},
        "gemini": {"thinkingBudget": BUDGET, "includeThoughts": True},
        "bedrock": {"type": "enabled", "budget_tokens": BUDGET},
    }
)


def test_thinking(line: Line) -> None:
    line.babel.turn(reasoning_tokens=6, show_reasoning=True)
    heard = line.ask(Question(think=True))
    assert heard.thoughts == " ".join(f"thought{at}" for at in range(6))
    assert heard.text.endswith("word19")
    assert heard.ended == "stop"
    budget = line.client == "messages"
    asked, wanted = (BUDGETS, ASKED_BUDGET) if budget else (EFFORTS, ASKED_EFFORT)
    assert asked[line.kind](line.body) == wanted[line.kind]
    signs = line.kind in {"anthropic", "bedrock"} and line.client != "chat"  # chats have no place for it
    assert heard.signature.startswith("c2lnbmVk") is signs
    assert heard.usage is not None
    (call,) = line.babel.booked(line.tenant)
    told = line.kind in {"openai-compatible", "gemini"}  # the others count thoughts as output
    assert (call["reasoning"], call["output"]) == ((6, 20) if told else (0, 26))
    assert (heard.usage.out, heard.usage.thought) == (26, 6 if told else 0)


def test_usage_of_a_cache(line: Line) -> None:
    line.babel.turn(cached_tokens=4, cache_write_tokens=3)
    usage = line.ask(Question()).usage
    assert usage is not None
    (call,) = line.babel.booked(line.tenant)
    written = 0 if line.kind == "gemini" else 3  # Gemini says nothing of it
    assert (call["cached_input"], call["cache_write"], call["input"]) == (4, written, BARE - 4 - written)
    assert (usage.cached, usage.written, usage.into, usage.out) == (4, written, BARE - 4 - written, 20)
