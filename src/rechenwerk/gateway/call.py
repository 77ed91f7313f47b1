"""One call on its road: what is known about it, and the exit that books it."""

from __future__ import annotations

import asyncio

from rechenwerk.base.clock import Clock
from rechenwerk.base.ids import encode_call
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.metrics import Metrics
from rechenwerk.gateway.tenants import Plan, Tenant
from rechenwerk.gateway.till import Till
from rechenwerk.gateway.upstreams import Upstream
from rechenwerk.ledger.guards import Draw, settle
from rechenwerk.ledger.ports import Accounts, Hold, Outcome, Post, UsageSource
from rechenwerk.ledger.postings import transfers
from rechenwerk.wire.openai import Endpoint, Reported, Request

NOTHING = Usage(requests=0)


class Call:
    """A call under way.

    Attributes:
        id, name: as an integer and as people see it.
        body: as it goes to the provider.
        durable: done when the hold is in the books; nothing reaches the client before.
        draws: what it took from budgets and limits.
    """

    __slots__ = (
        "accounts",
        "body",
        "draws",
        "durable",
        "endpoint",
        "first_at",
        "hold",
        "id",
        "name",
        "plan",
        "request",
        "settled",
        "started",
        "tenant",
        "upstream",
    )

    def __init__(self, call_id: int, started: float, tenant: Tenant, endpoint: Endpoint) -> None:
        self.id = call_id
        self.name = encode_call(call_id)
        self.started = started
        self.tenant = tenant
        self.endpoint: Endpoint = endpoint
        self.first_at = 0.0
        self.settled = False
        self.request: Request
        self.plan: Plan
        self.upstream: Upstream
        self.accounts: Accounts
        self.hold: Hold
        self.draws: list[Draw]
        self.durable: asyncio.Future[None]
        self.body = b""


class Exit:
    """The one exit of every call: posts the true price, releases the hold, keeps the raw usage.

    Args:
        till: into the books.
        clock: for durations.
        metrics: to count what was booked.
    """

    def __init__(self, till: Till, clock: Clock, metrics: Metrics) -> None:
        self._till = till
        self._clock = clock
        self._metrics = metrics

    def posted(self, call: Call, reported: Reported, status: int) -> None:
        """It ended well and the provider said what it used."""
        self._book(call, "posted", None, "reported", reported.usage, reported.raw, status)

    def counted(self, call: Call, usage: Usage, source: UsageSource, reason: str, status: int) -> None:
        """It ended well, but the usage is ours: exact from a tokenizer, else to be settled later."""
        outcome: Outcome = "posted" if source == "counted" else "unresolved"
        self._book(call, outcome, reason, source, usage, None, status)

    def unresolved(
        self, call: Call, reason: str, status: int, usage: Usage | None = None, source: UsageSource = "none"
    ) -> None:
        """The request had left, and what it cost is not known; without a count the hold stands in."""
        self._book(call, "unresolved", reason, source, usage or NOTHING, None, status, at_hold=usage is None)

    def failed(self, call: Call, reported: Reported, reason: str, status: int) -> None:
        """It cost money and served nobody."""
        self._book(call, "failed", reason, "reported", reported.usage, reported.raw, status)

    def void(self, call: Call, reason: str, status: int) -> None:
        """It cost nothing."""
        self._book(call, "void", reason, "none", NOTHING, None, status)

    def _book(
        self,
        call: Call,
        outcome: Outcome,
        reason: str | None,
        source: UsageSource,
        usage: Usage,
        raw: str | None,
        status: int,
        *,
        at_hold: bool = False,
    ) -> None:
        if call.settled:
            return
        call.settled = True
        held = call.hold.amount
        price = cost = 0
        if at_hold:
            price, cost = held, call.hold.cost_bound
        elif outcome != "void":
            price = call.plan.offer.price.amount(usage) if outcome != "failed" else 0
            cost = call.plan.deployment.cost.amount(usage)
        settle(call.draws, usage.tokens)
        now = self._clock.monotonic()
        total = now - call.started
        self._till.post(
            Post(
                call.hold,
                call.plan.deployment.id,
                call.plan.deployment.contract,
                outcome,
                reason,
                source,
                usage,
                raw,
                price,
                cost,
                status,
                int(((call.first_at or now) - call.started) * 1e6),
                int(total * 1e6),
                call.plan.decision,
                transfers(outcome, call.accounts, price, cost, held),
            ),
            call.draws,
        )
        self._metrics.call(call.endpoint, call.plan.offer.model, outcome, usage, price, total)
