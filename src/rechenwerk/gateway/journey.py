"""Stops 5 to 7 of the road: attempts at providers until one serves the call, the answer, the booking."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import BrokenError, ConnectError, ProviderError, Refusal, unavailable
from rechenwerk.base.reasons import beside, reason, said_by
from rechenwerk.base.settings import Settings
from rechenwerk.gateway.call import NOTHING, Call, plain
from rechenwerk.gateway.counting import count
from rechenwerk.gateway.dispatch import Dispatch
from rechenwerk.gateway.exits import Exit
from rechenwerk.gateway.idempotency import Answers
from rechenwerk.gateway.limits import limit_headers
from rechenwerk.gateway.refusals import bad_gateway, provider_refused
from rechenwerk.gateway.relay import Relay
from rechenwerk.gateway.server import JSON, HttpRequest
from rechenwerk.gateway.speech import decision_line, error_of, name_lines
from rechenwerk.gateway.till import Till
from rechenwerk.gateway.trips import Failure, Trip
from rechenwerk.gateway.turns import Turns
from rechenwerk.gateway.ways import FOR_NOTHING, CountingHere, Whole
from rechenwerk.ledger.guards import undo
from rechenwerk.ledger.ports import Accounts
from rechenwerk.providers.transport import Answer, Collect
from rechenwerk.routing.retries import retry_after
from rechenwerk.wire.anthropic import count_tokens_answer
from rechenwerk.wire.openai import answers, prompts
from rechenwerk.wire.talk import Reported

_log = logging.getLogger("rechenwerk.road")
_EVENTS = b"text/event-stream; charset=utf-8"
_MAY_HAVE_WORKED = frozenset({408, 499, 502, 504})
"""What a proxy before a provider says when it gave up waiting: tokens may have been produced."""
_ELSEWHERE = frozenset({401, 402, 403, 404, 407, 408, 425, 429, 499})
"""Refusals below 500 that another provider may not share: its credentials, its quota, its models."""
_NOT_BEGUN = frozenset({425, 429, 503})
"""Refusals that say that nothing was begun: the same provider may be asked again."""
_SEES_PRICES = frozenset({"books", "operator"})
"""What was agreed with providers is the operator's business."""
_LINES = 4096
"""Header lines that are kept ready."""
_GONE = reason("gone_before_next")
_LEFT = Failure(bad_gateway(_GONE), _GONE, free=True)
"""The attempts that were made are booked by themselves; the call itself has come to nothing."""


