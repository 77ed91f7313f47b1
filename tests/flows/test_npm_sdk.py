"""The official openai npm SDK as a client: one run of node does everything once, before both providers."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.flows.cloud import Site, tokens_of
from tests.npm import NODE, node


def errors(site: Site) -> dict[str, tuple[str, int | None, str | None]]:
    """Class, status and code of every error; those that only the fake can make come with its knobs."""
    common: dict[str, tuple[str, int | None, str | None]] = {
        "badRequest": ("BadRequestError", 400, "integer_below_min_value"),
        "authentication": ("AuthenticationError", 401, "invalid_api_key"),
        "notFound": ("NotFoundError", 404, "model_not_found"),
        "url": ("NotFoundError", 404, "unknown_url"),
        "method": ("APIError", 405, "method_not_allowed"),
        "connection": ("APIConnectionError", None, None),
        "timeout": ("APIConnectionTimeoutError", None, None),
    }
    if site.fake is None:
        return common
    return common | {
        "limit": ("RateLimitError", 429, "rate_limit_exceeded"),
        "server": ("InternalServerError", 500, None),
        "stream": ("APIError", None, "provider_failed"),
    }


def check_errors(site: Site, seen: dict[str, Any]) -> None:
    for name, (kind, status, code) in errors(site).items():
        error = seen[name]
        assert error is not None, name
        assert kind in {*error["is"], error["class"]}, (name, error)
        assert (error["status"], error["code"]) == (status, code), (name, error)
        if status is not None:
            assert error["id"].startswith("call_")
    assert seen["badRequest"]["param"] == "max_tokens"
    assert "at least 1" in seen["badRequest"]["message"]


def check_tool(call: dict[str, Any]) -> None:
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"])["city"] in {"Paris", "Rome"}


def usage_of(answer: dict[str, Any]) -> tuple[int, int]:
    usage = answer["usage"]
    return usage["prompt_tokens"], usage.get("completion_tokens", 0)


def test_the_npm_sdk(site: Site) -> None:
    tenant = site.cloud.tenant("npm")
    command = [
        *node(NODE, "client.mjs", "the npm SDK is not run"),
        f"{site.cloud.address}/v1",
        tenant.key,
        site.model,
        site.vectors,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)

    assert seen["chat"]["choices"][0]["message"]["content"]
    assert seen["requestId"].startswith("call_")
    assert all(chunk["choices"] for chunk in seen["silent"])
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in seen["silent"])
    assert text == seen["chat"]["choices"][0]["message"]["content"]
    *chunks, last = seen["asked"]
    assert last["choices"] == []
    assert all(chunk["choices"] for chunk in chunks)
    check_tool(seen["tool"]["choices"][0]["message"]["tool_calls"][0])
    parts = [
        part
        for chunk in seen["toolStream"][:-1]
        for part in chunk["choices"][0]["delta"].get("tool_calls", ())
    ]
    name = next(part["function"]["name"] for part in parts if part["function"].get("name"))
    arguments = "".join(part["function"].get("arguments") or "" for part in parts)
    check_tool({"function": {"name": name, "arguments": arguments}})
    assert seen["completion"]["choices"][0]["text"]
    for one, other in zip(seen["embeddings"]["data"], seen["floats"]["data"], strict=True):
        assert one["embedding"] == pytest.approx(other["embedding"], abs=1e-6)
    assert set(seen["models"]) == {site.model, site.vectors}
    check_errors(site, seen["errors"])

    answers = [seen["chat"], last, last, seen["tool"], seen["toolStream"][-1]]
    answers += [seen["completion"], seen["embeddings"], seen["floats"]]
    # Then the refusals, which book nothing, the impatient call, and three more that reach the provider.
    calls = site.cloud.calls(tenant, 12)
    assert [tokens_of(call) for call in calls[:8]] == [usage_of(answer) for answer in answers]
    assert all(call["outcome"] == "posted" for call in calls[:9])
    if site.fake is not None:
        assert [call["outcome"] for call in calls[9:]] == ["void", "void", "unresolved"]
