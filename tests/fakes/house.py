"""The fake itself: routes, refusals and faults. `provider.py` is its face."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tests.fakes import shapes
from tests.fakes.answers import Answer, ApiError, Ask, chat_tokens, choices_for, pieces_of
from tests.fakes.book import Book, Record, Seen, Totals
from tests.fakes.chaos import Chaos
from tests.fakes.dialects import Dialect, decode
from tests.fakes.door import Door
from tests.fakes.exchange import Later, Stream
from tests.fakes.knobs import HEADER_PREFIX, Knobs, from_headers, merged, quick
from tests.fakes.rerank_shapes import Rerank
from tests.fakes.routes import CHAT, EXACT, MODELS, SIDE, TOKENIZE, find
from tests.fakes.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

KEPT_REQUESTS = 10_000
KEPT_KEYS = 10_000
KEPT_TEMPLATES = 1_000
GARBAGE = b"<html><body>It works!</body></html>"
CODES = MappingProxyType({401: "invalid_api_key", 429: "rate_limit_exceeded"})


class TokenizeAsk(msgspec.Struct):
    content: str
    with_pieces: bool = False


class Turn(msgspec.Struct):
    """One request on its way to an answer; a reset may change the fake's book meanwhile, not this one's."""

    wire: Wire
    book: Book
    seen: Seen
    route: str
    serial: str
    knobs: Knobs
    dialect: Dialect
    named: str = ""  # the model in the path
    changes: dict[str, Any] = {}  # the knobs that came with the call
    ask: Ask = msgspec.field(default_factory=Ask)
    request_id: str | None = None
    fault: str = ""

    @property
    def answer_id(self) -> str:
        return self.dialect.prefix + self.serial

    @property
    def headers(self) -> bytes:
        return self.dialect.headers(self.serial)


class FakeProvider:
    """`base_url` is what clients of OpenAI want, `url` the root: the others' addresses begin there."""

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
        self._door = Door(partial(Wire, self), host, port)
        self._keep_requests = keep_requests
        self.produced = Book(keep_requests)
        self._serial = 0
        self._failed: dict[str, int] = {}
        self._chaos = Chaos()
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._templates: dict[tuple[int, bool], bytes] = {}
        self._quick_knobs: Knobs | None = None
        self._quick = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._door.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._door.leave()
        for wire in list(self.wires):
            wire.drop()
        await self.until(lambda: not self.wires)
        await self._door.left()

    async def refuse(self) -> None:
        """Refuse connections, from any loop; who is connected hears its answer out, and is then cut off."""
        await self._at_home(self._refuse())

    async def accept(self) -> None:
        """Accept them again, on the same port."""
        await self._at_home(self._door.open())

    async def _refuse(self) -> None:
        await self._door.shut()
        for wire in list(self.wires):
            wire.retire()

    async def _at_home(self, work: Coroutine[Any, Any, None]) -> None:
        if asyncio.get_running_loop() is self._loop:
            await work
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    @property
    def totals(self) -> Totals:
        return self.produced.totals

    @property
    def url(self) -> str:
        return f"http://{self._door.host}:{self._door.port}"

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
        self._chaos = Chaos()

    def set_knobs(self, changes: dict[str, Any]) -> None:
        """In place, so that who holds `fake.knobs` sees it."""
        checked = merged(self.knobs, changes)
        for name in changes:
            setattr(self.knobs, name, getattr(checked, name))

    def stats(self) -> dict[str, Any]:
        totals = self.produced.totals
        ended = totals.finished + totals.client_gone + totals.broken
        counted = {**msgspec.structs.asdict(totals), "faults": dict(self.produced.faults)}
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
        self._serial += 1
        serial = f"{self._door.port:04x}{self._serial:016x}"
        turn = Turn(wire, self.produced, seen, route, serial, self.knobs, SIDE)
        try:
            self._take(turn)
        except ApiError as error:
            turn.book.totals.refused += 1
            body = msgspec.json.encode(turn.dialect.error(error))
            headers = turn.headers + turn.dialect.error_headers(error)
            close = turn.knobs.keepalive_close
            self._reply_later(turn, partial(wire.reply, error.status, body, headers, close=close))
        self._news()

    def _take(self, turn: Turn) -> None:
        seen = turn.seen
        turn.dialect, turn.named = find(seen.method, turn.route, turn.knobs)
        steered = False
        for name, value in seen.raw_headers:
            low = name.lower()
            if low == b"x-request-id":
                turn.request_id = value.decode("latin-1")
            elif low.startswith(HEADER_PREFIX):
                steered = True
        if steered:
            self._steer(turn, from_headers(seen.raw_headers))
            turn.dialect, turn.named = find(seen.method, turn.route, turn.knobs)
        if turn.knobs.require_key is not None:
            turn.dialect.check_key(seen, turn.knobs.require_key)
        if not turn.dialect.bills:
            self._fault(turn, counted=False)
            body, close = self._side_door(turn), turn.knobs.keepalive_close
            self._reply_later(turn, partial(turn.wire.reply, 200, body, turn.headers, close=close))
            return
        turn.ask = turn.dialect.read(seen, turn.named)
        if not steered and turn.route == CHAT and self._try_quick(turn):
            return
        if turn.ask.x_fake:
            self._steer(turn, turn.ask.x_fake)
        if turn.knobs.chaos_seed is not None:
            turn.fault = self._chaos.draw(turn.knobs)
            turn.book.faults[turn.fault] += 1
            turn.knobs = self._chaos.apply(turn.fault, turn.knobs, streamed=bool(turn.ask.stream))
        self._fault(turn, counted=True)
        self._generate(turn)

    def _try_quick(self, turn: Turn) -> bool:
        """The ordinary unary chat, from a template."""
        if self.knobs != self._quick_knobs:
            self._quick_knobs = merged(self.knobs, {})
            self._quick = quick(self.knobs)
        ask = turn.ask
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
        answer_id, wire = turn.answer_id, turn.wire
        prompt = chat_tokens(messages)
        record = Record(turn.request_id, answer_id, CHAT, ask.model or "", False, prompt, claimed=tokens)
        self.produced.accept(record)
        model = msgspec.json.encode(ask.model)
        wire.reply(
            200,
            template % (answer_id.encode(), int(time.time()), model, prompt, prompt + tokens),
            turn.headers,
        )
        self.produced.produce(record, tokens)
        self.produced.finish(record)
        wire.done()
        self._news()
        return True

    def _steer(self, turn: Turn, changes: dict[str, Any]) -> None:
        try:
            turn.knobs = merged(turn.knobs, changes)
        except msgspec.ValidationError as error:
            raise ApiError(400, f"No such knob: {error}", param="x_fake") from error
        turn.changes = {**turn.changes, **changes}

    def _fault(self, turn: Turn, *, counted: bool) -> None:
        knobs = turn.knobs
        status = knobs.status
        if status is None and counted and self._fails_again(turn):
            status = knobs.fail_status
        if status is None:
            return
        code = knobs.error_code or CODES.get(status)
        kind = "server_error" if status >= 500 else "invalid_request_error"
        if status == 429:
            kind = "insufficient_quota" if code == "insufficient_quota" else "requests"
        message = f"The fake was told to answer {status}."
        raise ApiError(status, message, kind, code=code, retry_after=knobs.retry_after)

    def _fails_again(self, turn: Turn) -> bool:
        knobs = turn.knobs
        if "fail_first" not in turn.changes:
            left = self.knobs.fail_first
            self.knobs.fail_first = max(left - 1, 0)
            return left > 0
        # Every attempt of a steered call carries the same knob: so who it is must come from the call.
        key = knobs.fail_key or turn.seen.raw.decode("utf-8", "replace")
        failed = self._failed.pop(key, 0)
        if failed >= knobs.fail_first:
            return False
        if len(self._failed) >= KEPT_KEYS:
            del self._failed[next(iter(self._failed))]
        self._failed[key] = failed + 1
        return True

    def _generate(self, turn: Turn) -> None:
        ask, knobs, dialect = turn.ask, turn.knobs, turn.dialect
        if not ask.model:
            raise ApiError(400, "you must provide a model parameter", param="model")
        self._model(ask.model, knobs)
        prompt_tokens = dialect.prompt_tokens(ask)
        choices = choices_for(ask, knobs, turn.answer_id, dialect.prompts(ask)) if dialect.talks else []
        answer = Answer(turn.answer_id, int(time.time()), ask, knobs, prompt_tokens, choices)
        streamed = bool(ask.stream) and dialect.talks
        body = b"" if streamed else dialect.whole(answer)
        if knobs.error_with_usage:
            failed = ApiError(500, "The fake was told to fail after its work.", "server_error")
            body = msgspec.json.encode({**dialect.error(failed), "usage": answer.usage()})
        record = Record(
            turn.request_id,
            turn.answer_id,
            turn.route,
            ask.model,
            streamed,
            prompt_tokens,
            claimed=None if knobs.no_usage else answer.claimed,
            search_units=dialect.search_units(ask) if isinstance(dialect, Rerank) else 0,
            fault=turn.fault,
        )
        self.produced.accept(record)
        if streamed and not knobs.error_with_usage:
            then = partial(self._stream, turn, record, answer)
        else:
            then = partial(self._whole, turn, record, body, answer.tokens)
        self._reply_later(turn, then, record)

    def _reply_later(self, turn: Turn, then: Callable[[], None], record: Record | None = None) -> None:
        """`then`, at once or after the latency; what has no record is complete after it."""
        wire, delay_ms = turn.wire, turn.knobs.latency_ms

        def run() -> None:
            if wire.closed:
                return
            wire.exchange = None
            then()
            if record is None:
                wire.done()
            self._news()

        if delay_ms > 0:
            Later(wire, self.produced, record, delay_ms / 1000, run, self._news)
        else:
            run()

    def _whole(self, turn: Turn, record: Record, body: bytes, tokens: int) -> None:
        wire, knobs, book = turn.wire, turn.knobs, turn.book
        hang_up = wire.reset if knobs.cut_by_reset else wire.hang_up
        if knobs.cut_before_answer:
            book.totals.broken += 1
            hang_up()
            return
        if knobs.hang or knobs.stall_after_events == 0:
            Later(wire, book, record, None, self._news, self._news)
            return
        if knobs.garbage:
            tokens, body = 0, GARBAGE
        if knobs.malformed_after_events is not None:
            body = body[: len(body) // 2]
        status = 500 if knobs.error_with_usage else 200
        close = knobs.keepalive_close
        wire.reply(status, body, turn.headers, close=close, cut=knobs.cut_mid_body)
        book.produce(record, tokens)
        if knobs.cut_mid_body:
            book.totals.broken += 1
            hang_up()
            return
        spoiled = knobs.garbage or knobs.malformed_after_events is not None
        book.finish(record, whole=status == 200 and not spoiled)
        wire.done()

    def _stream(self, turn: Turn, record: Record, answer: Answer) -> None:
        wire, knobs = turn.wire, turn.knobs
        if knobs.cut_before_answer or knobs.garbage or knobs.hang:
            self._whole(turn, record, GARBAGE, 0)
            return
        dialect = turn.dialect
        wire.open_stream(dialect.stream_type, turn.headers, close=knobs.keepalive_close)
        events, tokens = dialect.events(answer), answer.tokens
        Stream(wire, turn.book, record, dialect, events, tokens, knobs, self._news).tick()

    # What makes no tokens.

    def _model(self, name: str, knobs: Knobs) -> None:
        if name not in knobs.models:
            message = f"The model `{name}` does not exist or you do not have access to it."
            raise ApiError(404, message, code="model_not_found")

    def _side_door(self, turn: Turn) -> bytes:
        seen, route, knobs = turn.seen, turn.route, turn.knobs
        if turn.dialect is not SIDE:
            ask = turn.dialect.read(seen, turn.named)
            self._model(ask.model or "", knobs)
            return turn.dialect.whole(Answer("", 0, ask, knobs, 0, []))
        known = route in {*EXACT, MODELS, TOKENIZE} or route.startswith(MODELS + "/")
        if not known:
            raise ApiError(404, f"Invalid URL ({seen.method} {route})")
        if seen.method != ("POST" if route == TOKENIZE else "GET") or route in EXACT:
            message = f"Not allowed to {seen.method} on {route}."
            raise ApiError(405, message, code="method_not_supported")
        if route == TOKENIZE:
            wanted = decode(seen.raw, TokenizeAsk)
            return shapes.tokenized(pieces_of(wanted.content), with_pieces=wanted.with_pieces)
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
