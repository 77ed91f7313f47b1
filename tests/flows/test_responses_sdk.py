"""OpenAI's Responses as the official SDK speaks them: events, state, and before the real llama.cpp."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from rechenwerk.providers.embedded_child import Embedded
from tests import postgres
from tests.flows.cloud import EMBEDDED_CONFIG, Cloud, knows, running_cloud, runtime_of, tokens_of
from tests.flows.dialect_site import KINDS, Babel, model, running_babel
from tests.flows.speakers import TOOLS, heard_response
from tests.installation import Tenant

ASK = "What is the weather in Paris?"
TOOL: Any = {"type": "function", "name": "get_weather", "parameters": TOOLS["get_weather"], "strict": True}
WORDS = "word0 word1 word2"
MESSAGE = 3
"""Tokens that the fake counts for every message, beside its words."""


class Verdict(BaseModel):
    """What a model is made to say."""

    mood: str
    stars: int


@pytest.fixture(scope="module")
def babel(server: postgres.Server) -> Iterator[Babel]:
    with running_babel(server) as running:
        yield running


@pytest.fixture
def tenant(babel: Babel, request: pytest.FixtureRequest) -> Tenant:
    babel.turn()
    return babel.cloud.tenant(request.node.name)


@pytest.fixture
def client(babel: Babel, tenant: Tenant) -> Iterator[openai.OpenAI]:
    with client_of(babel.cloud, tenant) as client:
        yield client


def client_of(cloud: Cloud, tenant: Tenant) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{cloud.address}/v1", api_key=tenant.key, max_retries=0)


# -- one turn -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_events_of_words(babel: Babel, tenant: Tenant, client: openai.OpenAI, kind: str) -> None:
    with client.responses.create(model=model(kind), input=ASK, max_output_tokens=3, stream=True) as stream:
        events: list[Any] = list(stream)
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    assert [event.sequence_number for event in events] == list(range(11))
    assert "".join(event.delta for event in events[4:7]) == events[7].text == WORDS
    assert events[0].response.id == events[-1].response.id
    last = heard_response(events[-1].response)
    assert (last.text, last.ended) == (WORDS, "length")
    babel.booked(tenant)


@pytest.mark.parametrize("kind", KINDS)
def test_events_of_tools(babel: Babel, tenant: Tenant, client: openai.OpenAI, kind: str) -> None:
    babel.turn(parallel_calls=True)
    time: Any = {"type": "function", "name": "get_time", "parameters": TOOLS["get_time"], "strict": True}
    with client.responses.create(model=model(kind), input=ASK, tools=[TOOL, time], stream=True) as stream:
        events: list[Any] = list(stream)
    for index, arguments in enumerate(({"city": "Paris"}, {"zone": "CET"})):
        mine = [event for event in events if getattr(event, "output_index", None) == index]
        kinds = [event.type for event in mine]
        assert (kinds[0], kinds[-1]) == ("response.output_item.added", "response.output_item.done")
        assert kinds[-2] == "response.function_call_arguments.done"
        deltas = [event.delta for event in mine if event.type == "response.function_call_arguments.delta"]
        assert "".join(deltas) == mine[-2].arguments == mine[-1].item.arguments
        assert json.loads(mine[-2].arguments) == arguments
    assert events[-1].type == "response.completed"
    babel.booked(tenant)


@pytest.mark.parametrize("kind", KINDS)
def test_structured_output(babel: Babel, tenant: Tenant, client: openai.OpenAI, kind: str) -> None:
    answer = client.responses.parse(model=model(kind), input=ASK, text_format=Verdict)
    assert isinstance(answer.output_parsed, Verdict)
    with client.responses.stream(model=model(kind), input=ASK, text_format=Verdict) as stream:
        streamed = stream.get_final_response()
    assert streamed.output_parsed == answer.output_parsed
    babel.booked(tenant, 2)


# -- conversations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "kinds",
    [("anthropic", "gemini", "bedrock"), ("openai-compatible",) * 3, ("openai", "anthropic", "openai")],
    ids=str,
)
def test_three_turns(
    babel: Babel, tenant: Tenant, client: openai.OpenAI, kinds: tuple[str, ...], *, stream: bool
) -> None:
    """The conversation is kept here, so that each turn may go to another provider."""
    previous: str | None = None
    for kind, text in zip(kinds, ("My name is Ada.", "I live in Rome.", "Who am I?"), strict=True):
        answer = turn(client, kind, text, previous, stream=stream)
        if kind != "openai":  # its answers pass as they came, and it was told the whole conversation
            assert answer.previous_response_id == previous
        previous = answer.id
    calls = babel.booked(tenant, 3)
    said = len(WORDS.split())
    asked = (4 + MESSAGE, 4 + MESSAGE, 3 + MESSAGE)
    answered = said + MESSAGE
    assert [call["input"] for call in calls] == [
        asked[0],
        asked[0] + answered + asked[1],
        asked[0] + answered + asked[1] + answered + asked[2],
    ]
    sent = babel.fake.requests[-1].raw.decode()
    assert sent.index("My name is Ada.") < sent.index("I live in Rome.") < sent.index("Who am I?")
    assert sent.count(WORDS) == 2


def turn(client: openai.OpenAI, kind: str, text: str, previous: str | None, *, stream: bool = False) -> Any:
    body: Any = {"model": model(kind), "input": text, "max_output_tokens": 3}
    if previous is not None:
        body["previous_response_id"] = previous
    if not stream:
        return client.responses.create(**body)
    return last_response(client, body)


def last_response(client: openai.OpenAI, body: dict[str, Any]) -> Any:
    """The response as a stream ends with it; the helper's own getter wants one that nothing cut."""
    with client.responses.stream(**body) as events:
        last: Any = list(events)[-1]
    return last.response


