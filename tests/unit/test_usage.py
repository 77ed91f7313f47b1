"""Usage: disjoint buckets, and what OpenAI-like providers report, read into them."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.wire.openai import add_choice, read_usage
from rechenwerk.wire.talk import Reported

COUNTS = st.integers(0, 1 << 38)

RECORDED = MappingProxyType(
    {
        "OpenAI chat": (
            """{"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}""",
            "input 86  cached_input 1920  output 44  reasoning 256",
        ),
        "embeddings": ("""{"prompt_tokens": 8, "total_tokens": 8}""", "input 8"),
        "llama.cpp": (
            """{"completion_tokens": 16, "prompt_tokens": 40, "total_tokens": 56,
            "prompt_tokens_details": {"cached_tokens": 39}}""",
            "input 1  cached_input 39  output 16",
        ),
        "vLLM": (
            """{"prompt_tokens": 5, "total_tokens": 12, "completion_tokens": 7,
            "prompt_tokens_details": null}""",
            "input 5  output 7",
        ),
        "OpenRouter": (
            """{"prompt_tokens": 100, "completion_tokens": 1, "cost": 0.0001,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "completion_tokens_details": null}""",
            "input 10  cached_input 60  cache_write 30  output 1",
        ),
        "nulls everywhere": (
            """{"prompt_tokens": 3, "completion_tokens": null,
            "prompt_tokens_details": {"cached_tokens": null},
            "completion_tokens_details": {"reasoning_tokens": null}}""",
            "input 3",
        ),
        "everything cached": (
            """{"prompt_tokens": 7, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 7}}""",
            "cached_input 7",
        ),
        "thought and said nothing": (
            """{"prompt_tokens": 0, "completion_tokens": 9,
            "completion_tokens_details": {"reasoning_tokens": 9}}""",
            "reasoning 9",
        ),
    }
)

NONSENSE = """
    null
    {}
    []
    17
    "many"
    {"total_tokens": 12}
    {"prompt_tokens": null, "completion_tokens": 3}
    {"prompt_tokens": "12", "completion_tokens": 3}
    {"prompt_tokens": 1.5, "completion_tokens": 3}
    {"prompt_tokens": true, "completion_tokens": 3}
    {"prompt_tokens": -1, "completion_tokens": 3}
    {"prompt_tokens": 3, "completion_tokens": -1}
    {"prompt_tokens": 1099511627777, "completion_tokens": 3}
    {"prompt_tokens": 3, "completion_tokens": 1099511627777}
    {"prompt_tokens": 99999999999999999999999999, "completion_tokens": 3}
    {"prompt_tokens": 3, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    {"prompt_tokens": 3, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": -1}}
    {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 2}}
    {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": -1}}
    {"prompt_tokens": 3, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 4}}
    {"prompt_tokens": 3, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": -1}}
    {"prompt_tokens": 3, "completion_tokens": 3
    not json
"""


@pytest.mark.parametrize("provider", RECORDED)
def test_recorded_usage_falls_into_disjoint_buckets(provider: str) -> None:
    report, buckets = RECORDED[provider]
    words = buckets.split()
    usage = Usage(**{bucket: int(count) for bucket, count in zip(words[::2], words[1::2], strict=True)})
    assert read_usage(report.encode()) == Reported(usage, report)
    seen = json.loads(report)
    assert usage.tokens == seen["prompt_tokens"] + (seen.get("completion_tokens") or 0)


@pytest.mark.parametrize("report", NONSENSE.strip().splitlines())
def test_usage_that_makes_no_sense_is_no_usage(report: str) -> None:
    assert read_usage(report.strip().encode()) is None


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_whatever_makes_sense_is_kept_to_the_token(
    fresh: int, cached: int, written: int, said: int, thought: int
) -> None:
    report: dict[str, Any] = {
        "prompt_tokens": fresh + cached + written,
        "completion_tokens": said + thought,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    seen = read_usage(json.dumps(report).encode())
    assert seen is not None
    assert seen.usage == Usage(fresh, cached, written, said, thought)
    assert json.loads(seen.raw) == report


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
)
def test_no_member_of_any_kind_breaks_the_reader(value: Any) -> None:
    for name in ("prompt_tokens", "completion_tokens", "prompt_tokens_details"):
        seen = read_usage(json.dumps({"prompt_tokens": 1, name: value}).encode())
        assert seen is None or min(seen.usage.counts()) >= 0


def test_the_buckets_have_one_order() -> None:
    usage = Usage(1, 2, 3, 4, 5, 6, 7, 8)
    assert usage.counts() == tuple(getattr(usage, bucket) for bucket in BUCKETS)
    assert usage.counts() == (1, 2, 3, 4, 5, 6, 7, 8)
    assert usage.tokens == 1 + 2 + 3 + 4 + 5
    assert Usage().counts() == (0, 0, 0, 0, 0, 0, 0, 1)


def reported(*counts: int) -> Reported:
    return Reported(Usage(*counts), "{}")


@pytest.mark.parametrize(
    ("same_prompt", "together"),
    [(True, Usage(10, 2, 3, 4 + 7, 1 + 8)), (False, Usage(10 + 20, 2 + 5, 3 + 6, 4 + 7, 1 + 8))],
)
def test_answers_reported_one_by_one_add_up(same_prompt: bool, together: Usage) -> None:
    first = add_choice(None, reported(10, 2, 3, 4, 1), same_prompt=same_prompt)
    both = add_choice(first, reported(20, 5, 6, 7, 8), same_prompt=same_prompt)
    assert first.raw == "[{}]"
    assert both == Reported(together, "[{},{}]")
