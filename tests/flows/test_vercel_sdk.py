"""The Vercel AI SDK as a client: one run of node speaks all three dialects to every provider."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests import postgres
from tests.flows.cloud import tokens_of
from tests.flows.dialect_site import KINDS, model, running_babel
from tests.npm import node

NODE = Path(__file__).resolve().parent / "vercel"
CANNOT = frozenset({f"messages {model('gemini')}", f"messages {model('bedrock')}"})
"""There the SDK forbids parallel calls of its tool for objects, which these providers cannot be told."""


def check_text(seen: dict[str, Any]) -> None:
    assert seen["text"].endswith("word18 word19")
    assert (seen["finish"], seen["calls"]) == ("stop", [])


def check_tool(seen: dict[str, Any]) -> None:
    """It was called, its result went back, and then there were words."""
    assert seen["calls"] == [["get_weather", {"city": "Paris"}]]
    assert seen["results"] == ["18 C in Paris"]
    assert seen["text"].endswith("word19")
    assert seen["finish"] == "stop"


def check_object(line: str, seen: dict[str, Any]) -> int:
    """How many calls it made."""
    if line in CANNOT:
        assert seen["refused"]["status"] == 400
        assert "disable_parallel_tool_use" in seen["refused"]["message"]
        return 0
    assert seen["refused"] is None
    assert seen["object"]["mood"] in {"good", "bad"}
    return 1


def test_the_vercel_sdk(server: postgres.Server) -> None:
    with running_babel(server) as babel:
        tenant = babel.cloud.tenant("vercel")
        command = [
            *node(NODE, "client.mjs", "the Vercel AI SDK is not run"),
            babel.cloud.address,
            tenant.key,
            *map(model, KINDS),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "AI_SDK_LOG_WARNINGS": "false"},
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert len(told["found"]) == 3 * len(KINDS)
        usage: list[dict[str, int]] = []
        for line, seen in told["found"].items():
            check_text(seen["text"])
            check_text(seen["stream"])
            assert seen["stream"]["deltas"] == 20
            assert "error" not in seen["stream"]["kinds"]
            check_tool(seen["tool"])
            check_tool(seen["toolStream"])
            parts = [seen[name]["usage"] for name in ("text", "stream", "tool", "toolStream")]
            usage += [one for part in parts for one in part]
            usage += [{}] * check_object(line, seen["object"])
        calls = babel.booked(tenant, len(usage))
        for call, one in zip(calls, usage, strict=True):
            if one:
                assert tokens_of(call) == (one["inputTokens"], one["outputTokens"])
        for refused in told["refused"].values():
            assert (refused["name"], refused["status"]) == ("AI_APICallError", 404)
            assert "does not exist" in refused["message"]
