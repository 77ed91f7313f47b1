"""Metrics: what Prometheus is told agrees with what was booked."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.metrics import Metrics

CALL = {"endpoint": "chat", "model": "m", "outcome": "posted"}


def told(metrics: Metrics) -> dict[str, float]:
    """Every sample, written as Prometheus writes it."""
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def name(sample: str, **labels: str) -> str:
    return f"{sample}{sorted(labels.items())}"


def test_a_process_that_did_nothing_says_so() -> None:
    samples = told(Metrics())
    assert samples[name("rechenwerk_call_seconds_count")] == 0
    assert not [one for one in samples if one.startswith("rechenwerk_calls")]


def test_calls_are_counted_by_endpoint_model_and_outcome() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.call("chat", "m", "posted", Usage(10, 20, 30, 40, 50), NANO // 2, 0.3)
    metrics.call("chat", "m", "failed", Usage(1), 0, 0.3)
    metrics.call("embeddings", "m", "posted", Usage(2), 7, 0.3)
    samples = told(metrics)
    assert samples[name("rechenwerk_calls_total", **CALL)] == 3
    assert samples[name("rechenwerk_calls_total", **{**CALL, "outcome": "failed"})] == 1
    assert samples[name("rechenwerk_calls_total", **{**CALL, "endpoint": "embeddings"})] == 1
    assert samples[name("rechenwerk_price_total", **CALL)] == 1.5
    buckets = {"input": 30, "cached_input": 60, "cache_write": 90, "output": 120, "reasoning": 150}
    for bucket, tokens in buckets.items():
        assert samples[name("rechenwerk_tokens_total", **CALL, bucket=bucket)] == tokens


def test_every_token_is_in_a_bucket() -> None:
    metrics = Metrics()
    usage = Usage(1, 2, 4, 8, 16)
    metrics.call("chat", "m", "posted", usage, 0, 0.1)
    tokens = [value for one, value in told(metrics).items() if one.startswith("rechenwerk_tokens")]
    assert sum(tokens) == usage.tokens


def test_durations_fall_into_buckets_whose_bound_they_do_not_pass() -> None:
    metrics = Metrics()
    for seconds in (0.0, 0.005, 0.006, 300.0, 301.0):
        metrics.call("chat", "m", "posted", Usage(), 0, seconds)
    samples = told(metrics)
    assert samples[name("rechenwerk_call_seconds_bucket", le="0.005")] == 2
    assert samples[name("rechenwerk_call_seconds_bucket", le="0.02")] == 3
    assert samples[name("rechenwerk_call_seconds_bucket", le="300.0")] == 4
    assert samples[name("rechenwerk_call_seconds_bucket", le="+Inf")] == 5
    assert samples[name("rechenwerk_call_seconds_count")] == 5
    assert samples[name("rechenwerk_call_seconds_sum")] == 601.011


def test_refusals_and_gauges() -> None:
    waiting = [3.0]
    metrics = Metrics([("rechenwerk_till_waiting", "Waiting.", waiting.pop)])
    metrics.refused("insufficient_quota")
    metrics.refused("insufficient_quota")
    metrics.refused(None)
    samples = told(metrics)
    assert samples[name("rechenwerk_refusals_total", code="insufficient_quota")] == 2
    assert samples[name("rechenwerk_refusals_total", code="invalid_request")] == 1
    assert samples[name("rechenwerk_till_waiting")] == 3


def test_names_of_models_are_escaped() -> None:
    metrics = Metrics()
    metrics.call("chat", 'a"b\\c\nd', "posted", Usage(), 0, 0.1)
    assert told(metrics)[name("rechenwerk_calls_total", **{**CALL, "model": 'a"b\\c\nd'})] == 1
