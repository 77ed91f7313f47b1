"""One call on its road: what is known about it, and the exit that books it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from rechenwerk.base.ids import encode_call
from rechenwerk.base.reasons import told_of
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.admission import FREE, Granted
from rechenwerk.gateway.plans import Plan, Step
from rechenwerk.gateway.tally import NONE, Stream
from rechenwerk.gateway.tenants import Tenant
from rechenwerk.ledger.guards import Draw
from rechenwerk.ledger.ports import Accounts, Hold
from rechenwerk.ledger.prices import FREE as FREE_OF_CHARGE
from rechenwerk.ledger.tariffs import CallPrice
from rechenwerk.routing.supply import Vector
from rechenwerk.wire.openai import Endpoint, Request
from rechenwerk.wire.talk import Head, Inbound, Talk

NOTHING = Usage(requests=0)
UNPRICED = CallPrice(0, FREE_OF_CHARGE)
"""Of a call that has no hold yet."""
_LONGEST_REASON = 500


def plain(reason: str) -> str:
    """A reason as books and logs can keep it: it may hold a provider's words, and those may hold anything."""
    return "".join([one if one.isprintable() else " " for one in reason[:_LONGEST_REASON]])


def ended(decision: str, reason: str | None) -> str:
    """A decision that also keeps what the reason of its outcome was told from, if anything was."""
    told = told_of(reason or "")
    return f'{decision[:-1]},"outcome_told":{msgspec.json.encode(told).decode()}}}' if told else decision


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
        purpose: what it is for, as the client says.
        tier: the service tier that the client asked for; empty: it left that open.
        served: the service tier that the provider says it served it with; empty: it said nothing.
        service: its service class: its project's, or a lower one that the client asked for.
        stream: the class of calls that it belongs to.
        estimate: what it is expected to use.
        ordered: supplies as the desk ordered them for it.
        placed: the step that it is counted at.
        granted: its place at a deployment, where places are limited.
        candidates: ids of the deployments at which it may have one.
        weighed: why it went where it went: what its deployments cost then, for the decision.
        left: an attempt was begun.
        keeps_answer: the answer is stored for the next turn of the conversation.
        price: what it is booked at.
    """

    __slots__ = (
        "_talk",
        "accounts",
        "asked",
        "bound",
        "candidates",
        "draws",
        "durable",
        "endpoint",
        "estimate",
        "first_at",
        "forwarded",
        "granted",
        "hold",
        "id",
        "inbound",
        "keeps_answer",
        "left",
        "name",
        "ordered",
        "output_bound",
        "placed",
        "plan",
        "price",
        "purpose",
        "request",
        "served",
        "service",
        "settled",
        "started",
        "step",
        "stream",
        "tenant",
        "tier",
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
        self.price = UNPRICED
        self.left = False
        self.forwarded = b""
        self.inbound: Inbound | None = None
        self.bound = self.output_bound = 0
        self.units = 1
        self.service = "standard"
        self.purpose = ""
        self.tier = self.served = ""
        self.weighed = ""
        self.estimate: Vector = NONE
        self.ordered: Sequence[int] = ()
        self.placed: Step | None = None
        self.granted: Granted = FREE
        self.candidates: Sequence[int] = ()
        self.tried: list[dict[str, object]] = []
        self._talk: Talk | None = None
        self.request: Request
        self.plan: Plan
        self.step: Step
        self.stream: Stream
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

    def has_room(self, step: Step) -> bool:
        """Take a place at a deployment, where places are limited; False when there is none now."""
        return not self.candidates or self.granted.started(self.candidates.index(step.deployment.id))

    @property
    def head(self) -> Head:
        """What an answer that is written here says about itself."""
        return Head(self.name, self.request.model, self.hold.started_us // 1_000_000)

    @property
    def decision(self) -> str:
        """Why it went where it went, as kept with the call."""
        if self.tried:
            return f'{self.attempt[:-1]},"tried":{msgspec.json.encode(self.tried).decode()}}}'
        return self.attempt

    @property
    def attempt(self) -> str:
        """The same, of the attempt that runs."""
        step = self.step
        served = f',"served_tier":{msgspec.json.encode(self.served).decode()}' if self.served else ""
        return f"{step.decision[:-1]},{self.weighed or step.reason}{served}}}"
