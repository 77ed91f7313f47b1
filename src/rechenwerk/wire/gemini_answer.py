"""Answers in Google's dialect: whole, streamed, their usage, and errors.

Sources: the types of Google's SDK (GenerateContentResponse, FinishReason, UsageMetadata); google.rpc.Status
and google.rpc.RetryInfo.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.outbound import NULL, UNREADABLE, decode, excerpt, refusal, reported, whole
from rechenwerk.wire.sse import EventCutter, event_data
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Piece,
    Reported,
    Said,
    Signed,
    Thought,
    Used,
)
from rechenwerk.wire.tiers import tier_of

MARK = "gemini:"
"""Stands before a signature of Gemini's, so that no other provider's is handed to it."""

_ENDS: MappingProxyType[str, Literal["stop", "length"]] = MappingProxyType(
    {
        "STOP": "stop",
        "FINISH_REASON_UNSPECIFIED": "stop",
        "MAX_TOKENS": "length",
        "CONTINUATION": "length",
    }
)
"""Reasons that are no filter's; what is neither here nor below (SAFETY, RECITATION, OTHER ...) is one's."""

_BROKEN = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
"""Reasons that leave no answer."""

_SECONDS = re.compile(r"(\d{1,9})(\.\d+)?s")


class _Call(msgspec.Struct, gc=False):
    name: str
    id: str | None = None
    args: msgspec.Raw = NULL


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    inline_data: msgspec.Raw = NULL
    file_data: msgspec.Raw = NULL
    executable_code: msgspec.Raw = NULL
    code_execution_result: msgspec.Raw = NULL
    tool_call: msgspec.Raw = NULL
    tool_response: msgspec.Raw = NULL


_FOREIGN = (
    "inline_data",
    "file_data",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
)
"""What only comes when it was asked for, and we never do."""


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str | None = None


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: msgspec.Raw = NULL
    model_version: str | None = None
    response_id: str | None = None
    error: msgspec.Raw = NULL


class _OnlyUsage(msgspec.Struct, gc=False, rename="camel"):
    usage_metadata: msgspec.Raw = NULL


class _Counts(msgspec.Struct, gc=False, rename="camel"):
    prompt_token_count: int
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    service_tier: Any = None
    traffic_type: Any = None


class _ErrorDetail(msgspec.Struct, gc=False, rename="camel"):
    retry_delay: str | None = None


class _Error(msgspec.Struct, gc=False):
    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: list[_ErrorDetail] | None = None


class _ErrorBody(msgspec.Struct, gc=False):
    error: _Error


_answer = msgspec.json.Decoder(_Answer)
_only_usage = msgspec.json.Decoder(_OnlyUsage)
_counts = msgspec.json.Decoder(_Counts)
_error = msgspec.json.Decoder(_Error)
_error_body = msgspec.json.Decoder(_ErrorBody | list[_ErrorBody])


def read_usage(raw: msgspec.Raw) -> Reported | None:
    """Disjoint buckets from ``usageMetadata``; None when it is missing or makes no sense.

    The SDK's types say: the prompt's count contains the cached content's; the total is the sum of the
    prompt's, the candidates', the thoughts' and the tool results', so these four are disjoint.
    """
    try:
        seen = _counts.decode(raw)
    except UNREADABLE:
        return None
    cached = seen.cached_content_token_count or 0
    prompt = seen.prompt_token_count + (seen.tool_use_prompt_token_count or 0)
    output = seen.candidates_token_count or 0
    tier = tier_of(seen.traffic_type) or tier_of(seen.service_tier)
    return reported(raw, prompt - cached, cached, 0, output, seen.thoughts_token_count or 0, tier=tier)


def read_whole_usage(body: bytes) -> Reported | None:
    """Usage in a whole answer."""
    try:
        return read_usage(_only_usage.decode(body).usage_metadata)
    except UNREADABLE:
        return None


class _Listener:
    """Turns answers, or the chunks of one, into pieces."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._calls = 0
        self.ended = False

    def hear(self, answer: _Answer) -> list[Piece]:
        """What an answer or chunk says.

        Raises:
            ValueError: something that has no counterpart.
        """
        found: list[Piece] = []
        if self._id is None:
            self._id = answer.response_id or ""
            found.append(Began(self._id, answer.model_version or ""))
        candidate = answer.candidates[0] if answer.candidates else _Candidate()
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                self._part(part, found)
        reason = candidate.finish_reason
        if reason is None and answer.prompt_feedback is not None:
            reason = answer.prompt_feedback.block_reason
        first_end = reason is not None and not self.ended
        self.ended = self.ended or first_end
        usage = read_usage(answer.usage_metadata)
        if usage is not None:
            found.append(Used(usage, self.ended))
        if reason is not None and first_end:
            found.append(self._end(reason, candidate.finish_message))
        return found

    def _part(self, part: _Part, found: list[Piece]) -> None:
        if part.thought_signature:
            found.append(Signed(MARK + part.thought_signature))
        if part.function_call is not None:
            call = part.function_call
            # Older models give no ids; the answer's own makes ours meet no other answer's.
            found.append(Called(self._calls, call.id or f"call_{self._id}_{self._calls}", call.name))
            found.append(Arguments(self._calls, _arguments(call.args)))
            self._calls += 1
        elif part.text is not None:
            if part.text:
                found.append(Thought(part.text) if part.thought else Said(part.text))
        else:
            foreign = next((name for name in _FOREIGN if bytes(getattr(part, name)) != b"null"), None)
            if foreign is not None:
                raise ValueError(f"the answer holds {foreign}, which nobody asked for")

    def _end(self, reason: str, message: str | None) -> Ended | Failed:
        if reason in _BROKEN:
            told = message or f"The model gave up: {reason}. Try again."
            return Failed(Refusal(502, "server_error", reason.lower(), told))
        if reason == "STOP" and self._calls:
            return Ended("tools")
        return Ended(_ENDS.get(reason, "filter"))


