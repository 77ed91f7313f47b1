"""One call on its road: what is known about it, and the exit that books it."""

from __future__ import annotations

import asyncio

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.ids import CallIds, encode_call
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.metrics import Metrics
from rechenwerk.gateway.plans import Plan, Step
from rechenwerk.gateway.tenants import Tenant
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import Draw, settle
from rechenwerk.ledger.ports import Accounts, Hold, Outcome, Post, UsageSource
from rechenwerk.ledger.postings import transfers
from rechenwerk.wire.openai import Endpoint, Request
from rechenwerk.wire.talk import Head, Inbound, Reported, Talk

NOTHING = Usage(requests=0)
_LONGEST_REASON = 500


def plain(reason: str) -> str:
    """A reason as books and logs can keep it: it may hold a provider's words, and those may hold anything."""
    return "".join([one if one.isprintable() else " " for one in reason[:_LONGEST_REASON]])


class Call:
    """A call under way.

    Attributes:
        id, name: as an integer and as people see it.
        asked: the client's body.
        step: the attempt that runs, or that served the call.
        tried: attempts that came to nothing, as the decision keeps them.
        durable: done when the hold is in the books; nothing reaches the client before.
        draws: what it took from budgets and limits.
        bound, output_bound, units: the most tokens in and out, and pieces, that it can use.
        forwarded: header lines of the client that a provider of the same dialect understands.
        inbound: the client's dialect, where this call has one of its own.
        service: its service class: its project's, or a lower one that the client asked for.
        weighed: why it went where it went: what its deployments cost then, for the decision.
        keeps_answer: the answer is stored for the next turn of the conversation.
    """

    __slots__ = (
        "_talk",
        "accounts",
        "asked",
        "bound",
        "draws",
        "durable",
        "endpoint",
        "first_at",
        "forwarded",
        "hold",
        "id",
        "inbound",
        "keeps_answer",
        "name",
        "output_bound",
        "plan",
        "request",
        "service",
        "settled",
        "started",
        "step",
        "tenant",
        "tried",
        "units",
        "weighed",
    )

    def __init__(
        self, call_id: int, started: float, tenant: Tenant, endpoint: Endpoint, asked: bytes
    ) -> None:
        self.id = call_id
        self.name = encode_call(call_id)
        self.started = started
        self.tenant = tenant
        self.endpoint: Endpoint = endpoint
        self.asked = asked
        self.first_at = 0.0
        self.settled = False
        self.keeps_answer = False
        self.forwarded = b""
        self.inbound: Inbound | None = None
        self.bound = self.output_bound = 0
        self.units = 1
        self.service = "standard"
        self.weighed = ""
        self.tried: list[dict[str, str | float]] = []
        self._talk: Talk | None = None
        self.request: Request
        self.plan: Plan
        self.step: Step
        self.accounts: Accounts
        self.hold: Hold
        self.draws: list[Draw]
        self.durable: asyncio.Future[None]

    def talk(self, inbound: Inbound) -> Talk:
        """The body as a conversation; read once.

        Raises:
            UntranslatableError, msgspec.DecodeError, UnicodeDecodeError, RecursionError: see `Inbound.read`.
        """
        if self._talk is None:
            self._talk = inbound.read(self.asked)
        return self._talk

    @property
    def head(self) -> Head:
        """What an answer that is written here says about itself."""
        return Head(self.name, self.request.model, self.hold.started_us // 1_000_000)

    @property
    def decision(self) -> str:
        """Why it went where it went, as kept with the call."""
        kept = self.step.decision
        if self.weighed:
            kept = f"{kept[:-1]},{self.weighed}}}"
        if self.tried:
            kept = f'{kept[:-1]},"tried":{msgspec.json.encode(self.tried).decode()}}}'
        return kept


class Exit:
    """The one exit of every call: posts the true price, releases the hold, keeps the raw usage.

    Args:
        till: into the books.
        clock: for durations.
        ids: for attempts, which are booked under ids of their own.
        metrics: to count what was booked.
    """

    def __init__(self, till: Till, clock: Clock, ids: CallIds, metrics: Metrics) -> None:
        self._till = till
        self._clock = clock
        self._ids = ids
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

    def attempt(self, call: Call, began: float, status: int, reason: str, reported: Reported | None) -> None:
        """An attempt came to nothing after it had left, and another follows: its cost is booked by itself.

        With reported usage on the account of failed attempts, else at its highest cost on the unresolved one.
        It has an id and a hold of its own, which draws on no budget: the client pays one answer.
        """
        step = call.step
        bound = step.deployment.cost.highest(call.bound, call.output_bound, call.units)
        hold = msgspec.structs.replace(
            call.hold,
            id=self._ids.next(),
            deployment=step.deployment.id,
            contract=step.deployment.contract,
            amount=0,
            cost_bound=bound,
            slices="{}",
            started_us=int((self._clock.now() - (self._clock.monotonic() - began)) * 1e6),
            attempt_of=call.id,
        )
        outcome: Outcome = "unresolved" if reported is None else "failed"
        usage = NOTHING if reported is None else reported.usage
        cost = bound if reported is None else step.deployment.cost.amount(usage)
        total = int((self._clock.monotonic() - began) * 1e6)
        post = Post(
            hold,
            hold.deployment,
            hold.contract,
            outcome,
            plain(reason),
            "none" if reported is None else "reported",
            usage,
            None if reported is None else reported.raw,
            0,
            cost,
            status,
            total,
            total,
            step.decision,
            transfers(outcome, call.accounts, 0, cost, 0),
            *step.deployment.energy(usage),
        )
        self._till.hold(hold).add_done_callback(lambda _: self._book_attempt(post))

    def _book_attempt(self, post: Post) -> None:
        if self._till.refused(post.hold.id) is None:
            self._till.post(post, [])

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
        deployment = call.step.deployment
        held = call.hold.amount
        price = cost = 0
        if at_hold:
            price, cost = held, deployment.cost.highest(call.bound, call.output_bound, call.units)
        elif outcome != "void":
            price = call.plan.offer.price.amount(usage) if outcome != "failed" else 0
            cost = deployment.cost.amount(usage)
        settle(call.draws, usage.tokens)
        now = self._clock.monotonic()
        total = now - call.started
        self._till.post(
            Post(
                call.hold,
                deployment.id,
                deployment.contract,
                outcome,
                None if reason is None else plain(reason),
                source,
                usage,
                raw,
                price,
                cost,
                status,
                int(((call.first_at or now) - call.started) * 1e6),
                int(total * 1e6),
                call.decision,
                transfers(outcome, call.accounts, price, cost, held),
                *deployment.energy(usage),
            ),
            call.draws,
        )
        self._metrics.call(call.endpoint, call.plan.offer.model, outcome, usage, price, total)
