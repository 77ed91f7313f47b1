"""The road of a call, the same for every endpoint: key, peek, plan, hold, provider, relay, post."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import (
    BrokenError,
    ConnectError,
    ProviderError,
    Refusal,
    bad_request,
    unavailable,
)
from rechenwerk.base.ids import CallIds
from rechenwerk.base.settings import Settings
from rechenwerk.gateway.call import Call, Exit
from rechenwerk.gateway.counting import count
from rechenwerk.gateway.idempotency import Answers
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.limits import limit_headers, refuse_guard
from rechenwerk.gateway.refusals import BOOKS_DOWN, bad_gateway, no_plan, provider_refused
from rechenwerk.gateway.relay import Relay
from rechenwerk.gateway.server import JSON, HttpRequest
from rechenwerk.gateway.tenants import Plan, Tenant, Tenants
from rechenwerk.gateway.till import Till
from rechenwerk.gateway.upstreams import Upstreams
from rechenwerk.ledger.guards import Guard, Unit, draw, undo
from rechenwerk.ledger.ports import Hold
from rechenwerk.providers.transport import Answer, Collect
from rechenwerk.wire.openai import (
    UNREADABLE,
    Endpoint,
    Request,
    Splice,
    alias_in,
    answer_texts,
    answers,
    asks_usage,
    error_event,
    prompts,
    read_answer,
    read_request,
    splice,
    unreadable,
)

_log = logging.getLogger("rechenwerk.road")
_TEMPLATE_TOKENS = 256
"""What a provider's chat template may add to a prompt, beyond the bytes of the body."""
_EXPIRY_MARGIN = 120
_NOT_TEXT = re.compile(rb'"(?:image_url|input_audio|file|video_url)"')
"""Parts of a prompt that may take more tokens than they have bytes: then the whole context is held."""
_EVENTS = b"text/event-stream; charset=utf-8"
_MAY_HAVE_WORKED = frozenset({408, 499, 502, 504})
"""What a proxy before a provider says when it gave up waiting: tokens may have been produced."""
_MOST = (1 << 63) - 1


