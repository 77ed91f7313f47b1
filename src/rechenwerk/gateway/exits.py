"""The exit of every call: posts the true price, releases the hold, keeps the raw usage and the decision."""

from __future__ import annotations

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.ids import CallIds
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.charged import Rates
from rechenwerk.gateway.call import NOTHING, Call, ended, plain
from rechenwerk.gateway.dispatch import Dispatch
from rechenwerk.gateway.metrics import Metrics
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import settle
from rechenwerk.ledger.ports import Outcome, Post, UsageSource
from rechenwerk.ledger.postings import transfers
from rechenwerk.wire.talk import Reported


def _listed(rates: Rates, call: Call, usage: Usage, *, at_hold: bool) -> int | None:
    """What a call would cost at list rates; None where that is what it costs."""
    listed = rates.listed
    if listed is None:
        return None
    return listed.highest(call.bound, call.output_bound, call.units) if at_hold else listed.amount(usage)


class Exit:
    """The one exit of every call: posts the true price, releases the hold, keeps the raw usage.

    Args:
        till: into the books.
        dispatch: told what was used.
        clock: for durations.
        ids: for attempts, which are booked under ids of their own.
        metrics: to count what was booked.
    """

    def __init__(self, till: Till, dispatch: Dispatch, clock: Clock, ids: CallIds, metrics: Metrics) -> None:
        self._till = till
        self._dispatch = dispatch
        self._clock = clock
        self._ids = ids
        self._metrics = metrics

    def posted(self, call: Call, reported: Reported, status: int) -> None:
        """It ended well and the provider said what it used."""
        call.served = reported.tier
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
        call.served = reported.tier
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
        call.served = "" if reported is None else reported.tier
        rates = step.deployment.rates(call.served)
        bound = max(
            cost.highest(call.bound, call.output_bound, call.units) for cost in step.deployment.highest
        )
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
        cost = bound if reported is None else rates.cost.amount(usage)
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
            ended(call.attempt, reason),
            transfers(outcome, call.accounts, 0, cost, 0),
            *step.deployment.energy(usage),
            _listed(rates, call, usage, at_hold=reported is None),
        )
        call.served = ""
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
        rates = deployment.rates(call.served)
        held = call.hold.amount
        price = cost = 0
        if at_hold:
            price, cost = held, rates.cost.highest(call.bound, call.output_bound, call.units)
        elif outcome != "void":
            cost = rates.cost.amount(usage)
            price = call.price.amount(usage, cost) if outcome != "failed" else 0
        settle(call.draws, usage.tokens)
        known = None if at_hold else usage
        self._dispatch.ended(call, known)
        call.granted.ended(known)
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
                ended(call.decision, reason),
                transfers(outcome, call.accounts, price, cost, held),
                *deployment.energy(usage),
                None if outcome == "void" else _listed(rates, call, usage, at_hold=at_hold),
                call.price.tariff,
            ),
            call.draws,
        )
        self._metrics.call(call.endpoint, call.plan.offer.model, outcome, usage, price, total)
