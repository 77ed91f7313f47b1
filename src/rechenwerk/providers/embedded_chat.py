"""The address of the embedded chat model: a thin front before llama.cpp's own server.

llama.cpp lets a model that must call a tool (``tool_choice`` "required") write prose first, and does not
know the choice of one named function at all; a model this small then never comes to the call. Such a
request is turned into one for a JSON object {"name", "arguments"} that the grammar enforces, and the
answer is turned back into ``tool_calls``. Every other request and answer passes byte for byte. Pulled
models have servers of their own behind the same address; the name in the request decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from rechenwerk.base.asgi import BadRequestError, answer, decode, read_body, refuse
from rechenwerk.wire.openai_whole import as_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from rechenwerk.base.asgi import Message, Receive, Send

CHAT_PATHS = ("/v1/chat/completions", "/chat/completions")
CALL = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(.*)', re.DOTALL)
REQUEST_HEADERS = (b"content-type", b"accept")
ANSWER_HEADERS = (b"content-type", b"content-length")
DEFINITIONS = ("$defs", "definitions")


class _Named(msgspec.Struct):
    model: str = ""


class ChatFront:
    """An ASGI application before llama.cpp's servers.

    Args:
        upstream: the usual one, such as http://127.0.0.1:8080.
        others: name of a model -> the server of its own.
    """

    def __init__(self, upstream: str, others: Mapping[str, str] | None = None) -> None:
        self._client = _client(upstream)
        self._others = {name: _client(address) for name, address in (others or {}).items()}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request; when the client goes away, generation stops."""
        body = await read_body(receive)
        try:
            await _while_connected(self._serve(scope, body, send), receive)
        except BadRequestError as error:
            await refuse(send, 400, str(error), error.param)
        except httpx2.ConnectError as error:
            await refuse(send, 502, f"the embedded model does not answer: {error}")

    def _of(self, body: bytes) -> httpx2.AsyncClient:
        """The server of the model that a request names."""
        if not self._others or b'"model"' not in body:
            return self._client
        try:
            name = msgspec.json.decode(body, type=_Named).model
        except (msgspec.DecodeError, RecursionError):  # llama.cpp says what is wrong with it
            return self._client
        return self._others.get(name, self._client)

    async def _serve(self, scope: Message, body: bytes, send: Send) -> None:
        client = self._of(body)
        # The substring spares every other call the decoding of its body.
        if scope["path"] in CHAT_PATHS and b'"tool_choice"' in body:
            request = decode(body)
            forced = forced_call(request)
            if forced is not None:
                await self._serve_forced(client, forced, request, send)
                return
        headers = [(name, value) for name, value in scope["headers"] if name in REQUEST_HEADERS]
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        request_out = client.build_request(
            scope["method"], target.decode("ascii"), content=body, headers=headers
        )
        response = await client.send(request_out, stream=True)
        try:
            passed = [(n.lower(), v) for n, v in response.headers.raw if n.lower() in ANSWER_HEADERS]
            await send({"type": "http.response.start", "status": response.status_code, "headers": passed})
            async for chunk in response.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()

    async def _serve_forced(
        self, client: httpx2.AsyncClient, forced: dict[str, Any], request: dict[str, Any], send: Send
    ) -> None:
        """Ask for the JSON object in one piece, answer with tool calls, streamed if that was asked for."""
        response = await client.post("/v1/chat/completions", content=msgspec.json.encode(forced))
        if response.status_code != 200:
            await answer(send, response.status_code, response.content)
            return
        completion = with_calls(msgspec.json.decode(response.content))
        if request.get("stream"):
            options = request.get("stream_options")
            usage = isinstance(options, dict) and bool(options.get("include_usage"))
            await answer(send, 200, as_stream(completion, usage=usage), b"text/event-stream")
        else:
            await answer(send, 200, msgspec.json.encode(completion))


def _client(upstream: str) -> httpx2.AsyncClient:
    # No limit on reading: a long prompt on a slow machine is silent for as long as it takes.
    return httpx2.AsyncClient(
        base_url=upstream,
        headers={"accept-encoding": "identity"},  # the bytes are passed on as they come
        timeout=httpx2.Timeout(None, connect=10),
        limits=httpx2.Limits(max_connections=None),
        trust_env=False,
    )


def forced_call(request: dict[str, Any]) -> dict[str, Any] | None:
    """The request for a JSON object that stands for a forced tool call, or None if none is forced.

    Raises:
        BadRequestError: the choice names a function that is not among the tools, or there are no tools.
    """
    choice = request.get("tool_choice")
    if choice != "required" and not isinstance(choice, dict):
        return None
    try:
        functions = {tool["function"]["name"]: tool["function"] for tool in request.get("tools") or ()}
        names = tuple(functions) if choice == "required" else (choice["function"]["name"],)
        chosen = {name: dict(functions[name].get("parameters") or {"type": "object"}) for name in names}
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequestError(
            "tool_choice must be 'required' or name a function of tools, each with a name and an object "
            "as parameters",
            "tool_choice",
        ) from error
    if not chosen:
        raise BadRequestError("tool_choice 'required' needs tools", "tools")
    schema: dict[str, Any] = {}
    calls = []
    for name, arguments in chosen.items():
        # References inside a tool's schema point to its own root: its definitions move to the new root.
        for key in DEFINITIONS:
            schema.setdefault(key, {}).update(arguments.pop(key, {}))
        fields = {"name": {"const": name}, "arguments": arguments}
        calls.append({"type": "object", "properties": fields, "required": ["name", "arguments"]})
    schema["anyOf"] = calls
    taken_out = ("tools", "tool_choice", "parallel_tool_calls", "stream", "stream_options")
    forced = {key: value for key, value in request.items() if key not in taken_out}
    forced["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    # The template still lists the tools to the model; only llama.cpp's own tool grammar stays off.
    kwargs = request.get("chat_template_kwargs") or {}
    return forced | {"chat_template_kwargs": {**kwargs, "tools": request["tools"]}}


def with_calls(completion: dict[str, Any]) -> dict[str, Any]:
    """The completion with the JSON object of every choice turned into a tool call.

    An object that was cut by the token limit becomes a call with cut arguments, as at OpenAI.
    """
    for choice in completion["choices"]:
        match = CALL.match(choice["message"].get("content") or "")
        choice["message"]["content"] = None
        if match is None:
            continue
        arguments = match[2].rstrip()
        if choice["finish_reason"] == "stop":
            arguments = arguments[:-1].rstrip()
            choice["finish_reason"] = "tool_calls"
        function = {"name": msgspec.json.decode(match[1]), "arguments": arguments}
        call = {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}
        choice["message"]["tool_calls"] = [call]
    return completion


async def _while_connected(work: Awaitable[None], receive: Receive) -> None:
    """Do `work`, but give it up as soon as the client is gone."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, leaving):
            if not task.done():
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
    with contextlib.suppress(asyncio.CancelledError):
        await working
