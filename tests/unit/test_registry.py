"""The registry: addresses as the providers' own SDKs have them, and rows that fit together."""

from __future__ import annotations

from typing import get_args

import anthropic
import openai
import pytest
from cohere.environment import ClientEnvironment
from google import genai

from rechenwerk.providers.registry import ENDPOINTS, KINDS, Auth, Dialect
from rechenwerk.providers.transport import parse_target


def test_addresses_are_those_of_the_official_sdks() -> None:
    assert KINDS["openai"].default_url == str(openai.OpenAI(api_key="x").base_url).rstrip("/")
    claude = anthropic.Anthropic(api_key="x")
    assert KINDS["anthropic"].default_url == f"{str(claude.base_url).rstrip('/')}/v1"
    assert {name for name, _ in KINDS["anthropic"].headers} <= set(claude.default_headers)
    gemini = genai.Client(api_key="x")._api_client._http_options
    assert KINDS["gemini"].default_url == f"{str(gemini.base_url).rstrip('/')}/v1beta"
    assert KINDS["cohere"].default_url == ClientEnvironment.PRODUCTION.value


@pytest.mark.parametrize("name", KINDS)
def test_every_row_fits_together(name: str) -> None:
    row = KINDS[name]
    assert row.dialect in get_args(Dialect)
    assert row.auth in get_args(Auth)
    assert row.serves
    assert [one for one in ENDPOINTS if one in row.serves] == list(row.serves)
    if row.default_url:
        target = parse_target(row.default_url)
        assert target.tls or target.host == "localhost"
        assert not row.own
    assert row.rerank is None or row.rerank.startswith("/")
    assert row.dialect in {"openai", "cohere"} or row.serves == ("chat",)
    assert row.cap_field in {"max_tokens", "max_completion_tokens"}


def test_what_the_operator_must_fill_in_is_no_address() -> None:
    unfinished = {name for name, row in KINDS.items() if row.base_url and not row.default_url}
    assert unfinished == {"azure-openai", "bedrock"}
