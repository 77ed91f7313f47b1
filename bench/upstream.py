"""A provider that answers at a set pace: `python -m bench.upstream PORT`.

`POST /[gw/]MS/v1/chat/completions` answers after MS milliseconds, or streams one event every MS
milliseconds, `max_completion_tokens` or `max_tokens` of them, in OpenAI's chunk shapes with a final usage
chunk and [DONE].
`GET /count` gives what was answered in full: {path: [calls, input tokens, output tokens]}.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from typing import Any

import httptools
import msgspec
import uvloop

INPUT_TOKENS = 25
UNARY_OUTPUT_TOKENS = 21
HEAD = b'"id":"chatcmpl-abc123","created":1760000000,"model":"fake"'
ANSWER = (
    b"{" + HEAD + b',"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"The quick brown fox jumps over the lazy dog and keeps running through the forest '
    b'until night falls."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":25,"completion_tokens":21,"total_tokens":46}}'
)
MODELS = b'{"object":"list","data":[{"id":"fake","object":"model","created":1,"owned_by":"bench"}]}'
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class Request(msgspec.Struct):
    """What of a request matters here; the cap has two names, of which a translated request has the newer."""

    stream: bool = False
    max_tokens: int = 16
    max_completion_tokens: int = 0


def framed(data: bytes) -> bytes:
    """One event as one HTTP chunk."""
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def chunk(delta: bytes, reason: bytes = b"null") -> bytes:
    """A chat.completion.chunk with one choice."""
    return framed(
        b"{" + HEAD + b',"object":"chat.completion.chunk","choices":[{"index":0,"delta":'
        b"" + delta + b',"finish_reason":' + reason + b"}]}"
    )


OPENING = chunk(b'{"role":"assistant","content":""}')
WORDS = tuple(chunk(b'{"content":" word%d"}' % number) for number in range(64))


def closing(tokens: int) -> bytes:
    """The last three events and the end of the body."""
    usage = b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}' % (
        INPUT_TOKENS,
        tokens,
        INPUT_TOKENS + tokens,
    )
    last = framed(b"{" + HEAD + b',"object":"chat.completion.chunk","choices":[],' + usage + b"}")
    return chunk(b"{}", b'"stop"') + last + framed(b"[DONE]") + b"0\r\n\r\n"


class Count:
    """What was answered, by path."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, path: str, tokens: int) -> None:
        row = self.rows[path]
        row[0] += 1
        row[1] += INPUT_TOKENS
        row[2] += tokens


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, count: Count) -> None:
        self.count = count
        self.loop = asyncio.get_running_loop()
        self.timer: asyncio.TimerHandle | None = None
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.parser: Any = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.gone = True
        if self.timer:
            self.timer.cancel()

    def on_message_begin(self) -> None:
        self.target, self.body = b"", b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        path = self.target.decode()
        if path == "/count":
            self.answer(msgspec.json.encode(self.count.rows))
        elif not self.body:
            self.answer(MODELS)
        else:
            request = msgspec.json.decode(self.body, type=Request)
            pace = int(path.removeprefix("/gw").split("/")[1]) / 1000
            if request.stream:
                self.begin(path, request.max_completion_tokens or request.max_tokens, pace)
            else:
                self.loop.run_in_executor(None, self.later, path, pace)

    def answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        if not self.gone:
            self.transport.write(head + body)

    def later(self, path: str, pause: float) -> None:
        """In a thread, because the event loop's timers are only good to a millisecond."""
        time.sleep(pause)
        self.loop.call_soon_threadsafe(self.unary, path)

    def unary(self, path: str) -> None:
        self.count.add(path, UNARY_OUTPUT_TOKENS)
        self.answer(ANSWER)

    def begin(self, path: str, events: int, pace: float) -> None:
        self.transport.write(STREAM_HEAD + OPENING)
        self.event(path, 0, events, self.loop.time(), pace)

    def event(self, path: str, number: int, events: int, started: float, pace: float) -> None:
        if number == events:
            self.count.add(path, events)
            self.transport.write(closing(events))
            return
        self.transport.write(WORDS[number % len(WORDS)])
        due = started + (number + 1) * pace
        self.timer = self.loop.call_at(due, self.event, path, number + 1, events, started, pace)


async def serve(port: int) -> None:
    """Answers until it is ended."""
    count = Count()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(count), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
