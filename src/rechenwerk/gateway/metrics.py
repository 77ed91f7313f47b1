"""What this process tells Prometheus. The hot path adds to plain integers; text is made when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS, Usage

_BOUNDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Metrics(Collector):
    """Counters of one gateway process.

    Args:
        gauges: name, help and current value of things that are measured when asked.
    """

    def __init__(self, gauges: Iterable[tuple[str, str, Callable[[], float]]] = ()) -> None:
        self._gauges = tuple(gauges)
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._tokens: Counter[tuple[str, int]] = Counter()
        self._money: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._durations = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def call(self, endpoint: str, model: str, outcome: str, usage: Usage, price: int, seconds: float) -> None:
        """Count a call that was booked. `price`: nano-units."""
        self._calls[endpoint, model, outcome] += 1
        for bucket, count in enumerate(usage.counts()):
            if count:
                self._tokens[model, bucket] += count
        self._money[model] += price
        self._seconds += seconds
        slot = 0
        for bound in _BOUNDS:
            if seconds <= bound:
                break
            slot += 1
        self._durations[slot] += 1

    def refused(self, code: str | None) -> None:
        """Count a call that was not served."""
        self._refusals[code or "invalid_request"] += 1

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        calls = CounterMetricFamily(
            "rechenwerk_calls", "Calls booked, by outcome.", labels=("endpoint", "model", "outcome")
        )
        for key, count in self._calls.items():
            calls.add_metric(key, count)
        usage = CounterMetricFamily("rechenwerk_usage", "Units used, by bucket.", labels=("model", "bucket"))
        for (model, bucket), count in self._tokens.items():
            usage.add_metric((model, BUCKETS[bucket]), count)
        # A float is right here: Prometheus knows no other number. The books keep integers.
        money = CounterMetricFamily(
            "rechenwerk_price", "Price of calls in currency units.", labels=("model",)
        )
        for model, nano in self._money.items():
            money.add_metric((model,), nano / NANO)
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
        return [calls, usage, money, refusals, durations, *gauges]

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
