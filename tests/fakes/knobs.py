"""What a test can turn on the fake provider.

Every knob can be set on the object (`fake.knobs.pace_ms = 20`), over HTTP (`POST /_fake/knobs`), and for one
call: a header `x-fake-pace-ms: 20`, or a top-level field `"x_fake": {"pace_ms": 20}` in the request's body,
which travels through any gateway that leaves unknown fields alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_MODEL = "fake-model"
HEADER_PREFIX = b"x-fake-"


class Knobs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An "event" is a `data:` frame on the wire: the role chunk and `[DONE]` are events too."""

    # who may ask for what
    models: list[str] = msgspec.field(default_factory=lambda: [DEFAULT_MODEL])
    require_key: str | None = None

    # the answer
    answer_tokens: int = 20  # how long the model talks when max_tokens does not cut it
    answer_text: str | None = None  # said instead of "word0 word1 ..."
    tokens_per_event: int = 1
    parallel_calls: bool = False  # two tool calls instead of one
    reasoning_tokens: int = 0  # per choice, invisible, inside max_tokens and completion_tokens as at OpenAI
    show_reasoning: bool = False  # where the dialect has a place for it, even if nobody asked for it
    filtered: bool = False  # the answer ends because of a content filter
    cached_tokens: int = 0  # of the prompt; never more than the prompt
    cache_write_tokens: int = 0  # of the prompt that was not cached
    rerank_as: Literal["jina", "cohere"] = "jina"  # whose shape /v1/rerank has; /v2/rerank is Cohere's
    dimensions: int = 64  # of an embedding when the request names none

    # time
    latency_ms: float = 0  # before the first byte of the answer, errors included
    pace_ms: float = 0  # between two writes of a stream

    # refusals
    fail_first: int = 0  # set on the object it counts down; sent with a call it counts per fail_key
    fail_status: int = 503
    fail_key: str | None = None  # None: the same body is the same call
    status: int | None = None  # always
    retry_after: str | int | float | None = None  # on every refusal these knobs cause
    error_code: str | None = None  # e.g. insufficient_quota
    error_with_usage: bool = False  # 500, and still the tokens were made and reported

    # connections that break
    cut_before_answer: bool = False  # orderly close, no byte sent
    cut_mid_body: bool = False  # unary: half of the promised bytes, then close
    cut_after_events: int | None = None  # stream: RST
    cut_after_tokens: float | None = None  # stream: RST; below 1 it is that share of the answer
    cut_by_reset: bool = False  # RST instead of an orderly close, before the answer and in its middle
    hang: bool = False  # the request is read and never answered, not even by a head
    stall_after_events: int | None = None  # stream: silence; 0 also silences a unary answer

    # usage that lies
    wrong_usage: int = 0  # added to completion_tokens
    no_usage: bool = False
    served_tier: str | None = None  # what the answer says of its service tier, in the dialect's own words
    usage_on_last_content_chunk: bool = False  # on the finish_reason chunk, no chunk of its own

    # odd bytes
    error_event_mid_stream: int | None = None  # after so many events; then the stream ends without [DONE]
    malformed_after_events: int | None = None  # then a broken frame, and the end; unary: half of the JSON
    garbage: bool = False  # 200 and no JSON
    huge_frame: int = 0  # bytes of padding in the first event (unary: in the body), in "obfuscation"
    crlf: bool = False
    split_writes: bool = False  # every frame in three TCP writes
    many_frames_per_write: int = 1
    keepalive_close: bool = False

    # chance
    chaos_seed: int | None = None  # draws a fault for every call that would make tokens
    chaos: dict[str, float] = msgspec.field(default_factory=dict)  # fault -> share of the calls; chaos.FAULTS
    chaos_storm: int = 5  # so many calls in a row are refused by a 429 storm


def merged(base: Knobs, changes: Mapping[str, Any]) -> Knobs:
    """A copy with changes; raises msgspec.ValidationError for a knob that does not exist or does not fit."""
    return msgspec.convert({**msgspec.structs.asdict(base), **changes}, Knobs, strict=False)


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    """The knobs that a call carries in its headers: values are JSON, or else plain text."""
    changes: dict[str, Any] = {}
    for name, value in headers:
        low = name.lower()
        if low.startswith(HEADER_PREFIX):
            knob = low[len(HEADER_PREFIX) :].decode("latin-1").replace("-", "_")
            try:
                changes[knob] = msgspec.json.decode(value)
            except msgspec.DecodeError:
                changes[knob] = value.decode("latin-1")
    return changes


def quick(knobs: Knobs) -> bool:
    """Whether nothing is turned that alters an ordinary unary answer: it may then come from a template."""
    ordinary = Knobs(
        models=knobs.models,
        require_key=knobs.require_key,
        answer_tokens=knobs.answer_tokens,
        pace_ms=knobs.pace_ms,
        tokens_per_event=knobs.tokens_per_event,
    )
    return knobs == ordinary
