"""OpenAI Responses, answers: pieces become the items of a response, and events on the way.

Shapes: the OpenAI API reference ("The response object", "Streaming events").
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Literal

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.base.usage import Usage
from rechenwerk.wire.responses_request import ResponseState
from rechenwerk.wire.talk import (
    Arguments,
    Called,
    Ended,
    Failed,
    Head,
    Piece,
    Refused,
    Said,
    Signed,
    Thought,
    Used,
)

Event = dict[str, Any]
Field = Literal["text", "refusal"]

_DEFAULTS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "background": False,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
    }
)
_PARTS: MappingProxyType[Field, str] = MappingProxyType({"text": "output_text", "refusal": "refusal"})
_INCOMPLETE = MappingProxyType(
    {"length": "max_output_tokens", "filter": "content_filter", "refusal": "content_filter"}
)


class Assembly:
    """Builds the output of one response.

    `add` takes the pieces in turn and returns the events that they cause; after the last one comes `finish`.
    An item is open while pieces may still add to it. Tool calls stay open to the end, because providers may
    send the arguments of several at a time.

    Args:
        head: of the answer.
        state: what the request said, for the response to repeat.
    """

    def __init__(self, head: Head, state: ResponseState) -> None:
        self.items: list[dict[str, Any]] = []
        self.failed: Refusal | None = None
        self._head = head
        self._echo = {**_DEFAULTS, **state.echo}
        self._words: list[str] = []
        self._field: Field | None = None
        self._open: dict[str, Any] | None = None
        self._calls: dict[int, tuple[int, list[str]]] = {}
        self._usage: Usage | None = None
        self._ended = Ended("stop")

    # -- the response ---------------------------------------------------------------------------------

    def response(self, status: Literal["in_progress", "completed", "incomplete", "failed"]) -> dict[str, Any]:
        """The response object as it is now."""
        why = _INCOMPLETE.get(self._ended.reason) if status == "incomplete" else None
        return {
            "id": f"resp_{self._head.id}",
            "object": "response",
            "created_at": self._head.created,
            "status": status,
            "error": None if self.failed is None else _error(self.failed),
            "incomplete_details": None if why is None else {"reason": why},
            "model": self._head.model,
            "output": self.items if status != "in_progress" else [],
            "usage": None if self._usage is None else _usage(self._usage),
            **self._echo,
        }

    @property
    def status(self) -> Literal["completed", "incomplete", "failed"]:
        """How the response ends."""
        if self.failed is not None:
            return "failed"
        return "incomplete" if self._ended.reason in _INCOMPLETE else "completed"

    # -- pieces ---------------------------------------------------------------------------------------

    def add(self, piece: Piece) -> list[Event]:
        """The events for one piece."""
        match piece:
            case Said(text):
                return self._say("text", text) if text else []
            case Refused(text):
                return self._say("refusal", text) if text else []
            case Thought(text):
                return self._think(text) if text else []
            case Signed():
                return self._sign(piece)
            case Called():
                return self._call(piece)
            case Arguments(at, text):
                return self._argue(at, text) if text else []
            case _:
                self._note(piece)
        return []

    def _note(self, piece: Piece) -> None:
        match piece:
            case Used(reported):
                self._usage = reported.usage
            case Ended():
                self._ended = piece
            case Failed(refusal):
                self.failed = refusal
            case _:  # the response's own head says what the provider's beginning would
                pass

    def finish(self) -> list[Event]:
        """Close what is open. What was cut off is last, and incomplete."""
        status = "completed" if self.status == "completed" else "incomplete"
        events = self._close(status)
        for at in sorted(self._calls):
            index, words = self._calls[at]
            if not words:  # clients parse them, so no arguments are those of a function that takes none
                events += self._argue(at, "{}")
            item = self.items[index]
            item["arguments"] = "".join(words)
            item["status"] = status if index == len(self.items) - 1 else "completed"
            done = self._event("function_call_arguments.done", index, arguments=item["arguments"])
            events += [done, self._done(index)]
        self._calls.clear()
        return events

    def _say(self, field: Field, text: str) -> list[Event]:
        events: list[Event] = []
        message = self._open
        if message is None or message["type"] != "message":
            events = self._close()
            message = {"id": self._id("msg"), "type": "message", "role": "assistant", "content": []}
            events.append(self._begin(message))
        at = len(self.items) - 1
        if self._field != field:
            events += self._close_part()
            self._field = field
            message["content"].append(_part(field, ""))
            events.append(self._part_event("content_part.added", at))
        self._words.append(text)
        delta = self._part_event(f"{_PARTS[field]}.delta", at, delta=text)
        return [*events, delta]

    def _part_event(self, kind: str, at: int, **more: Any) -> Event:
        """An event about the last content part of the message at an index."""
        content = self.items[at]["content"]
        if kind.startswith("content_part"):
            more["part"] = dict(content[-1])
        elif kind.startswith("output_text"):
            more["logprobs"] = []
        return self._event(kind, at, content_index=len(content) - 1, **more)

    def _close_part(self) -> list[Event]:
        if self._field is None:
            return []
        at, field, text = len(self.items) - 1, self._field, "".join(self._words)
        self._words.clear()
        self._field = None
        self.items[at]["content"][-1] = _part(field, text)
        return [
            self._part_event(f"{_PARTS[field]}.done", at, **{field: text}),
            self._part_event("content_part.done", at),
        ]

    def _think(self, text: str) -> list[Event]:
        events: list[Event] = []
        if self._open is None or self._open["type"] != "reasoning":
            events = self._close()
            events.append(self._begin({"id": self._id("rs"), "type": "reasoning", "summary": []}))
            part = {"type": "summary_text", "text": ""}
            events.append(self._summary_event("part.added", part=part))
        self._words.append(text)
        return [*events, self._summary_event("text.delta", delta=text)]

    def _summary_event(self, kind: str, **more: Any) -> Event:
        return self._event(f"reasoning_summary_{kind}", len(self.items) - 1, summary_index=0, **more)

    def _sign(self, signed: Signed) -> list[Event]:
        """A signature closes the reasoning that it is of; redacted reasoning is an item without words."""
        events: list[Event] = []
        if signed.redacted or self._open is None or self._open["type"] != "reasoning":
            events = self._close()
            events.append(self._begin({"id": self._id("rs"), "type": "reasoning", "summary": []}))
        self.items[-1]["encrypted_content"] = signed.signature
        return events + self._close()

    def _call(self, called: Called) -> list[Event]:
        events = self._close()
        item = {"id": self._id("fc"), "type": "function_call", "call_id": called.id, "name": called.name}
        self._calls[called.at] = (len(self.items), [])
        events.append(self._begin({**item, "arguments": ""}))
        self._open = None
        return events

    def _argue(self, at: int, text: str) -> list[Event]:
        index, words = self._calls[at]
        words.append(text)
        return [self._event("function_call_arguments.delta", index, delta=text)]

    # -- items ----------------------------------------------------------------------------------------

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._head.id}_{len(self.items)}"

    def _begin(self, item: dict[str, Any]) -> Event:
        item["status"] = "in_progress"
        self.items.append(item)
        self._open = item
        added = {**item, "content": []} if "content" in item else dict(item)
        return self._item_event("added", len(self.items) - 1, added)

    def _close(self, status: str = "completed") -> list[Event]:
        """End the open message or reasoning, which is the last item."""
        item, self._open = self._open, None
        if item is None:
            return []
        events = self._close_part()
        if self._words:
            text = "".join(self._words)
            self._words.clear()
            part = {"type": "summary_text", "text": text}
            item["summary"] = [part]
            events.append(self._summary_event("text.done", text=text))
            events.append(self._summary_event("part.done", part=part))
        item["status"] = status
        return [*events, self._done(len(self.items) - 1)]

    def _done(self, index: int) -> Event:
        return self._item_event("done", index, self.items[index])

    def _item_event(self, what: str, index: int, item: dict[str, Any]) -> Event:
        return {"type": f"response.output_item.{what}", "output_index": index, "item": item}

    def _event(self, kind: str, index: int, **more: Any) -> Event:
        return {
            "type": f"response.{kind}",
            "item_id": self.items[index]["id"],
            "output_index": index,
            **more,
        }


def _part(field: Field, text: str) -> dict[str, Any]:
    if field == "text":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "refusal", "refusal": text}


def _usage(usage: Usage) -> dict[str, Any]:
    """Here too the input contains the cached tokens, and the output those of reasoning."""
    entered = usage.input + usage.cached_input + usage.cache_write
    left = usage.output + usage.reasoning
    return {
        "input_tokens": entered,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": left,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": entered + left,
    }


def _error(refusal: Refusal) -> dict[str, str]:
    """The codes of a failed response are a closed list."""
    code = "server_error" if refusal.status >= 500 else "invalid_prompt"
    return {
        "code": "rate_limit_exceeded" if refusal.status == 429 else code,
        "message": refusal.message,
    }


def encode_event(event: Event, number: int) -> bytes:
    """An event as it stands in the stream."""
    data = msgspec.json.encode({**event, "sequence_number": number})
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data)
