"""What real traffic says about a deployment: whether it works, how much it carries, how fast it is."""

from __future__ import annotations

import hashlib
from math import exp
from typing import Literal

import msgspec

from rechenwerk.routing.ports import Chance

SMOOTH = 30.0
"""Seconds over which speed is averaged."""

FORGET = 300.0
"""Seconds in which what is known of an idle deployment's speed fades to a third: then it is tried again."""

AWAY = 1e15
"""The cost of a deployment that takes no calls."""

_UNKNOWN = 1e9


class BreakerRules(msgspec.Struct, frozen=True, gc=False):
    """When a breaker opens, and for how long.

    Attributes:
        failures: so many in a row open it: the server is gone.
        share: this share of failures opens it as well: the server flickers.
        least: calls within the window before `share` means anything.
        window: seconds over which the share is taken; older calls fade exponentially.
        first: seconds that it stays open the first time; doubled each time it opens again soon.
        most: the longest time that it stays open, unless the provider asks for more.
    """

    failures: int = 5
    share: float = 0.5
    least: float = 20.0
    window: float = 30.0
    first: float = 1.0
    most: float = 60.0


RULES = BreakerRules()
"""The rules where nothing else is said."""

_NO_TICKET = -1


class Breaker:
    """Keeps calls away from a deployment that fails.

    The pattern is Michael Nygard's (Release It!, Circuit Breaker), with both of the usual triggers: failures
    in a row, as in Envoy's outlier detection, see a dead server within a few calls at any traffic; the share
    over a window, as in Resilience4j, sees one that fails every other time. As in sony/gobreaker a call
    carries the ticket of the state it began in, so a call that outlives that state has no say: in
    particular it cannot free the place of a probe that still runs.

    Args:
        chance: the time open varies between half and all of it, so that processes do not probe in step.
        rules: when to open.
    """

    __slots__ = (
        "_chance",
        "_closed",
        "_closed_at",
        "_failed",
        "_length",
        "_row",
        "_rules",
        "_seen",
        "_seen_at",
        "_ticket",
        "probing",
        "reopens_at",
    )

    def __init__(self, chance: Chance, rules: BreakerRules = RULES) -> None:
        self._chance = chance
        self._rules = rules
        self._closed = True
        self.probing = False
        self._ticket = 0
        self._row = 0
        self._seen = self._failed = self._seen_at = 0.0
        self._length = self._closed_at = 0.0
        self.reopens_at = 0.0
        """No call before this time; in the past when nothing is in the way."""

    def allows(self, now: float) -> bool:
        """Whether a call may begin."""
        return self.reopens_at <= now and not self.probing

    def state(self, now: float) -> Literal["closed", "open", "half-open"]:
        """For people and metrics; a deployment that rests is open, too."""
        if self.reopens_at > now:
            return "open"
        return "closed" if self._closed else "half-open"

    def rests(self, now: float) -> bool:
        """It is not broken, but asked to be left alone."""
        return self._closed and self.reopens_at > now

    def begin(self, now: float) -> int:
        """A call begins; if half-open, it is the probe.

        Returns:
            Its ticket, for the verdict. The verdict on a call that was not allowed counts for nothing.
        """
        if self._closed:
            return self._ticket
        if not self.allows(now):
            return _NO_TICKET
        self.probing = True
        self._ticket += 1
        return self._ticket

    def succeeded(self, now: float, ticket: int) -> None:
        """The call was served."""
        if ticket != self._ticket:
            return
        if self.probing:
            self.probing = False
            self._closed = True
            self._closed_at = now
            self._seen = self._failed = 0.0
        self._row = 0
        self._count(now, 0.0)

    def failed(self, now: float, ticket: int) -> None:
        """The call failed, and the deployment is to blame."""
        if ticket != self._ticket:
            return
        if self.probing:
            self._open(now)
            return
        self._row += 1
        self._count(now, 1.0)
        rules = self._rules
        if self._row >= rules.failures or (
            self._seen >= rules.least and self._failed >= rules.share * self._seen
        ):
            self._open(now)

    def abandoned(self, ticket: int) -> None:
        """The call ended without a verdict: the client left, or the provider asked to wait."""
        if ticket == self._ticket and self.probing:
            self.probing = False
            self._ticket += 1

    def rest(self, until: float) -> None:
        """The provider asked to be left alone until then; it is not broken."""
        self.reopens_at = max(self.reopens_at, until)

    def _count(self, now: float, failed: float) -> None:
        fade = exp(min(0.0, self._seen_at - now) / self._rules.window)
        self._seen = self._seen * fade + 1.0
        self._failed = self._failed * fade + failed
        self._seen_at = now

    def _open(self, now: float) -> None:
        rules = self._rules
        again = not self._closed or now - self._closed_at < self._length
        self._length = min(rules.most, self._length * 2) if again and self._length else rules.first
        self._closed = self.probing = False
        self._ticket += 1
        self.rest(now + self._length * (1 + self._chance.random()) / 2)


