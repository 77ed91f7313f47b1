"""What this process knows of the deployments' health, and how often it may try again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from rechenwerk.base.clock import Clock
from rechenwerk.routing.balance import order, prefix_of
from rechenwerk.routing.health import BreakerRules, Health
from rechenwerk.routing.ports import Chance
from rechenwerk.routing.retries import RetryBudget


class Healthy(Protocol):
    """Something with a health, such as a step of a plan."""

    @property
    def health(self) -> Health:
        """Of its deployment."""
        ...


H = TypeVar("H", bound=Healthy)


class Fleet:
    """Health of all deployments, and the budget for retries. Both outlive snapshots.

    Args:
        chance: for jitter.
        clock: for the states.
        failures: in a row, after which a breaker opens.
    """

    def __init__(self, chance: Chance, clock: Clock, failures: int) -> None:
        self.chance = chance
        self._rules = BreakerRules(failures=failures, least=4.0 * failures)
        self._now = clock.monotonic
        self._healths: dict[int, Health] = {}
        self._names: dict[int, str] = {}
        self._retries = RetryBudget()
        self._turn = 0

    def health(self, deployment: int, name: str, *, own: bool = False) -> Health:
        """The health of a deployment. `own`: it runs on hardware of the operator's own."""
        self._names[deployment] = name
        found = self._healths.get(deployment)
        if found is None or found.own != own:
            found = self._healths[deployment] = Health(
                str(deployment), self.chance, own=own, rules=self._rules
            )
        return found

    def keep_only(self, deployments: Iterable[int]) -> None:
        """Forget deployments that do not exist any more."""
        for gone in set(self._healths) - set(deployments):
            del self._healths[gone]
            del self._names[gone]

    def order(self, steps: Sequence[H], now: float, body: bytes) -> Sequence[H]:
        """Steps, best first."""
        self._retries.deposit(now)
        if len(steps) < 2:
            return steps
        self._turn += 1
        affinity = prefix_of(body) if any(step.health.own for step in steps) else 0
        return [steps[at] for at in order([step.health for step in steps], now, affinity, self._turn)]

    def may_retry(self, now: float) -> bool:
        """Whether another attempt may be made; it is counted."""
        return self._retries.withdraw(now)

    def states(self) -> list[tuple[str, str, str, int]]:
        """Id and name of a deployment, state of its breaker, and calls under way, for the metrics."""
        now = self._now()
        return [
            (str(at), self._names[at], one.breaker.state(now), one.outstanding)
            for at, one in self._healths.items()
        ]

    def away(self) -> tuple[int, ...]:
        """Deployments that take no calls now."""
        now = self._now()
        return tuple(at for at, one in self._healths.items() if not one.breaker.allows(now))

    @property
    def healths(self) -> Iterable[tuple[int, Health]]:
        """Deployment and health, for metrics and probes."""
        return self._healths.items()
