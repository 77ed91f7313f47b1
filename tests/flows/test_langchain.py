"""LangChain as a client: its chat models of OpenAI's and Anthropic's dialect, over every provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from tests import postgres
from tests.flows.cloud import tokens_of
from tests.flows.dialect_site import KINDS, Babel, model, running_babel
from tests.installation import Tenant

pytestmark = [
    pytest.mark.parametrize("dialect", ["chat", "messages", "responses"]),
    pytest.mark.parametrize("kind", KINDS),
]


class Verdict(BaseModel):
    """What a model is made to say."""

    mood: str
    stars: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"18 C in {city}"


@pytest.fixture(scope="module")
def babel(server: postgres.Server) -> Iterator[Babel]:
    with running_babel(server) as running:
        yield running


@pytest.fixture
def tenant(babel: Babel, request: pytest.FixtureRequest) -> Tenant:
    babel.turn()
    return babel.cloud.tenant(request.node.name)


@pytest.fixture
def chat(babel: Babel, tenant: Tenant, dialect: str, kind: str) -> BaseChatModel:
    key, url = SecretStr(tenant.key), babel.cloud.address
    if dialect == "messages":
        named: dict[str, Any] = {"model": model(kind), "base_url": url, "api_key": key, "max_tokens": 100}
        return ChatAnthropic(max_retries=0, **named)
    return ChatOpenAI(
        model=model(kind),
        base_url=f"{url}/v1",
        api_key=key,
        max_retries=0,
        max_completion_tokens=100,
        use_responses_api=dialect == "responses",
        stream_usage=True,
    )


def counted(babel: Babel, tenant: Tenant, *answers: AIMessage) -> None:
    """The books say what LangChain counts, and what the fake made."""
    calls = babel.booked(tenant, len(answers))
    for answer, call in zip(answers, calls, strict=True):
        usage = answer.usage_metadata
        assert usage is not None
        assert tokens_of(call) == (usage["input_tokens"], usage["output_tokens"])


def test_words(babel: Babel, tenant: Tenant, chat: BaseChatModel) -> None:
    answer = chat.invoke([SystemMessage("Be brief."), HumanMessage("What is it?")])
    assert answer.text.endswith("word19")
    counted(babel, tenant, answer)


def test_a_stream(babel: Babel, tenant: Tenant, chat: BaseChatModel) -> None:
    chunks = list(chat.stream("What is it?"))
    assert sum(bool(chunk.text) for chunk in chunks) == 20, "a chunk for every word"
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert isinstance(whole, AIMessageChunk)
    assert whole.text.endswith("word19")
    counted(babel, tenant, whole)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool(babel: Babel, tenant: Tenant, chat: BaseChatModel, *, stream: bool) -> None:
    able = chat.bind_tools([get_weather])
    said: list[Any] = [HumanMessage("What is the weather?")]
    answer: Any
    if stream:
        answer, *rest = able.stream(said)
        for chunk in rest:
            answer = answer + chunk
    else:
        answer = able.invoke(said)
    (call,) = answer.tool_calls
    assert call["name"] == "get_weather"
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage)
    after = able.invoke([*said, answer, result])
    assert after.text.endswith("word19")
    assert "18 C in" in babel.fake.requests[-1].raw.decode()
    counted(babel, tenant, answer, after)


def test_structured_output(babel: Babel, tenant: Tenant, chat: BaseChatModel) -> None:
    verdict = chat.with_structured_output(Verdict).invoke("How was it?")
    assert isinstance(verdict, Verdict)
    babel.booked(tenant)