class Road:
    """Serves calls. Everything it needs is handed in; it holds no money itself.

    Args:
        tenants: keys, offers, plans.
        leases: budgets and limits.
        till: holds and posts.
        exits: the one exit of every call.
        upstreams: providers.
        answers: of calls with an Idempotency-Key.
        ids: call ids.
        clock: time.
        settings: timeouts.
        refused: told about every refusal, for the metrics.
    """

    def __init__(
        self,
        tenants: Tenants,
        leases: Leases,
        till: Till,
        exits: Exit,
        upstreams: Upstreams,
        answers: Answers,
        ids: CallIds,
        clock: Clock,
        settings: Settings,
        refused: Callable[[str | None], None],
    ) -> None:
        self._tenants = tenants
        self._leases = leases
        self._till = till
        self._exit = exits
        self._upstreams = upstreams
        self._answers = answers
        self._ids = ids
        self._clock = clock
        self._settings = settings
        self._refused = refused
        self._expires = int(settings.total_timeout + settings.drain_timeout) + _EXPIRY_MARGIN
        self._relays: set[Relay] = set()
        self._loop = asyncio.get_running_loop()

    async def serve(self, http: HttpRequest, tenant: Tenant, endpoint: Endpoint) -> None:
        """Serve one call of an authenticated client."""
        call = Call(self._ids.next(), self._clock.monotonic(), tenant, endpoint)
        stored = await self._answers.claim(http, call)
        if isinstance(stored, Refusal):
            self._refuse(http, call, stored)
        elif stored is not None:
            kind = b"content-type: %s\r\nidempotent-replayed: true\r\n" % stored.content_type.encode()
            http.connection.respond(stored.status, kind + self._headers(call), stored.body)
        else:
            await self._travel(http, call)

    async def _travel(self, http: HttpRequest, call: Call) -> None:
        refusal = await self._prepare(call, http.body)
        if refusal is not None:
            await self._answer(http, call, refusal)
            return
        try:
            if call.request.stream:
                await self._stream(http, call)
            else:
                await self._unary(http, call)
        finally:
            if not call.settled:  # an error of ours; the call does not leave the books open all the same
                await call.durable
                self._exit.unresolved(call, "an error inside the gateway", 500)
                await self._answers.release(http, call)

    def cancel_all(self) -> None:
        """Hang up on all providers that still stream: the process is about to end."""
        for relay in list(self._relays):
            relay.cancel()

    # -- stops 2 to 4: peek, plan, hold -----------------------------------------------------------

    async def _prepare(self, call: Call, body: bytes) -> Refusal | None:
        """Everything before the call leaves; a refusal costs nothing."""
        request = read_request(body)
        if isinstance(request, Refusal):
            return request
        call.request = request
        plan = self._tenants.plan(call.tenant.row.organisation, request.model, call.endpoint)
        if not isinstance(plan, Plan):
            return no_plan(plan is not None, request.model, call.endpoint)
        if request.stream and call.endpoint == "embeddings":
            return bad_request("Embeddings cannot be streamed; leave stream out.", "stream")
        if request.max_completion_tokens is not None and call.endpoint == "completions":
            return bad_request(  # some providers read it here, others do not: then it would cap nothing
                "max_completion_tokens is for chats; send max_tokens.", "max_completion_tokens"
            )
        upstream = self._upstreams.get(plan.deployment.provider.id)
        if upstream is None:
            return unavailable(
                f"The provider of {request.model!r} is not running; ask your operator.",
                "provider_unavailable",
            )
        if self._till.failing:
            return BOOKS_DOWN
        call.plan = plan
        call.upstream = upstream
        row = call.tenant.row
        try:
            alias = alias_in(body, upstream.kind.aliases)
            if alias is not None:
                return bad_request(
                    f"{alias} goes past the limits of this call; send max_tokens or n instead.", alias
                )
            call.accounts = await self._till.accounts(row.organisation, row.project, plan.deployment.contract)
            return await self._hold(call, request, body)
        except OSError as error:
            _log.warning("the books cannot be reached: %s", error)
            return BOOKS_DOWN
        except UNREADABLE as error:
            return unreadable(error)

    async def _hold(self, call: Call, request: Request, body: bytes) -> Refusal | None:
        """Draw on budgets and limits, and enqueue the hold; it becomes durable while the provider thinks."""
        plan = call.plan
        deployment = plan.deployment
        # Providers differ in which of the two they believe.
        chosen = max(request.max_completion_tokens or 0, request.max_tokens or 0)
        cap = 0 if call.endpoint == "embeddings" else (chosen or deployment.max_output_tokens)
        output = cap * (answers(request) if call.endpoint != "embeddings" else 1)
        bound = len(body) + _TEMPLATE_TOKENS
        if call.endpoint == "chat" and (bound > deployment.context_tokens or _NOT_TEXT.search(body)):
            bound = deployment.context_tokens
        amount = plan.offer.price.highest(bound, output)
        cost_bound = deployment.cost.highest(bound, output)
        if amount > _MOST or cost_bound > _MOST:
            return bad_request(
                "This call could cost more than can be held; ask for fewer tokens.", "max_tokens"
            )
        needs: dict[Unit, int] = {
            "money": amount,
            "tokens": len(body) // 4 + output,
            "requests": 1,
            "calls": 1,
        }
        call.body = self._outgoing(call, request, body, chosen, cap)
        guards = call.tenant.guards
        now = self._clock.now()
        draws = draw(guards, needs, now)
        if draws is None:
            taken = await self._leases.take(guards, needs)
            if isinstance(taken, Guard):
                return refuse_guard(taken, needs, self._clock.now(), self._tenants.currency)
            draws = taken
        call.draws = draws
        row = call.tenant.row
        slices = [window.slice_id for window, _ in draws if window.guard.unit == "money"]
        call.hold = Hold(
            call.id,
            row.organisation,
            row.project,
            row.id,
            deployment.id,
            deployment.contract,
            call.endpoint,
            plan.offer.model,
            bool(request.stream),
            amount,
            cost_bound,
            "{" + ",".join(map(str, slices)) + "}",
            int(now * 1e6),
            self._expires,
        )
        call.durable = self._till.hold(call.hold)
        return None

    def _outgoing(self, call: Call, request: Request, body: bytes, chosen: int, cap: int) -> bytes:
        """The body for the provider: before anything is held, for it may turn out to be unreadable."""
        upstream = call.plan.deployment.upstream
        field = call.upstream.kind.cap_field if call.endpoint == "chat" else "max_tokens"
        if chosen and not (field == "max_tokens" and request.max_tokens is None):
            cap = 0  # the client's own cap stands in a field that the provider reads
        if cap or request.stream or upstream != request.model:
            return splice(body, request, Splice(upstream, field, cap, bool(request.stream)))
        return body

    async def _held(self, call: Call) -> Refusal | None:
        """Wait until the hold is durable; the refusal if the books did not take it."""
        await call.durable
        error = self._till.refused(call.id)
        if error is None:
            return None
        undo(call.draws)
        call.settled = True
        _log.error("call %s was served by a provider but its hold was refused: %s", call.name, error)
        return unavailable("The books refused this call; tell your operator its id.", "books_refused", 500)

    # -- stops 5 to 7, whole answers --------------------------------------------------------------

    async def _unary(self, http: HttpRequest, call: Call) -> None:
        sink = Collect(self._loop)
        try:
            await call.upstream.pool.send(
                call.upstream.request(call.endpoint, call.name.encode(), call.body), sink
            )
            answer = await sink.done
        except ProviderError as error:
            await self._answer(http, call, await self._provider_failed(call, error))
            return
        call.first_at = self._clock.monotonic()
        refusal = await self._held(call)
        if refusal is None:
            refusal = await self._settle_answer(call, answer)
        if refusal is not None:
            await self._answer(http, call, refusal)
            return
        http.connection.respond(200, JSON + self._headers(call), answer.body)
        await self._answers.keep(http, call, "application/json", answer.body)

    async def _settle_answer(self, call: Call, answer: Answer) -> Refusal | None:
        """Book a whole answer; a refusal when it is none that the client can use."""
        reported = read_answer(answer.body)
        if answer.status >= 300:
            refusal = provider_refused(answer)
            if isinstance(reported, (str, type(None))) and answer.status in _MAY_HAVE_WORKED:
                self._exit.unresolved(call, f"the provider answered {answer.status}", refusal.status)
            elif isinstance(reported, (str, type(None))):
                self._exit.void(call, f"the provider answered {answer.status}", refusal.status)
            else:
                self._exit.failed(call, reported, f"the provider answered {answer.status}", refusal.status)
            return refusal
        if reported == "garbage":
            reason = "the provider's answer is not JSON"
            self._exit.unresolved(call, reason, 502)
            return bad_gateway(reason)
        first_only = call.upstream.kind.usage_of_first_choice and answers(call.request) > 1
        if reported is not None and not first_only:
            self._exit.posted(call, reported, 200)
            return None
        said = answer_texts(answer.body)
        if reported is not None:  # the prompt and the first choice are right, the other choices are missing
            said = said[1:]
        usage, source = await count(call.upstream, call.body, [text for text, _ in said], 0)
        if source == "counted":  # a token that no text shows ended an answer that was not cut
            ends = sum(ended for _, ended in said)
            usage = msgspec.structs.replace(usage, output=usage.output + ends)
        if reported is not None:
            first = reported.usage
            prompt = first.input if prompts(call.request) == 1 else usage.input - first.cached_input
            usage = msgspec.structs.replace(first, input=prompt, output=first.output + usage.output)
        reason = "usage of the first choice only" if reported else "the provider reported no usage"
        self._exit.counted(call, usage, source, reason, 200)
        return None

    async def _provider_failed(self, call: Call, error: ProviderError) -> Refusal:
        """No answer came: void when nothing had left, else the hold stands on the unresolved account."""
        refusal = await self._held(call)
        if refusal is not None:
            return refusal
        _log.warning("call %s: %s", call.name, error)
        if isinstance(error, ConnectError):
            self._exit.void(call, str(error), 503)
            return unavailable(
                "The provider cannot be reached; try again, or ask your operator.", "provider_unavailable"
            )
        self._exit.unresolved(call, str(error), 502)
        return bad_gateway(str(error))

    # -- stops 5 to 7, streams --------------------------------------------------------------------

    async def _stream(self, http: HttpRequest, call: Call) -> None:
        relay = Relay(
            http.connection,
            wants_usage=asks_usage(call.request),
            drain=self._settings.drain_timeout,
            record=b"idempotency-key" in http.headers,
            usages=answers(call.request) if call.upstream.kind.usage_of_first_choice else 1,
            same_prompt=prompts(call.request) == 1,
        )
        self._relays.add(relay)
        try:
            relay.attach(
                await call.upstream.pool.send(
                    call.upstream.request(call.endpoint, call.name.encode(), call.body), relay
                )
            )
            streaming = await relay.begun
            refusal = await self._held(call)
            if refusal is None and not streaming:
                broken = await relay.finished
                if broken is not None:
                    raise broken
                refusal = await self._settle_answer(call, relay.answer)
                if refusal is None:  # a provider that does not stream: its whole answer is still an answer
                    http.connection.respond(200, JSON + self._headers(call), relay.answer.body)
                    await self._answers.keep(http, call, "application/json", relay.answer.body)
                    return
        except ProviderError as error:
            refusal = await self._provider_failed(call, error)
        finally:
            self._relays.discard(relay)
        if refusal is not None:
            relay.cancel()
            await self._answer(http, call, refusal)
            return
        self._relays.add(relay)
        relay.release(b"content-type: %s\r\ncache-control: no-cache\r\n" % _EVENTS + self._headers(call))
        try:
            whole = await self._end_stream(http, call, relay)
        finally:
            self._relays.discard(relay)
        if whole and relay.record is not None:
            await self._answers.keep(http, call, _EVENTS.decode(), bytes(relay.record))
        else:
            await self._answers.release(http, call)

    async def _end_stream(self, http: HttpRequest, call: Call, relay: Relay) -> bool:
        """Book a stream that came to its end, good or bad; True when the client could have all of it."""
        error = await relay.finished
        call.first_at = relay.first_at
        whole = error is None and relay.done
        if not whole and error is None and relay.usage is None and not relay.failed:
            error = BrokenError("the provider ended the stream without its last event")
        if error is not None and not relay.client_gone:
            # An error after the first byte can only be an event; the client's SDK raises it.
            http.connection.send(error_event(bad_gateway(str(error))))
        http.connection.end()
        if relay.usage is not None and not relay.failed and (whole or relay.usage_is_final):
            self._exit.posted(call, relay.usage, 200)
            return whole
        if relay.usage is not None and relay.failed:
            self._exit.failed(call, relay.usage, "the provider ended the stream with an error", 200)
            return False
        text = relay.text.decode("utf-8", "replace")
        usage, source = await count(call.upstream, call.body, [text], relay.events)
        if relay.usage is not None and relay.usage.usage.tokens > usage.tokens:
            usage, source = relay.usage.usage, "reported"  # running usage of a stream that was cut
        if whole and not relay.failed:
            self._exit.counted(call, usage, source, "the provider reported no usage", 200)
        else:
            reason = str(error) if error else "the provider ended the stream with an error"
            self._exit.unresolved(call, reason, 200, usage, source)
        return whole and not relay.failed

    # -- answers ----------------------------------------------------------------------------------

    def _headers(self, call: Call) -> bytes:
        return b"x-request-id: %s\r\n%s" % (
            call.name.encode(),
            limit_headers(call.tenant, self._clock.now()),
        )

    def _refuse(self, http: HttpRequest, call: Call, refusal: Refusal) -> None:
        self._refused(refusal.code)
        http.connection.refuse(refusal, self._headers(call))

    async def _answer(self, http: HttpRequest, call: Call, refusal: Refusal) -> None:
        self._refuse(http, call, refusal)
        await self._answers.release(http, call)