def test_a_conversation_forks(babel: Babel, tenant: Tenant, client: openai.OpenAI) -> None:
    first = turn(client, "gemini", "My name is Ada.", None)
    turn(client, "gemini", "I live in Rome.", first.id)
    turn(client, "gemini", "I live in Oslo.", first.id)
    sent = babel.fake.requests[-1].raw.decode()
    assert "Oslo" in sent
    assert "Rome" not in sent
    babel.booked(tenant, 3)


@pytest.mark.parametrize("kinds", [("anthropic", "gemini"), ("gemini", "openai-compatible")], ids=str)
def test_a_tools_result_goes_to_another_provider(
    babel: Babel, tenant: Tenant, client: openai.OpenAI, kinds: tuple[str, str]
) -> None:
    one, other = kinds
    asked = client.responses.create(model=model(one), input=ASK, tools=[TOOL])
    (call,) = asked.output
    assert call.type == "function_call"
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "18 C, sunny"}
    answer = client.responses.create(
        model=model(other), input=[result], tools=[TOOL], previous_response_id=asked.id
    )
    assert answer.output_text.startswith("word0 word1")
    sent = babel.fake.requests[-1].raw.decode()
    assert sent.index(ASK) < sent.index("get_weather") < sent.index("18 C, sunny")
    babel.booked(tenant, 2)


def test_instructions_are_of_one_turn_only(babel: Babel, tenant: Tenant, client: openai.OpenAI) -> None:
    first = client.responses.create(
        model=model("anthropic"), input="Hello.", instructions="Be a pirate.", max_output_tokens=3
    )
    assert first.instructions == "Be a pirate."
    turn(client, "anthropic", "And now?", first.id)
    assert "pirate" not in babel.fake.requests[-1].raw.decode()
    babel.booked(tenant, 2)


def test_thoughts_go_back_to_who_signed_them(babel: Babel, tenant: Tenant, client: openai.OpenAI) -> None:
    babel.turn(reasoning_tokens=4, show_reasoning=True)
    first = client.responses.create(
        model=model("anthropic"), input="Think.", reasoning={"effort": "high"}, max_output_tokens=100
    )
    thought = "thought0 thought1 thought2 thought3"
    assert heard_response(first).thoughts == thought
    turn(client, "anthropic", "Again.", first.id)
    block = babel.fake.requests[-1].body["messages"][1]["content"][0]
    assert (block["type"], block["thinking"]) == ("thinking", thought)
    assert block["signature"] == heard_response(first).signature
    babel.booked(tenant, 2)


# -- what is not kept, and who may not see it ---------------------------------------------------------