class Journey:
    """Runs the attempts of a call whose hold is on its way, answers the client and books.

    Args:
        till: knows whether holds are durable.
        exits: the one exit of every call.
        dispatch: told what leaves.
        answers: of calls with an Idempotency-Key.
        turns: of conversations that are kept here.
        clock: time.
        settings: timeouts.
        refused: told about every refusal, for the metrics.
    """

    def __init__(
        self,
        till: Till,
        exits: Exit,
        dispatch: Dispatch,
        answers: Answers,
        turns: Turns,
        clock: Clock,
        settings: Settings,
        refused: Callable[[str | None], None],
    ) -> None:
        self._till = till
        self._exit = exits
        self._dispatch = dispatch
        self._answers = answers
        self._turns = turns
        self._clock = clock
        self._settings = settings
        self._refused = refused
        self._relays: set[Relay] = set()
        self._lines: dict[tuple[str, bool], bytes] = {}
        self._loop = asyncio.get_running_loop()

    async def run(self, http: HttpRequest, call: Call, trip: Trip) -> None:
        """Attempt after attempt, until the client has an answer or nothing is left to try."""
        once = self._streamed if call.request.stream else self._whole
        if isinstance(trip.way, CountingHere):
            once = self._counted_here
        while True:
            trip.start(self._clock.monotonic())
            call.left = True
            self._dispatch.left(call, trip.step)
            try:
                failure = await once(http, call, trip)
            finally:
                trip.end(self._clock.monotonic(), ok=None)
            if failure is None:
                return
            following = None if http.connection.gone else trip.trips.after(failure)
            accounts = None if following is None else await self._accounts(call, following[0])
            if following is None or accounts is None:
                await self._give_up(http, call, failure)
                return
            self._note(call, trip, failure)
            trip, delay = following
            if delay > 0:
                await asyncio.sleep(delay)
                if http.connection.gone:
                    await self._give_up(http, call, _LEFT)
                    return
            call.step, call.accounts = trip.step, accounts

    async def _accounts(self, call: Call, trip: Trip) -> Accounts | None:
        """Where an attempt is booked; None when the books cannot tell, and so it must not be made."""
        row = call.tenant.row
        try:
            return await self._till.accounts(row.organisation, row.project, trip.step.deployment.contract)
        except OSError as error:
            _log.warning("call %s: the books cannot be reached: %s", call.name, error)
            return None

    def cancel_all(self) -> None:
        """Hang up on all providers that still stream: the process is about to end."""
        for relay in list(self._relays):
            relay.cancel()

    def _note(self, call: Call, trip: Trip, failure: Failure) -> None:
        """Keep an attempt that came to nothing, and book it if it can have cost anything."""
        said = plain(failure.reason)
        _log.warning("call %s: %s at %s; trying on", call.name, said, trip.name)
        seconds = round(self._clock.monotonic() - trip.began, 6)
        why = {**beside("reason", failure.reason), "reason": said}
        call.tried.append({"deployment": trip.name, **why, "seconds": seconds})
        self._dispatch.ended(call, failure.reported.usage if failure.reported else NOTHING, last=False)
        if not failure.free:
            self._exit.attempt(call, trip.began, failure.status, failure.reason, failure.reported)

    async def _give_up(self, http: HttpRequest, call: Call, failure: Failure) -> None:
        """The last attempt failed: the call is booked as it ended."""
        refusal = await self._held(call) or failure.refusal
        if failure.free:
            self._exit.void(call, failure.reason, refusal.status)
        elif failure.reported is not None:
            self._exit.failed(call, failure.reported, failure.reason, refusal.status)
        else:
            self._exit.unresolved(call, failure.reason, refusal.status)
        await self.refuse(http, call, refusal)

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

    # -- what attempts come to --------------------------------------------------------------------

    def _ended(self, trip: Trip, *, ok: bool | None, tokens: int = 0) -> None:
        trip.end(self._clock.monotonic(), ok=ok, tokens=tokens)

    def _broken(self, trip: Trip, error: ProviderError) -> Failure:
        """No answer came: free when nothing had left, else its cost is unknown."""
        self._ended(trip, ok=False)
        if isinstance(error, ConnectError):
            refusal = unavailable(
                "The provider cannot be reached; try again, or ask your operator.", "provider_unavailable"
            )
            return Failure(refusal, said_by(error), free=True, safe=True)
        return Failure(bad_gateway(said_by(error)), said_by(error), free=False)

    def _declined(self, trip: Trip, answer: Answer) -> Failure:
        """The provider answered with an error."""
        status = answer.status
        refusal = provider_refused(answer, trip.way.error(status, answer.body))
        elsewhere = status >= 500 or 300 <= status < 400 or status in _ELSEWHERE
        wait = retry_after(answer.header(b"retry-after"), self._clock.now())
        if status == 429 and wait is not None:
            trip.step.health.breaker.rest(self._clock.monotonic() + wait)
        self._ended(trip, ok=None if status == 429 else not elsewhere)
        reported = None
        with contextlib.suppress(ValueError):
            reported = trip.way.whole(trip.call, answer.body).reported
        return Failure(
            refusal,
            reason("answered", status=status),
            free=reported is None and status not in _MAY_HAVE_WORKED,
            reported=reported,
            status=status,
            again=elsewhere,
            safe=status in _NOT_BEGUN,
            wait=wait,
        )

    # -- whole answers ----------------------------------------------------------------------------

    async def _whole(self, http: HttpRequest, call: Call, trip: Trip) -> Failure | None:
        sink = Collect(self._loop)
        try:
            await trip.send(sink)
            answer = await sink.done
        except ProviderError as error:
            return self._broken(trip, error)
        return await self._serve(http, call, trip, answer)

    async def _serve(self, http: HttpRequest, call: Call, trip: Trip, answer: Answer) -> Failure | None:
        """A whole answer: book it and pass it on, if it is one."""
        if answer.status >= 300:
            return self._declined(trip, answer)
        try:
            whole = trip.way.whole(call, answer.body)
        except ValueError as error:
            self._ended(trip, ok=False)
            said = reason("unreadable", error=error)
            return Failure(bad_gateway(said), said, free=False, status=answer.status)
        call.first_at = self._clock.monotonic()
        refusal = await self._held(call)
        if refusal is not None:
            self._ended(trip, ok=True)
            await self.refuse(http, call, refusal)
            return None
        await self._settle(call, trip, whole, answer.body)
        tokens = whole.reported.usage.output if whole.reported else 0
        self._ended(trip, tokens=tokens, ok=True)
        await self._turns.keep(call, whole.kept)
        http.connection.respond(200, JSON + self.headers(call), whole.body)
        await self._answers.keep(http, call, "application/json", whole.body)
        return None

    async def _settle(self, call: Call, trip: Trip, whole: Whole, body: bytes) -> None:
        """Book a whole answer."""
        reported = whole.reported
        first_only = trip.step.upstream.kind.usage_of_first_choice and answers(call.request) > 1
        if reported is not None and not first_only:
            self._exit.posted(call, reported, 200)
            return
        said = trip.way.said(body)
        if reported is not None:  # the prompt and the first choice are right, the other choices are missing
            said = said[1:]
        usage, source = await count(trip.step.upstream, call.asked, [text for text, _ in said], 0)
        if source == "counted":  # a token that no text shows ended an answer that was not cut
            ends = sum(ended for _, ended in said)
            usage = msgspec.structs.replace(usage, output=usage.output + ends)
        if reported is not None:
            first = reported.usage
            prompt = first.input if prompts(call.request) == 1 else usage.input - first.cached_input
            usage = msgspec.structs.replace(first, input=prompt, output=first.output + usage.output)
        self._exit.counted(call, usage, source, reason("first_choice" if reported else "no_usage"), 200)

    async def _counted_here(self, http: HttpRequest, call: Call, trip: Trip) -> Failure | None:
        """How many tokens a request has, where the provider cannot be asked in its client's words."""
        refusal = await self._held(call)
        if refusal is not None:
            await self.refuse(http, call, refusal)
            return None
        usage, _ = await count(trip.step.upstream, call.asked, [], 0)
        self._exit.posted(call, FOR_NOTHING, 200)
        http.connection.respond(200, JSON + self.headers(call), count_tokens_answer(usage.input))
        await self._answers.release(http, call)
        return None

    # -- streams ----------------------------------------------------------------------------------

    async def _streamed(self, http: HttpRequest, call: Call, trip: Trip) -> Failure | None:
        relay = Relay(
            http.connection,
            trip.way.channel(call),
            drain=self._settings.drain_timeout,
            record=b"idempotency-key" in http.headers,
        )
        self._relays.add(relay)
        try:
            relay.attach(await trip.send(relay))
            streaming = await relay.begun
            if not streaming:
                return await self._not_streamed(http, call, trip, relay)
            if not relay.channel.started:
                self._ended(trip, ok=False)
                said = reason("stream_empty")
                return Failure(bad_gateway(said), said, free=False, status=200)
            failed = relay.channel.failed
            if failed is not None and not relay.channel.events:
                relay.cancel()
                self._ended(trip, ok=False)
                usage = relay.channel.usage
                return Failure(
                    bad_gateway(failed.message), failed.message, free=usage is None, reported=usage
                )
            refusal = await self._held(call)
            if refusal is not None:
                relay.cancel()
                self._ended(trip, ok=True)
                await self.refuse(http, call, refusal)
                return None
            relay.release(b"content-type: %s\r\ncache-control: no-cache\r\n" % _EVENTS + self.headers(call))
            whole = await self._end_stream(http, call, trip, relay)
        except ProviderError as error:
            relay.detach()
            if relay.client_gone:
                self._ended(trip, ok=None)
            return self._broken(trip, error)
        finally:
            self._relays.discard(relay)
        usage = relay.channel.usage
        tokens = usage.usage.output if usage else relay.channel.events
        # An answer that was read on for nobody, and given up, is not the provider's fault.
        self._ended(trip, tokens=tokens, ok=None if relay.client_gone and not whole else whole)
        if whole:
            await self._turns.keep(call, relay.channel.kept)
        if whole and relay.record is not None:
            await self._answers.keep(http, call, _EVENTS.decode(), bytes(relay.record))
        else:
            await self._answers.release(http, call)
        return None

    async def _not_streamed(self, http: HttpRequest, call: Call, trip: Trip, relay: Relay) -> Failure | None:
        """An error, or a provider that does not stream: its whole answer is still an answer."""
        broken = await relay.finished
        relay.detach()
        if broken is not None:
            return self._broken(trip, broken)
        return await self._serve(http, call, trip, relay.answer)

    async def _end_stream(self, http: HttpRequest, call: Call, trip: Trip, relay: Relay) -> bool:
        """Book a stream that came to its end, good or bad; True when the client could have all of it."""
        error = await relay.finished
        channel = relay.channel
        call.first_at = relay.first_at
        failed = channel.failed is not None
        whole = error is None and channel.done and not failed
        if error is None and not (channel.done or failed or (channel.ended and channel.usage is not None)):
            error = BrokenError(reason("stream_cut"))
        if error is not None and not failed and not relay.client_gone:
            # An error after the first byte can only be an event; the client's SDK raises it.
            http.connection.send(channel.error(bad_gateway(str(error))))
        http.connection.end()
        usage: Reported | None = channel.usage
        if usage is not None and not failed and (whole or channel.usage_is_final):
            self._exit.posted(call, usage, 200)
            return whole
        if usage is not None and failed and channel.usage_is_final:
            self._exit.failed(call, usage, reason("stream_failed"), 200)
            return False
        text = channel.text.decode("utf-8", "replace")
        counted, source = await count(trip.step.upstream, call.asked, [text], channel.events)
        if usage is not None and usage.usage.tokens > counted.tokens:
            counted, source = usage.usage, "reported"  # running usage of a stream that was cut
            call.served = usage.tier
        if whole:
            self._exit.counted(call, counted, source, reason("no_usage"), 200)
        else:
            said = said_by(error) if error else reason("stream_failed")
            self._exit.unresolved(call, said, 200, counted, source)
        return whole

    # -- answers ----------------------------------------------------------------------------------

    def headers(self, call: Call) -> bytes:
        """The header lines that every answer of a call has."""
        limits = limit_headers(call.tenant, self._clock.now())
        return name_lines(call.endpoint, call.name) + limits + self._decision(call)

    def _decision(self, call: Call) -> bytes:
        """Why it went where it went, for the client; nothing where it went nowhere."""
        if not call.left:
            return b""
        key = (call.attempt, call.tenant.row.scopes >= _SEES_PRICES)
        known = self._lines.get(key)
        if known is None:
            if len(self._lines) > _LINES:
                self._lines.clear()
            known = self._lines[key] = decision_line(call.attempt, priced=key[1])
        return known

    async def refuse(self, http: HttpRequest, call: Call, refusal: Refusal) -> None:
        """Answer with an error, and let a repeated call be tried again."""
        self._refused(refusal.code)
        http.connection.refuse(refusal, self.headers(call), error_of(call.endpoint, refusal))
        await self._answers.release(http, call)
