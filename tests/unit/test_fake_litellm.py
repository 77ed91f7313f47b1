"""LiteLLM's proxy in front of the fake: a provider of Anthropic's dialect that somebody else wrote."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest
from bench.machine import BenchError

from tests.fakes.provider import DEFAULT_MODEL, FakeProvider, running_fake
from tests.litellm_proxy import running_litellm

pytestmark = pytest.mark.timeout(600)  # its first run installs a large environment


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProvider]:
    with running_fake() as running:
        yield running


@pytest.fixture(scope="module")
def client(fake: FakeProvider) -> Iterator[anthropic.Anthropic]:
    try:
        with (
            running_litellm(fake.base_url) as (url, key),
            anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as client,
        ):
            yield client
    except BenchError as missing:
        pytest.skip(f"LiteLLM's proxy cannot be had: {missing}")


def test_it_answers_messages(fake: FakeProvider, client: anthropic.Anthropic) -> None:
    answer = client.messages.create(
        model=DEFAULT_MODEL, max_tokens=3, messages=[{"role": "user", "content": "Good morning"}]
    )
    assert [block.text for block in answer.content if block.type == "text"] == ["word0 word1 word2"]
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == fake.produced.records[-1].completion_tokens == 3


def test_it_streams_messages(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model=DEFAULT_MODEL, max_tokens=3, messages=[{"role": "user", "content": "Good morning"}]
    ) as stream:
        assert "".join(stream.text_stream) == "word0 word1 word2"
        assert stream.get_final_message().usage.output_tokens == 3