def not_found(client: openai.OpenAI, previous: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        turn(client, "anthropic", "Go on.", previous)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
    assert "send the whole conversation" in caught.value.message


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_shall_not_be_stored_is_not(
    babel: Babel, tenant: Tenant, client: openai.OpenAI, *, stream: bool
) -> None:
    word = f"rhubarb{stream}"
    body: Any = {
        "model": model("anthropic"),
        "input": f"The word is {word}.",
        "max_output_tokens": 3,
        "store": False,
    }
    answer: Any = last_response(client, body) if stream else client.responses.create(**body)
    assert answer.store is False
    not_found(client, answer.id)
    babel.booked(tenant)
    assert stands_in(babel.cloud, word) == []
    kept = conversations(babel.cloud)
    again = client.responses.create(**{**body, "store": True})
    assert conversations(babel.cloud) == kept + 1, "else nothing was looked for"
    assert stands_in(babel.cloud, word) == [], "what is kept is sealed"
    turn(client, "anthropic", "Go on.", again.id)


def conversations(cloud: Cloud) -> int:
    """How many answers are kept."""

    async def count() -> int:
        return int(await cloud.town.pool.fetchval("select count(*) from response"))

    return cloud.run(count())


def stands_in(cloud: Cloud, word: str) -> list[str]:
    """The tables in which a word can be read."""

    async def look() -> list[str]:
        names = await cloud.town.pool.fetch(
            "select quote_ident(tablename) as name from pg_tables where schemaname = 'public'"
        )
        found = []
        for (name,) in names:
            rows = await cloud.town.pool.fetch(f"select * from {name}")
            found += [name for row in rows if word in str(tuple(row))]
        return found

    return cloud.run(look())


def test_an_answer_that_was_refused_is_not_kept(babel: Babel, tenant: Tenant, client: openai.OpenAI) -> None:
    babel.turn(error_event_mid_stream=4)
    with client.responses.stream(model=model("anthropic"), input="Hello.") as stream:
        last: Any = list(stream)[-1]
    assert last.type == "response.failed"
    babel.cloud.calls(tenant, 1)
    babel.turn()
    not_found(client, last.response.id)


def test_others_conversations_do_not_exist(babel: Babel, tenant: Tenant, client: openai.OpenAI) -> None:
    answer = turn(client, "anthropic", "My name is Ada.", None)
    stranger = babel.cloud.tenant("another organisation")
    neighbour = babel.cloud.run(another_project(babel.cloud, tenant))
    colleague = babel.cloud.run(another_key(babel.cloud, tenant))
    babel.turn()
    for other in (stranger, neighbour):
        with client_of(babel.cloud, other) as theirs:
            not_found(theirs, answer.id)
            not_found(theirs, "resp_call_0000000000000")
    assert not babel.fake.requests
    with client_of(babel.cloud, colleague) as ours:
        turn(ours, "anthropic", "Who am I?", answer.id)
    assert "Ada" in babel.fake.requests[-1].raw.decode()


async def another_project(cloud: Cloud, tenant: Tenant) -> Tenant:
    """A key of a project beside the tenant's."""
    project = await cloud.town.desk.tenants.create_project(tenant.organisation, "beside")
    await cloud.town.desk.tenants.guard_project(tenant.organisation, project, ())
    made = await cloud.town.add_key(tenant.organisation, project)
    await knows(cloud.gateway, made)
    return made


async def another_key(cloud: Cloud, tenant: Tenant) -> Tenant:
    """Another key of the tenant's project."""
    made = await cloud.town.add_key(tenant.organisation, tenant.project)
    await knows(cloud.gateway, made)
    return made


# -- the real llama.cpp -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama(server: postgres.Server, embedded: Embedded) -> Iterator[Cloud]:
    with running_cloud(server.fresh_sync(), EMBEDDED_CONFIG, runtime_of(embedded)) as cloud:
        yield cloud


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_llama_cpp(llama: Cloud, *, stream: bool) -> None:
    tenant = llama.tenant(f"responses {stream}")
    body: Any = {
        "model": "smollm2-135m",
        "max_output_tokens": 8,
        "temperature": 0,
        "instructions": "Be brief.",
    }
    previous: dict[str, str] = {}
    answers = []
    with client_of(llama, tenant) as client:
        for text in (ASK, "And tomorrow?"):
            asked = {**body, **previous, "input": text}
            answer: Any = last_response(client, asked) if stream else client.responses.create(**asked)
            answers.append(answer)
            previous = {"previous_response_id": answer.id}
    for answer, call in zip(answers, llama.calls(tenant, 2), strict=True):
        assert answer.output_text
        assert answer.usage.output_tokens == 8
        assert (call["outcome"], call["usage_source"]) == ("posted", "reported")
        assert tokens_of(call) == (answer.usage.input_tokens, 8)
        assert call["cached_input"] == answer.usage.input_tokens_details.cached_tokens
        assert call["price"] > 0
    assert answers[1].usage.input_tokens > answers[0].usage.input_tokens


def test_llama_cpp_calls_a_tool(llama: Cloud) -> None:
    tenant = llama.tenant("responses tool")
    with client_of(llama, tenant) as client:
        answer = client.responses.create(
            model="smollm2-135m", input=ASK, tools=[TOOL], tool_choice="required", max_output_tokens=60
        )
    ((_, name, arguments),) = heard_response(answer).calls
    assert (name, arguments["city"] in {"Paris", "Rome"}) == ("get_weather", True)
    llama.calls(tenant, 1)
