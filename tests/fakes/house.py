"""The fake itself: routes, refusals and faults. `provider.py` is its face."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from tests.fakes import shapes
from tests.fakes.answers import (
    Answer,
    ApiError,
    Ask,
    chat_tokens,
    choices_for,
    input_tokens,
    inputs,
    pieces_of,
)
from tests.fakes.book import Book, Record, Seen, Totals
from tests.fakes.exchange import Later, Stream
from tests.fakes.knobs import HEADER_PREFIX, Knobs, from_headers, merged, quick
from tests.fakes.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

KEPT_REQUESTS = 10_000
KEPT_KEYS = 10_000
KEPT_TEMPLATES = 1_000
BACKLOG = 4096
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
MODELS = "/v1/models"
TOKENIZE = "/tokenize"
GENERATING = (CHAT, COMPLETIONS, EMBEDDINGS)
GARBAGE = b"<html><body>It works!</body></html>"
CODES = MappingProxyType({401: "invalid_api_key", 429: "rate_limit_exceeded"})


class TokenizeAsk(msgspec.Struct):
    content: str
    with_pieces: bool = False


class Turn(NamedTuple):
    """One request on its way to an answer; a reset may change the fake's book meanwhile, not this one's."""

    wire: Wire
    book: Book
    knobs: Knobs
    ask: Ask
    route: str
    request_id: str | None
    answer_id: str
    headers: bytes


read_ask = msgspec.json.Decoder(Ask).decode


class FakeProvider:
    """`base_url` is what an OpenAI client wants, `url` the root."""

    def __init__(
        self,
        knobs: Knobs | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keep_requests: int = KEPT_REQUESTS,
    ) -> None:
        self.knobs = knobs or Knobs()
        self.wires: set[Wire] = set()
        self._first_knobs = merged(self.knobs, {})
        self._address = (host, port)
        self._keep_requests = keep_requests
        self.produced = Book(keep_requests)
        self._serial = 0
        self._failed: dict[str, int] = {}
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._templates: dict[tuple[int, bool], bytes] = {}
        self._quick_knobs: Knobs | None = None
        self._quick = False
        self._port = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(partial(Wire, self), *self._address, backlog=BACKLOG)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for wire in list(self.wires):
            wire.drop()
        await self.until(lambda: not self.wires)
        await self._server.wait_closed()

    @property
    def totals(self) -> Totals:
        return self.produced.totals

    @property
    def url(self) -> str:
        return f"http://{self._address[0]}:{self._port}"

    @property
    def base_url(self) -> str:
        return self.url + "/v1"

    @property
    def requests(self) -> list[Seen]:
        return list(self.produced.requests)

    def reset(self) -> None:
        """Forget all and turn every knob back; streams that still run count into the forgotten book."""
        self.set_knobs(msgspec.structs.asdict(self._first_knobs))
        self.produced = Book(self._keep_requests)
        self._failed.clear()

    def set_knobs(self, changes: dict[str, Any]) -> None:
        """In place, so that who holds `fake.knobs` sees it."""
        checked = merged(self.knobs, changes)
        for name in changes:
            setattr(self.knobs, name, getattr(checked, name))

    def stats(self) -> dict[str, Any]:
        totals = self.produced.totals
        ended = totals.finished + totals.client_gone + totals.broken
        counted = msgspec.structs.asdict(totals)
        return {**counted, "open": totals.accepted - ended, "connections": len(self.wires)}

    async def until(self, condition: Callable[[], bool], timeout: float = 10) -> None:
        """Wait, without polling, for something this fake does: asked again whenever anything happened."""
        if condition():
            return
        woken: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((condition, woken))
        async with asyncio.timeout(timeout):
            await woken

    def wait_until(self, condition: Callable[[], bool], timeout: float = 10) -> None:
        """`until` for another thread."""
        asyncio.run_coroutine_threadsafe(self.until(condition, timeout), self._loop).result(timeout + 5)

    def _news(self) -> None:
        if self._waiters:
            for waiter in list(self._waiters):
                condition, woken = waiter
                if woken.done() or condition():
                    self._waiters.remove(waiter)
                    if not woken.done():
                        woken.set_result(None)

    # One request.

    def left(self, wire: Wire) -> None:
        self.wires.discard(wire)
        self._news()

    def serve(self, wire: Wire, seen: Seen) -> None:
        route = seen.target.partition("?")[0]
        if route.startswith("/_fake/"):
            self._control(wire, seen, route)
            return
        self.produced.totals.requests += 1
        self.produced.requests.append(seen)
        request_id, key, steered = None, "", False
        for name, value in seen.raw_headers:
            low = name.lower()
            if low == b"authorization":
                key = value.decode("latin-1")
            elif low == b"x-request-id":
                request_id = value.decode("latin-1")
            elif low.startswith(HEADER_PREFIX):
                steered = True
        self._serial += 1
        serial = f"{self._port:04x}{self._serial:016x}"
        headers = b"x-request-id: req_%b\r\n" % serial.encode()
        knobs = self.knobs
        try:
            changes = from_headers(seen.raw_headers) if steered else {}
            knobs = self._steered(knobs, changes)
            self._check_key(knobs, key)
            if route not in GENERATING or seen.method != "POST":
                self._fault(seen, knobs, changes, counted=False)
                body = self._side_door(seen, route, knobs)
                self._reply_later(
                    wire, knobs, partial(wire.reply, 200, body, headers, close=knobs.keepalive_close)
                )
                return
            ask = self._read(seen)
            if not changes and route == CHAT and self._try_quick(wire, ask, request_id, serial, headers):
                return
            if ask.x_fake:
                changes |= ask.x_fake
                knobs = self._steered(knobs, ask.x_fake)
            self._fault(seen, knobs, changes, counted=True)
            prefix = "chatcmpl-" if route == CHAT else "cmpl-"
            self._generate(Turn(wire, self.produced, knobs, ask, route, request_id, prefix + serial, headers))
        except ApiError as error:
            self.produced.totals.refused += 1
            body = msgspec.json.encode(error.body)
            close = knobs.keepalive_close
            self._reply_later(
                wire, knobs, partial(wire.reply, error.status, body, headers + error.headers, close=close)
            )
        self._news()

    def _try_quick(self, wire: Wire, ask: Ask, request_id: str | None, serial: str, headers: bytes) -> bool:
        """The ordinary unary chat, from a template."""
        if self.knobs != self._quick_knobs:
            self._quick_knobs = merged(self.knobs, {})
            self._quick = quick(self.knobs)
        cap, wanted, messages = ask.cap(), self.knobs.answer_tokens, ask.messages
        if not self._quick or not messages or not ask.plain() or ask.model not in self.knobs.models:
            return False
        if cap is not None and cap < 1:
            return False
        cut = cap is not None and cap < wanted
        tokens = cap if cap is not None and cut else wanted
        template = self._templates.get((tokens, cut))
        if template is None:
            template = shapes.quick_template(choices_for(ask, self.knobs, "")[0])
            if len(self._templates) < KEPT_TEMPLATES:
                self._templates[tokens, cut] = template
        answer_id = "chatcmpl-" + serial
        prompt = chat_tokens(messages)
        record = Record(request_id, answer_id, CHAT, ask.model or "", False, prompt)
        self.produced.accept(record)
        model = msgspec.json.encode(ask.model)
        wire.reply(
            200,
            template % (answer_id.encode(), int(time.time()), model, prompt, prompt + tokens),
            headers,
        )
        self.produced.produce(record, tokens)
        self.produced.finish(record)
        wire.done()
        self._news()
        return True

    def _read(self, seen: Seen) -> Ask:
        try:
            return read_ask(seen.raw)
        except msgspec.ValidationError as error:
            raise ApiError(400, f"Invalid type: {error}.", code="invalid_type") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(400, f"We could not parse the JSON body of your request. ({error})") from error

    def _steered(self, knobs: Knobs, changes: dict[str, Any]) -> Knobs:
        if not changes:
            return knobs
        try:
            return merged(knobs, changes)
        except msgspec.ValidationError as error:
            raise ApiError(400, f"No such knob: {error}", param="x_fake") from error

    def _check_key(self, knobs: Knobs, key: str) -> None:
        if knobs.require_key is None or key == f"Bearer {knobs.require_key}":
            return
        if not key:
            message = "You didn't provide an API key. Use 'Authorization: Bearer YOUR_KEY'."
            raise ApiError(401, message)
        raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def _fault(self, seen: Seen, knobs: Knobs, changes: dict[str, Any], *, counted: bool) -> None:
        status = knobs.status
        if status is None and counted and self._fails_again(seen, knobs, changes):
            status = knobs.fail_status
        if status is None:
            return
        headers = b"" if knobs.retry_after is None else f"retry-after: {knobs.retry_after}\r\n".encode()
        code = knobs.error_code or CODES.get(status)
        kind = "server_error" if status >= 500 else "invalid_request_error"
        if status == 429:
            kind = "insufficient_quota" if code == "insufficient_quota" else "requests"
        raise ApiError(status, f"The fake was told to answer {status}.", kind, code=code, headers=headers)

    def _fails_again(self, seen: Seen, knobs: Knobs, changes: dict[str, Any]) -> bool:
        if "fail_first" not in changes:
            left = self.knobs.fail_first
            self.knobs.fail_first = max(left - 1, 0)
            return left > 0
        # Every attempt of a steered call carries the same knob: so who it is must come from the call.
        key = knobs.fail_key or seen.raw.decode("utf-8", "replace")
        failed = self._failed.pop(key, 0)
        if failed >= knobs.fail_first:
            return False
        if len(self._failed) >= KEPT_KEYS:
            del self._failed[next(iter(self._failed))]
        self._failed[key] = failed + 1
        return True

    def _generate(self, turn: Turn) -> None:
        ask, knobs = turn.ask, turn.knobs
        if not ask.model:
            raise ApiError(400, "you must provide a model parameter", param="model")
        self._model(ask.model, knobs)
        if turn.route == EMBEDDINGS:
            prompt_tokens = input_tokens(inputs(ask.input, "input"))
            body = shapes.embeddings_body(ask, knobs, prompt_tokens)
            record = self._accept(turn, prompt_tokens, streamed=False)
            self._reply_later(turn.wire, knobs, partial(self._whole, turn, record, body, 0), record)
            return
        chat = turn.route == CHAT
        prompts = [] if chat else inputs(ask.prompt, "prompt")
        if chat and not ask.messages:
            raise ApiError(400, "Missing required parameter: 'messages'.", param="messages")
        prompt_tokens = chat_tokens(ask.messages or []) if chat else input_tokens(prompts)
        choices = choices_for(ask, knobs, turn.answer_id, max(len(prompts), 1))
        answer = Answer(turn.answer_id, int(time.time()), ask, knobs, prompt_tokens, choices)
        streamed = bool(ask.stream)
        record = self._accept(turn, prompt_tokens, streamed=streamed)
        if not streamed or knobs.error_with_usage:
            body = shapes.chat_body(answer) if chat else shapes.completion_body(answer)
            if knobs.error_with_usage:
                failed = ApiError(500, "The fake was told to fail after its work.", "server_error").body
                body = msgspec.json.encode({**failed, "usage": answer.usage()})
            then = partial(self._whole, turn, record, body, answer.tokens)
        else:
            then = partial(self._stream, turn, record, answer)
        self._reply_later(turn.wire, knobs, then, record)

    def _accept(self, turn: Turn, prompt_tokens: int, *, streamed: bool) -> Record:
        model = turn.ask.model or ""
        record = Record(turn.request_id, turn.answer_id, turn.route, model, streamed, prompt_tokens)
        self.produced.accept(record)
        return record

    def _reply_later(
        self, wire: Wire, knobs: Knobs, then: Callable[[], None], record: Record | None = None
    ) -> None:
        """`then`, at once or after the latency; what has no record is complete after it."""

        def run() -> None:
            if wire.closed:
                return
            wire.exchange = None
            then()
            if record is None:
                wire.done()
            self._news()

        if knobs.latency_ms > 0:
            Later(wire, self.produced, record, knobs.latency_ms / 1000, run, self._news)
        else:
            run()

    def _whole(self, turn: Turn, record: Record, body: bytes, tokens: int) -> None:
        wire, knobs, book = turn.wire, turn.knobs, turn.book
        if knobs.cut_before_answer:
            book.totals.broken += 1
            wire.hang_up()
            return
        if knobs.stall_after_events == 0:
            Later(wire, book, record, None, self._news, self._news)
            return
        if knobs.garbage:
            tokens, body = 0, GARBAGE
        status = 500 if knobs.error_with_usage else 200
        close = knobs.keepalive_close
        wire.reply(status, body, turn.headers, close=close, cut=knobs.cut_mid_body)
        book.produce(record, tokens)
        if knobs.cut_mid_body:
            book.totals.broken += 1
            wire.hang_up()
            return
        book.finish(record)
        wire.done()

    def _stream(self, turn: Turn, record: Record, answer: Answer) -> None:
        wire, knobs = turn.wire, turn.knobs
        if knobs.cut_before_answer or knobs.garbage:
            self._whole(turn, record, GARBAGE, 0)
            return
        wire.open_stream(turn.headers, close=knobs.keepalive_close)
        events = shapes.events(answer, chat=turn.route == CHAT)
        Stream(wire, turn.book, record, events, knobs, self._news).tick()

    # What makes no tokens.

    def _model(self, name: str, knobs: Knobs) -> None:
        if name not in knobs.models:
            message = f"The model `{name}` does not exist or you do not have access to it."
            raise ApiError(404, message, code="model_not_found")

    def _side_door(self, seen: Seen, route: str, knobs: Knobs) -> bytes:
        known = route in {*GENERATING, MODELS, TOKENIZE} or route.startswith(MODELS + "/")
        if not known:
            raise ApiError(404, f"Invalid URL ({seen.method} {route})")
        if seen.method != ("POST" if route == TOKENIZE else "GET") or route in GENERATING:
            message = f"Not allowed to {seen.method} on {route}."
            raise ApiError(405, message, code="method_not_supported")
        if route == TOKENIZE:
            try:
                ask = msgspec.json.decode(seen.raw, type=TokenizeAsk)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ApiError(400, f"Bad request: {error}") from error
            return shapes.tokenized(pieces_of(ask.content), with_pieces=ask.with_pieces)
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "fake"} for name in knobs.models]
        if route == MODELS:
            return msgspec.json.encode({"object": "list", "data": rows})
        name = route.removeprefix(MODELS + "/")
        self._model(name, knobs)
        return msgspec.json.encode(rows[knobs.models.index(name)])

    def _control(self, wire: Wire, seen: Seen, route: str) -> None:
        status, body = 200, b""
        try:
            if (seen.method, route) == ("GET", "/_fake/stats"):
                body = msgspec.json.encode(self.stats())
            elif (seen.method, route) == ("POST", "/_fake/knobs"):
                self.set_knobs(msgspec.json.decode(seen.raw, type=dict[str, Any]))
                body = msgspec.json.encode(self.knobs)
            elif (seen.method, route) == ("POST", "/_fake/reset"):
                self.reset()
                body = msgspec.json.encode(self.stats())
            else:
                raise ApiError(404, f"Invalid URL ({seen.method} {route})")
        except ApiError as error:
            status, body = error.status, msgspec.json.encode(error.body)
        except msgspec.DecodeError as error:
            status, body = 400, msgspec.json.encode(ApiError(400, str(error)).body)
        wire.reply(status, body)
        wire.done()