class Health:
    """What is known of one deployment.

    Args:
        name: of the deployment; gives it the same place among servers in every process.
        own: a server of the operator's own, where keeping a conversation in one place saves work.
        chance: for the breaker.
        rules: for the breaker.
    """

    __slots__ = ("_seconds", "_seen_at", "_tokens", "breaker", "outstanding", "own", "place")

    def __init__(self, name: str, chance: Chance, *, own: bool = False, rules: BreakerRules = RULES) -> None:
        self.breaker = Breaker(chance, rules)
        self.own = own
        self.place = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest())
        self.outstanding = 0
        self._seconds = self._tokens = self._seen_at = 0.0

    def started(self, now: float) -> int:
        """A call leaves; the ticket is for `ended`."""
        self.outstanding += 1
        return self.breaker.begin(now)

    def ended(
        self, now: float, ticket: int, *, ok: bool | None, seconds: float = 0.0, tokens: int = 0
    ) -> None:
        """The call is over, however it went. To be called exactly once for each `started`.

        Args:
            now: monotonic seconds.
            ticket: from `started`.
            ok: served, or failed by the deployment's fault; None when it says nothing about the deployment.
            seconds: how long a served call took.
            tokens: of its output; 0 where there are none, as in embeddings: then the call itself is the unit.
        """
        self.outstanding -= 1
        if ok is None:
            self.breaker.abandoned(ticket)
        elif ok:
            self.breaker.succeeded(now, ticket)
            fade = exp(min(0.0, self._seen_at - now) / SMOOTH)
            self._seconds = self._seconds * fade + seconds
            self._tokens = self._tokens * fade + (tokens or 1)
            self._seen_at = now
        else:
            self.breaker.failed(now, ticket)

    def pace(self, now: float) -> float:
        """Seconds per output token (or per call), as served lately; 0 while unknown.

        Failures do not count: one that fails fast is not fast.
        """
        if not self._tokens:
            return 0.0
        quiet = now - self._seen_at
        fade = exp(-quiet / FORGET) if quiet > SMOOTH else 1.0
        return fade * self._seconds / self._tokens

    def cost(self, now: float) -> float:
        """What lies ahead of the next call, for comparison: (outstanding + 1) x the pace of late.

        As in Finagle's Peak EWMA balancer. From there, too: where the pace is unknown, one call is tried at
        once and others only if nothing else is left, until there was an answer.

        Returns:
            At least `AWAY` when no call may begin; more, the longer that lasts.
        """
        breaker = self.breaker
        ahead = self.outstanding + 1
        if breaker.reopens_at > now or breaker.probing:  # `allows`, without a call: this runs for every call
            return AWAY + max(0.0, breaker.reopens_at - now)
        if self._tokens:
            quiet = now - self._seen_at
            fade = exp(-quiet / FORGET) if quiet > SMOOTH else 1.0
            return ahead * fade * self._seconds / self._tokens
        return ahead * _UNKNOWN if ahead > 1 else 0.0
