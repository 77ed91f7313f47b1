"""A client that a test holds in its hand: one connection, every byte seen, rude ends included."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from rechenwerk.base.ids import decode_call

CHAT = "/v1/chat/completions"
MODEL = "fake-model"


def many_files() -> None:
    """A thousand connections are a thousand descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def chat_body(max_tokens: int | None = 20, *, text: str = "hello there", **more: Any) -> dict[str, Any]:
    """A chat; further fields as they are, such as ``x_fake``."""
    body: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    return body


@dataclass
class Reply:
    """What a client saw. `status` 0: no answer came; `whole`: all of it came."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = True

    @property
    def call(self) -> int:
        """The call's id."""
        return decode_call(self.headers["x-request-id"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The error's code."""
        found: str | None = self.json["error"]["code"]
        return found

    @property
    def usage(self) -> dict[str, Any] | None:
        """As the answer, or the last event of a stream that has one, says."""
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            found: dict[str, Any] | None = self.json.get("usage")
            return found
        seen = None
        for line in self.body.split(b"\n"):
            if line.startswith(b"data: {"):
                seen = json.loads(line[6:]).get("usage") or seen
        return seen


NO_ANSWER = Reply(0, whole=False)
_BROKEN = (OSError, EOFError)


class Line:
    """A keep-alive connection to one address; opened when needed, and again when it broke."""

    def __init__(self, address: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.host, port = address.removeprefix("http://").split(":")
        self.port = int(port)
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ask(self, key: str, body: dict[str, Any], path: str = CHAT) -> Reply:
        """One call, whole answer."""
        try:
            reply = await self.begin(key, body, path)
            await self.rest(reply)
        except _BROKEN:
            await self.close()
            return NO_ANSWER
        return reply

    async def begin(self, key: str, body: dict[str, Any], path: str = CHAT) -> Reply:
        """Send a call and read the head of its answer."""
        await self.send(key, body, path)
        reader, _ = await self._open()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.split(": ", 1) for line in head[1:] if line)
        return Reply(int(head[0].split()[1]), {name.lower(): value for name, value in fields}, whole=False)

    async def send(self, key: str, body: dict[str, Any], path: str = CHAT) -> None:
        """Send a call and read nothing."""
        data = json.dumps(body).encode()
        _, writer = await self._open()
        writer.write(
            b"POST %s HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\n%scontent-length: %d\r\n\r\n%s"
            % (path.encode(), key.encode(), self._headers, len(data), data)
        )

    async def piece(self, reply: Reply) -> bool:
        """Read one more chunk of a begun answer; False at its end."""
        reader, _ = await self._open()
        if reply.headers.get("transfer-encoding") != "chunked":
            reply.body += await reader.readexactly(int(reply.headers["content-length"]) - len(reply.body))
            return False
        size = int(await reader.readuntil(b"\r\n"), 16)
        data = await reader.readexactly(size + 2)
        reply.body += data[:-2]
        return size > 0

    async def rest(self, reply: Reply) -> Reply:
        """Read a begun answer to its end; `whole` stays False when there is none."""
        try:
            while await self.piece(reply):
                pass
        except _BROKEN:
            await self.close()
            return reply
        reply.whole = True
        if reply.headers.get("connection") == "close":
            await self.close()
        return reply

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port)
        return self._streams

    async def close(self) -> None:
        """Hang up at once, in the middle of whatever is going on."""
        if self._streams is None:
            return
        writer = self._streams[1]
        self._streams = None
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def ask(
    address: str,
    key: str,
    body: dict[str, Any],
    path: str = CHAT,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Reply:
    """One call on a connection of its own."""
    async with Line(address, headers) as line:
        return await line.ask(key, body, path)
