"""The road of a call, the same for every endpoint: key, peek, plan, hold; `journey` has the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.base.ids import CallIds
from rechenwerk.base.settings import Settings
from rechenwerk.gateway.admission import Admission
from rechenwerk.gateway.bounds import NO_OUTPUT, bound
from rechenwerk.gateway.call import NOTHING, Call
from rechenwerk.gateway.dispatch import Dispatch
from rechenwerk.gateway.exits import Exit
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.idempotency import Answers
from rechenwerk.gateway.journey import Journey
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.limits import refuse_guard
from rechenwerk.gateway.plans import Plan, Step
from rechenwerk.gateway.ports import Stored
from rechenwerk.gateway.refusals import BOOKS_DOWN, no_plan, no_step, no_tier
from rechenwerk.gateway.server import Connection, HttpRequest
from rechenwerk.gateway.speech import error_of, forwarded, peek, purpose, refuse_body, service_class
from rechenwerk.gateway.tenants import Tenant, Tenants
from rechenwerk.gateway.till import Till
from rechenwerk.gateway.trips import Trip, Trips
from rechenwerk.gateway.turns import Turns
from rechenwerk.gateway.turnstile import Turnstile
from rechenwerk.gateway.ways import Way, way
from rechenwerk.ledger.guards import Guard, Unit, draw
from rechenwerk.ledger.ports import Hold
from rechenwerk.wire.openai import UNREADABLE, Endpoint, alias_in
from rechenwerk.wire.talk import UntranslatableError
from rechenwerk.wire.tiers import tier_of

_log = logging.getLogger("rechenwerk.road")
_EXPIRY_MARGIN = 120
_MOST = (1 << 63) - 1


class Road:
    """Serves calls. Everything it needs is handed in; it holds no money itself.

    Args:
        tenants: keys, offers, plans.
        leases: budgets and limits.
        till: holds and posts.
        exits: the one exit of every call.
        dispatch: which deployments, in which order.
        turnstile: lets calls wait that no contract has room for.
        admission: gives places at deployments.
        fleet: health of deployments.
        answers: of calls with an Idempotency-Key.
        turns: of conversations that are kept here.
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
        dispatch: Dispatch,
        turnstile: Turnstile,
        admission: Admission,
        fleet: Fleet,
        answers: Answers,
        turns: Turns,
        ids: CallIds,
        clock: Clock,
        settings: Settings,
        refused: Callable[[str | None], None],
    ) -> None:
        self._tenants = tenants
        self._leases = leases
        self._till = till
        self._exit = exits
        self._dispatch = dispatch
        self._turnstile = turnstile
        self._admission = admission
        self._fleet = fleet
        self._answers = answers
        self._turns = turns
        self._ids = ids
        self._clock = clock
        self._settings = settings
        self._journey = Journey(till, exits, dispatch, answers, turns, clock, settings, refused)
        self._refused = refused
        self._expires = int(settings.total_timeout + settings.drain_timeout) + _EXPIRY_MARGIN
        self._ways: dict[tuple[Endpoint, str], Way] = {}

    async def serve(self, http: HttpRequest, tenant: Tenant, endpoint: Endpoint) -> None:
        """Serve one call of an authenticated client."""
        call = Call(self._ids.next(), self._clock.monotonic(), tenant, endpoint, http.body)
        call.forwarded = forwarded(http, endpoint)
        call.purpose = purpose(http)
        service = service_class(http, tenant.row.service_class)
        stored: Stored | Refusal | None
        if isinstance(service, Refusal):
            stored = service
        else:
            call.service = service
            stored = await self._answers.claim(http, call)
        if isinstance(stored, Refusal):
            self._refused(stored.code)
            http.connection.refuse(stored, self._journey.headers(call), error_of(endpoint, stored))
        elif stored is not None:
            kind = b"content-type: %s\r\nidempotent-replayed: true\r\n" % stored.content_type.encode()
            http.connection.respond(stored.status, kind + self._journey.headers(call), stored.body)
        else:
            await self._travel(http, call)

    async def _travel(self, http: HttpRequest, call: Call) -> None:
        try:
            await self._go(http, call)
        finally:
            call.granted.ended()
            if call.placed is not None:
                self._dispatch.ended(call, NOTHING)

    async def _go(self, http: HttpRequest, call: Call) -> None:
        trip = await self._prepare(http, call)
        if isinstance(trip, Refusal):
            await self._journey.refuse(http, call, trip)
            return
        try:
            await self._journey.run(http, call, trip)
        finally:
            if not call.settled:  # an error of ours; the call does not leave the books open all the same
                await call.durable
                self._exit.unresolved(call, "an error inside the gateway", 500)
                await self._answers.release(http, call)

    def cancel_all(self) -> None:
        """Hang up on all providers that still stream: the process is about to end."""
        self._journey.cancel_all()

    # -- stops 2 to 4: peek, plan, hold -----------------------------------------------------------

    async def _prepare(self, http: HttpRequest, call: Call) -> Trip | Refusal:
        """Everything before the call leaves; a refusal costs nothing."""
        try:
            refusal = await self._turns.recall(call) or self._plan(call)
            if refusal is not None:
                return refusal
            way_of = self._way_of(call.endpoint)
            bound(call)
            order = await self._turn(call, http.connection)
            if isinstance(order, Refusal):
                return order
            trips = Trips(call, order, call.has_room, self._fleet, way_of, self._settings, self._clock)
            trip = trips.first()
            if trip is None:
                if trips.unsaid is not None:
                    return refuse_body(trips.unsaid)
                return no_step(call.plan, self._clock.monotonic())
            call.step = trip.step
            self._dispatch.left(call, trip.step)
            row = call.tenant.row
            call.accounts = await self._till.accounts(
                row.organisation, row.project, trip.step.deployment.contract
            )
            return await self._hold(call) or trip
        except OSError as error:
            _log.warning("the books cannot be reached: %s", error)
            return BOOKS_DOWN
        except (*UNREADABLE, UntranslatableError) as error:
            return refuse_body(error)

    async def _turn(self, call: Call, client: Connection) -> Sequence[Step] | Refusal:
        """The deployments for a call, best first, when there is room for it: the first one has a place."""
        order = await self._turnstile.order(call, client)
        if isinstance(order, Refusal) or not order or not self._admission.limited:
            return order
        row = call.tenant.row
        candidates = [step.deployment.id for step in order]
        granted = await self._admission.enter(
            row.project,
            row.organisation,
            call.service,
            candidates,
            read=len(call.asked) // 4,
            write=call.output_bound,
            weight=float(row.weight),
            client=client,
        )
        if isinstance(granted, Refusal):
            self._dispatch.refused(call)
            return granted
        call.granted, call.candidates = granted, candidates
        first = granted.index
        return [order[first], *order[:first], *order[first + 1 :]]

    def _plan(self, call: Call) -> Refusal | None:
        """Peek at the body and find who may serve it."""
        request = peek(call)
        if isinstance(request, Refusal):
            return request
        call.request = request
        row = call.tenant.row
        call.tier = tier_of(request.service_tier)
        plan = self._tenants.plan(row, request.model, call.endpoint, call.purpose, call.tier)
        if plan is not None and self._tenants.price(call.tenant, request.model, self._clock.now()) is None:
            return no_plan(False, request.model, call.endpoint)
        if not isinstance(plan, Plan):
            return no_plan(plan is not None, request.model, call.endpoint)
        if call.tier and call.tier not in plan.tiers:
            return no_tier(plan, call.tier)
        if request.stream and call.endpoint in NO_OUTPUT:
            return bad_request(f"{call.endpoint} cannot be streamed; leave stream out.", "stream")
        if request.max_completion_tokens is not None and call.endpoint == "completions":
            return bad_request(  # some providers read it here, others do not: then it would cap nothing
                "max_completion_tokens is for chats; send max_tokens.", "max_completion_tokens"
            )
        if self._till.failing:
            return BOOKS_DOWN
        call.plan = plan
        alias = alias_in(call.asked, plan.aliases)
        if alias is not None:
            return bad_request(
                f"{alias} goes past what is held for this call, or where it may go; leave it out.", alias
            )
        return None

    def _way_of(self, endpoint: Endpoint) -> Callable[[str], Way]:
        def way_of(kind: str) -> Way:
            found = self._ways.get((endpoint, kind))
            if found is None:
                found = way(endpoint, kind)
                if found is None:  # the plan admits only those that have one
                    raise LookupError(f"no way from {endpoint} to {kind}")
                self._ways[endpoint, kind] = found
            return found

        return way_of

    async def _hold(self, call: Call) -> Refusal | None:
        """Draw on budgets and limits, and enqueue the hold; it becomes durable while the provider thinks.

        The hold is the most that the call can cost on the dearest deployment of its plan.
        """
        plan, request = call.plan, call.request
        deployment = call.step.deployment
        bounds = (call.bound, call.output_bound, call.units)
        now = self._clock.now()
        price = self._tenants.price(call.tenant, plan.offer.model, now)
        if price is None:  # its tariff ended while the call waited
            return no_plan(False, plan.offer.model, call.endpoint)
        call.price = price
        cost_bound = max([cost.highest(*bounds) for cost in plan.costs])
        amount = price.highest(*bounds, cost_bound)
        if amount > _MOST or cost_bound > _MOST:
            return bad_request(
                "This call could cost more than can be held; ask for fewer tokens.", "max_tokens"
            )
        needs: dict[Unit, int] = {
            "money": amount,
            "tokens": len(call.asked) // 4 + call.output_bound,
            "requests": 1,
            "calls": 1,
        }
        guards = call.tenant.guards
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
