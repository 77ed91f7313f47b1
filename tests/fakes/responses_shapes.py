"""OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.answers import Answer, ApiError, Ask, Function, Message, Tool
from tests.fakes.dialects import BROKE, Named, decode, turn
from tests.fakes.shapes import steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.book import Seen

Part = tuple[dict[str, Any], int]


class ToolParam(msgspec.Struct):
    type: str
    name: str = ""
    parameters: dict[str, Any] | None = None


class TextParam(msgspec.Struct):
    format: dict[str, Any] | None = None


class Reasoning(msgspec.Struct):
    summary: str | None = None


class ResponsesAsk(msgspec.Struct):
    model: str | None = None
    input: str | list[dict[str, Any]] = ""
    instructions: str | None = None
    max_output_tokens: int | None = None
    tools: list[ToolParam] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextParam | None = None
    reasoning: Reasoning | None = None
    previous_response_id: str | None = None
    stream: bool | None = None
    x_fake: dict[str, Any] | None = None


class Responses(Named):
    """POST /v1/responses. It keeps no conversations: previous_response_id is refused."""

    prefix = "resp_"

    def read(self, seen: Seen, named: str) -> Ask:
        asked = decode(seen.raw, ResponsesAsk)
        if asked.previous_response_id:
            message = f"Previous response with id '{asked.previous_response_id}' not found."
            raise ApiError(400, message, param="previous_response_id", code="previous_response_not_found")
        if not asked.input:
            raise ApiError(400, "Missing required parameter: 'input'.", param="input")
        return Ask(
            model=asked.model,
            messages=_messages(asked),
            stream=asked.stream,
            max_tokens=asked.max_output_tokens,
            tools=[
                Tool("function", Function(tool.name, tool.parameters))
                for tool in asked.tools or ()
                if tool.type == "function"
            ],
            tool_choice=_tool_choice(asked.tool_choice),
            parallel_tool_calls=asked.parallel_tool_calls,
            response_format=_form(asked.text),
            thinking=asked.reasoning is not None and asked.reasoning.summary is not None,
            x_fake=asked.x_fake,
        )

    def failure(self) -> bytes:
        event = {"type": "error", "code": "server_error", "message": BROKE, "param": None}
        return msgspec.json.encode({**event, "sequence_number": 0})

    def malformed(self) -> bytes:
        return b'{"type":"response.output_text.delta","item_id":"x","del'

    def body(self, answer: Answer) -> dict[str, Any]:
        return _response(answer, _status(answer))

    def parts(self, answer: Answer) -> Iterator[Part]:
        for number, (event, tokens) in enumerate(_events(answer)):
            yield {**event, "sequence_number": number}, tokens


def _events(answer: Answer) -> Iterator[Part]:
    choice = answer.choices[0]
    started = _response(answer, "in_progress")
    hidden = choice.reasoning - len(choice.thoughts)
    yield {"type": "response.created", "response": started}, 0
    yield {"type": "response.in_progress", "response": started}, hidden
    for at, item in enumerate(_items(answer)):
        part = {"item_id": item["id"], "output_index": at}
        shell = {**item, "status": "in_progress"}
        if item["type"] == "reasoning":
            yield {"type": "response.output_item.added", **part, "item": {**item, "summary": []}}, 0
            yield from _thoughts(answer, part)
        elif item["type"] == "message":
            yield {"type": "response.output_item.added", **part, "item": {**shell, "content": []}}, 0
            yield from _text(answer, part)
        else:
            yield {"type": "response.output_item.added", **part, "item": {**shell, "arguments": ""}}, 0
            pieces = next(call.pieces for call in choice.calls if call.id == item["call_id"])
            for said in steps(pieces, answer.knobs.tokens_per_event):
                delta = {"type": "response.function_call_arguments.delta", **part, "delta": "".join(said)}
                yield delta, len(said)
            done = {"type": "response.function_call_arguments.done", **part, "name": item["name"]}
            yield {**done, "arguments": item["arguments"]}, 0
        yield {"type": "response.output_item.done", "output_index": at, "item": item}, 0
    status = _status(answer)
    yield {"type": f"response.{status}", "response": _response(answer, status)}, 0


def _thoughts(answer: Answer, part: dict[str, Any]) -> Iterator[Part]:
    thoughts = answer.choices[0].thoughts
    part = {**part, "summary_index": 0}
    whole = {"type": "summary_text", "text": "".join(thoughts)}
    yield {"type": "response.reasoning_summary_part.added", **part, "part": {**whole, "text": ""}}, 0
    for said in steps(thoughts, answer.knobs.tokens_per_event):
        delta = {"type": "response.reasoning_summary_text.delta", **part, "delta": "".join(said)}
        yield delta, len(said)
    yield {"type": "response.reasoning_summary_text.done", **part, "text": whole["text"]}, 0
    yield {"type": "response.reasoning_summary_part.done", **part, "part": whole}, 0


def _text(answer: Answer, part: dict[str, Any]) -> Iterator[Part]:
    pieces = answer.choices[0].pieces
    part = {**part, "content_index": 0}
    whole = _output_text("".join(pieces))
    yield {"type": "response.content_part.added", **part, "part": _output_text("")}, 0
    for said in steps(pieces, answer.knobs.tokens_per_event):
        delta = {"type": "response.output_text.delta", **part, "delta": "".join(said), "logprobs": []}
        yield delta, len(said)
    yield {"type": "response.output_text.done", **part, "text": whole["text"], "logprobs": []}, 0
    yield {"type": "response.content_part.done", **part, "part": whole}, 0


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _items(answer: Answer) -> list[dict[str, Any]]:
    choice, serial = answer.choices[0], answer.id.removeprefix("resp_")
    cut = choice.finish in {"length", "content_filter"}
    status = "incomplete" if cut else "completed"
    items: list[dict[str, Any]] = []
    if choice.thoughts:
        summary = {"type": "summary_text", "text": "".join(choice.thoughts)}
        items.append({"type": "reasoning", "id": f"rs_{serial}", "summary": [summary]})
    if choice.pieces:
        message = {"type": "message", "id": f"msg_{serial}", "role": "assistant", "status": status}
        items.append({**message, "content": [_output_text("".join(choice.pieces))]})
    for place, call in enumerate(choice.calls):
        function = {"type": "function_call", "id": f"fc_{serial}_{place}", "call_id": call.id}
        items.append({**function, "status": status, "name": call.name, "arguments": "".join(call.pieces)})
    return items


def _status(answer: Answer) -> str:
    return "incomplete" if answer.choices[0].finish in {"length", "content_filter"} else "completed"


def _response(answer: Answer, status: str) -> dict[str, Any]:
    ask, over = answer.ask, status != "in_progress"
    filtered = answer.choices[0].finish == "content_filter"
    reason = {"reason": "content_filter" if filtered else "max_output_tokens"}
    body = {
        "id": answer.id,
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": reason if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": ask.max_tokens,
        "model": ask.model,
        "output": _items(answer) if over else [],
        "parallel_tool_calls": ask.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(answer) if over else None,
        "service_tier": answer.knobs.served_tier or "default",
        "user": None,
        "metadata": {},
    }
    if over and answer.knobs.no_usage:
        del body["usage"]
    return body


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached, "cache_write_tokens": answer.written},
        "output_tokens": answer.claimed,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning},
        "total_tokens": answer.prompt_tokens + answer.claimed,
    }


def _messages(asked: ResponsesAsk) -> list[Message]:
    messages = [turn("system", asked.instructions)] if asked.instructions else []
    items = [{"role": "user", "content": asked.input}] if isinstance(asked.input, str) else asked.input
    for item in items:
        output = item.get("type") == "function_call_output"
        messages.append(turn("tool" if output else item.get("role", "assistant"), item))
    return messages


def _tool_choice(choice: str | dict[str, Any] | None) -> Any:
    if isinstance(choice, dict):
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice


def _form(text: TextParam | None) -> dict[str, Any] | None:
    form = text.format if text else None
    if form and form.get("type") == "json_schema":
        return {"type": "json_schema", "json_schema": form}
    return form