def _arguments(raw: msgspec.Raw) -> str:
    text = bytes(raw)
    if text == b"null":
        return "{}"
    if text[:1] != b"{":
        raise ValueError("the arguments of a call are no JSON object")
    return text.decode()


def read_pieces(body: bytes) -> list[Piece]:
    """A whole answer.

    Raises:
        ValueError: no answer, or one that the model did not bring to a proper end.
    """
    answer = decode(_answer, body)
    listener = _Listener()
    found = listener.hear(answer)
    if not listener.ended:
        if not answer.candidates:
            raise ValueError("the answer has no candidates")
        found = [msgspec.structs.replace(one, final=True) if isinstance(one, Used) else one for one in found]
        found.append(Ended("stop"))
    return whole(found)


class GeminiReader:
    """Reads a streamed answer (`talk.Reader`). Each chunk is an answer of its own; usage runs with them.

    The stream has no last word of its own: it is done when a reason to finish has come.
    """

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._listener = _Listener()
        self._failed = False

    def feed(self, chunk: bytes) -> list[Piece]:
        """The pieces that are complete now.

        Raises:
            ValueError: what came cannot be a stream of this dialect.
        """
        found: list[Piece] = []
        for event in self._cutter.feed(chunk):
            data = event_data(event)
            if not data:
                continue
            answer = decode(_answer, data)
            if bytes(answer.error) != b"null":
                error = decode(_error, answer.error)
                found.append(Failed(_refusal(error.code or 502, error)))
                self._failed = True
            else:
                found += self._listener.hear(answer)
        return found

    @property
    def done(self) -> bool:
        """The stream's own last word has come."""
        return self._listener.ended or self._failed


def read_error(status: int, body: bytes) -> Refusal:
    """An error in the shape of google.rpc.Status; without ``alt=sse``, a stream's comes in a list."""
    try:
        seen = _error_body.decode(body)
    except UNREADABLE:
        return refusal(status, None, excerpt(body))
    if isinstance(seen, list):
        if not seen:
            return refusal(status, None, None)
        seen = seen[0]
    return _refusal(status, seen.error)


def _refusal(status: int, error: _Error) -> Refusal:
    delays = (_SECONDS.fullmatch(detail.retry_delay or "") for detail in error.details or ())
    seconds = next((int(delay[1]) + bool(delay[2]) for delay in delays if delay), None)
    return refusal(status, error.status.lower() if error.status else None, error.message, seconds)
