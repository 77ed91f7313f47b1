"""What this process tells Prometheus. The hot path adds to plain integers; text is made when asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.lag import LoopLag

_BOUNDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_BUCKETS = ("input", "cached_input", "cache_write", "output", "reasoning")


class _Row:
    """What was booked of one endpoint, model and outcome."""

    __slots__ = ("cache_write", "cached_input", "calls", "input", "output", "price", "reasoning")

    def __init__(self) -> None:
        self.calls = self.price = self.input = self.cached_input = self.cache_write = 0
        self.output = self.reasoning = 0


class Metrics(Collector):
    """Counters of one gateway process.

    Args:
        gauges: name, help and current value of things that are measured when asked.
        deployments: id, name, state of the breaker and calls under way of each.
        lag: of the event loop.
    """

    def __init__(
        self,
        gauges: Iterable[tuple[str, str, Callable[[], float]]] = (),
        deployments: Callable[[], Iterable[tuple[str, str, str, int]]] = tuple,
        lag: LoopLag | None = None,
    ) -> None:
        self._gauges = tuple(gauges)
        self._deployments = deployments
        self._lag = lag
        self._calls: dict[tuple[str, str, str], _Row] = {}
        self._refusals: Counter[str] = Counter()
        self._durations = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def call(self, endpoint: str, model: str, outcome: str, usage: Usage, price: int, seconds: float) -> None:
        """Count a call that was booked. `price`: nano-units."""
        row = self._calls.get((endpoint, model, outcome))
        if row is None:
            row = self._calls[endpoint, model, outcome] = _Row()
        row.calls += 1
        row.price += price
        row.input += usage.input
        row.cached_input += usage.cached_input
        row.cache_write += usage.cache_write
        row.output += usage.output
        row.reasoning += usage.reasoning
        self._seconds += seconds
        self._durations[bisect_left(_BOUNDS, seconds)] += 1

    def refused(self, code: str | None) -> None:
        """Count a call that was not served."""
        self._refusals[code or "invalid_request"] += 1

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        calls = CounterMetricFamily(
            "rechenwerk_calls", "Calls booked, by outcome.", labels=("endpoint", "model", "outcome")
        )
        tokens = CounterMetricFamily(
            "rechenwerk_tokens",
            "Tokens booked, by bucket.",
            labels=("endpoint", "model", "outcome", "bucket"),
        )
        # A float is right here: Prometheus knows no other number. The books keep integers.
        money = CounterMetricFamily(
            "rechenwerk_price", "Price of calls in currency units.", labels=("endpoint", "model", "outcome")
        )
        for key, row in self._calls.items():
            calls.add_metric(key, row.calls)
            money.add_metric(key, row.price / NANO)
            for bucket in _BUCKETS:
                tokens.add_metric((*key, bucket), getattr(row, bucket))
        refusals = CounterMetricFamily("rechenwerk_refusals", "Requests refused.", labels=("code",))
        for code, count in self._refusals.items():
            refusals.add_metric((code,), count)
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._durations, strict=True):
            total += count
            buckets.append((bound, total))
        durations = HistogramMetricFamily("rechenwerk_call_seconds", "Duration of calls.")
        durations.add_metric((), buckets, self._seconds)
        gauges = [GaugeMetricFamily(name, text, value=value()) for name, text, value in self._gauges]
        running = GaugeMetricFamily(
            "rechenwerk_deployment_calls",
            "Calls under way at a deployment.",
            labels=("deployment", "name", "state"),
        )
        for *labels, outstanding in self._deployments():
            running.add_metric(labels, outstanding)
        lag = HistogramMetricFamily("rechenwerk_loop_lag_seconds", "How late the event loop serves timers.")
        if self._lag is not None:
            lag.add_metric((), self._lag.cumulative(), self._lag.seconds)
        return [calls, tokens, money, refusals, durations, lag, running, *gauges]

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
