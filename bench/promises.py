"""What was promised, beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from bench.results import Metric, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Promise:
    """A bound on one metric; `plus` names a metric of the same bench that widens the bound."""

    text: str
    bench: str
    metric: str
    sense: Literal["<=", ">=", "="]
    bound: float
    plus: str = ""

    def kept(self, value: float, bound: float) -> bool:
        if self.sense == "<=":
            return value <= bound
        return value >= bound if self.sense == ">=" else value == bound


COUNTED = "calls booked beside the provider's count"
TOKENS = "tokens booked beside the provider's count"
PROMISES = (
    Promise("gateway CPU per call, 32 connections", "unary", "gateway CPU per call", "<=", 65),
    Promise("calls per second on one core", "unary", "calls per second", ">=", 12_000),
    Promise("calls per second over LiteLLM", "unary", "calls per second over litellm", ">=", 100),
    Promise("calls per second over nginx", "unary", "calls per second over nginx", ">=", 0.2),
    Promise("books = provider, calls", "unary", COUNTED, "=", 0),
    Promise("books = provider, tokens", "unary", TOKENS, "=", 0),
    Promise(
        "added p50, instant provider", "latency", "added p50, provider instant", "<=", 0.4, "one commit p50"
    ),
    Promise(
        "added p99, instant provider", "latency", "added p99, provider instant", "<=", 3, "one commit p99"
    ),
    Promise("added p50, provider of 20 ms", "latency", "added p50, provider 20 ms", "<=", 0.4),
    Promise("added p99, provider of 20 ms", "latency", "added p99, provider 20 ms", "<=", 3),
    Promise("gateway CPU per streamed event", "stream", "gateway CPU per event, begun together", "<=", 25),
    Promise("books = provider, streamed tokens", "stream", TOKENS, "=", 0),
    Promise(
        "gateway CPU per event, Anthropic over OpenAI",
        "dialect",
        "gateway CPU per event, Anthropic over OpenAI, begun together",
        "<=",
        60,
    ),
    Promise("books = provider, translated tokens", "dialect", TOKENS, "=", 0),
    Promise("memory with 2,000 open streams", "held", "gateway memory with 2,000 open streams", "<=", 300),
    Promise("streams finished correctly", "held", "streams finished correctly", "=", 2000),
    Promise("books = provider, held streams", "held", TOKENS, "=", 0),
    Promise(
        "added p50 when the first provider refuses",
        "failover",
        "added p50 after a refusal, provider 20 ms",
        "<=",
        1,
    ),
    Promise("the same, instant provider", "failover", "added p50 after a refusal, provider instant", "<=", 1),
    Promise(
        "gateway CPU per call, 4 providers over one",
        "failover",
        "gateway CPU per call, 4 providers over one",
        "<=",
        1.1,
    ),
    Promise("books = provider, calls after a refusal", "failover", COUNTED, "=", 0),
    Promise(
        "gateway CPU per call, contracts on over off",
        "contracts",
        "gateway CPU per call, contracts on over off",
        "<=",
        1.15,
    ),
    Promise(
        "loop lag p99.9 under load beyond an idle loop's",
        "contracts",
        "loop lag p99.9 beyond an idle loop's",
        "<=",
        2,
    ),
    Promise(
        "decision, 20 deployments and 10 contracts",
        "contracts",
        "decision p50, 20 deployments and 10 contracts",
        "<=",
        20,
    ),
    Promise("strategic and tactical solve", "contracts", "strategic and tactical solve", "<=", 50),
    Promise("books = provider, tokens under contracts", "contracts", TOKENS, "=", 0),
    Promise(
        "settled calls per second, durable, one process", "ledger", "settled calls per second", ">=", 15_000
    ),
    Promise("trial balance over 10 million entries", "ledger", "trial balance", "<=", 2_000),
    Promise("month total per project, 20 million calls", "ledger", "month total per project", "<=", 200),
    Promise("budget never passed, 10,000 at once", "budgets", "promised beyond the budget", "=", 0),
    Promise("no hold of it leaked", "budgets", "holds leaked", "=", 0),
    Promise("nobody refused while money is left", "budgets", "refused though they fitted", "=", 0),
    Promise("decision p99, all of 10,000 fit", "budgets", "decision p99, all fit", "<=", 50),
    Promise("decision p99, six of ten fit", "budgets", "decision p99, six of ten fit", "<=", 50),
    Promise("calls lost in the chaos flow", "chaos", "calls lost", "=", 0),
    Promise("answers doubled in it", "chaos", "answers doubled", "=", 0),
    Promise("calls with unbooked tokens in it", "chaos", "calls with unbooked tokens", "=", 0),
    Promise("proofs of its books that failed", "chaos", "proofs of the books that failed", "=", 0),
    Promise("routing: cost over the bound, mean", "routing", "cost over the bound, mean", "<=", 1.06),
    Promise("routing: cost over the bound, p90", "routing", "cost over the bound, p90", "<=", 1.12),
    Promise("routing: cost over the bound, worst", "routing", "cost over the bound, worst", "<=", 1.20),
    Promise(
        "routing: never more above the best static order",
        "routing",
        "worst over the best static order",
        "<=",
        0.02,
    ),
    Promise(
        "routing: gap from best static to perfect forecast closed",
        "routing",
        "gap from best static to perfect forecast closed",
        ">=",
        0.85,
    ),
    Promise(
        "routing: perfect forecast, mean",
        "routing",
        "perfect forecast: cost over the bound, mean",
        "<=",
        1.03,
    ),
    Promise(
        "routing: perfect forecast, worst",
        "routing",
        "perfect forecast: cost over the bound, worst",
        "<=",
        1.06,
    ),
    Promise("routing: reserve violations", "routing", "reserve violations", "=", 0),
    Promise("routing: refused beyond the bound", "routing", "refused beyond the bound", "<=", 0.001),
    Promise(
        "routing: critical work refused that fits the reserve",
        "routing",
        "critical work refused that fits the reserve",
        "=",
        0,
    ),
    Promise(
        "exported transactions that bean-check refuses",
        "exports",
        "transactions not accepted by bean-check",
        "=",
        0,
    ),
    Promise("bean-check = trial balance", "exports", "bean-check beside the trial balance", "=", 0),
    Promise(
        "exported transactions that hledger refuses",
        "exports",
        "transactions not accepted by hledger",
        "=",
        0,
    ),
    Promise("hledger = trial balance", "exports", "hledger beside the trial balance", "=", 0),
    Promise(
        "slowest page of the console, 1 million calls, 20,000 documents",
        "console",
        "slowest page, p95",
        "<=",
        200,
    ),
    Promise("digital pages with boxes, one core", "parsing", "digital pages, text with boxes", ">=", 100),
    Promise("scanned pages, one core, 200 dpi", "parsing", "scanned pages, 200 dpi", ">=", 0.7),
    Promise("tokens found on scanned pages", "parsing", "tokens of scanned German pages found", ">=", 0.97),
    Promise("memory of a documents worker", "parsing", "worker and reader, highest", "<=", 600),
    Promise("... the last tenth over the second", "parsing", "the last tenth over the second", "<=", 1.1),
    Promise("bad files that stop a job", "parsing", "jobs that they stopped", "=", 0),
    Promise(
        "invoices: accepted values that are wrong, 1.5B model",
        "documents_invoices",
        "accepted values that are wrong, 1.5B",
        "<=",
        0.005,
    ),
    Promise(
        "invoices: fields accepted without a person, 1.5B model",
        "documents_invoices",
        "fields accepted without a person, 1.5B",
        ">=",
        0.85,
    ),
    Promise(
        "invoices: table cells accepted without a person, 1.5B model",
        "documents_invoices",
        "table cells accepted without a person, 1.5B",
        ">=",
        0.85,
    ),
    Promise(
        "invoices: accepted values that are wrong, rules only",
        "documents_invoices",
        "accepted values that are wrong, rules only",
        "<=",
        0.005,
    ),
    Promise("articles: planted contradictions found", "documents_articles", "recall", ">=", 0.9),
    Promise("articles: reported contradictions that are some", "documents_articles", "precision", ">=", 0.95),
    Promise(
        "a plan: 100,000 paths x 120 months on one core", "plan", "100,000 paths x 120 months, CPU", "<=", 5
    ),
    Promise("... its memory", "plan", "memory", "<=", 2),
    Promise("... over drawing the drivers alone", "plan", "over drawing alone", "<=", 5),
    Promise("... rank error of its quantiles", "plan", "rank error of quantiles", "<=", 0.001),
    Promise("... identities that do not hold", "plan", "identities that do not hold", "=", 0),
    Promise("... path-periods that were looked at", "plan", "path-periods looked at", ">=", 1e7),
    Promise("... per path over Squiggle", "plan", "per path over Squiggle", ">=", 100),
    Promise(
        "clearing of 10,000 firms with 100,000 debts",
        "plan",
        "clearing, 10,000 firms, 100,000 debts, CPU",
        "<=",
        0.5,
    ),
    Promise("100,000 draws of 30 firms", "plan", "100,000 draws of 30 firms, CPU", "<=", 10),
    Promise("memory of an idle gateway", "memory", "idle gateway process", "<=", 120),
    Promise("start to ready without the model", "start", "start to ready", "<=", 3),
)


def shown(value: float) -> str:
    """A figure for people: three significant digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{rounded(float(f'{value:.3g}')):g}"


def with_unit(value: float, unit: str) -> str:
    return shown(value) if unit == "1" else f"{shown(value)} {unit}"


def judged(promise: Promise, found: Mapping[tuple[str, str], Metric]) -> tuple[str, str, str]:
    """Target, measured and verdict of one promise."""
    metric = found.get((promise.bench, promise.metric))
    unit = metric.unit if metric else ""
    widening = found.get((promise.bench, promise.plus))
    bound = promise.bound + (widening.value if widening else 0)
    target = f"{promise.sense} {with_unit(bound, unit)}".strip()
    if widening:
        target += f" ({shown(promise.bound)} + commit {shown(widening.value)})"
    if metric is None:
        return target, "not measured", "[yellow]?[/]"
    low, high = metric.spread
    measured = with_unit(metric.value, unit)
    if low != high:
        measured += f"  ({shown(low)} - {shown(high)})"
    return target, measured, "[green]yes[/]" if promise.kept(metric.value, bound) else "[red]NO[/]"


def promised(metrics: Sequence[Metric], benches: Sequence[str]) -> Table:
    """The promises of the benches that were run."""
    found = {(metric.bench, metric.name): metric for metric in metrics}
    table = Table(title="what was promised", title_justify="left")
    for column in ("promise", "target", "measured (lowest - highest)", "met?"):
        table.add_column(column)
    for promise in PROMISES:
        if promise.bench in benches:
            table.add_row(promise.text, *judged(promise, found))
    return table


def everything(metrics: Sequence[Metric]) -> Table:
    """Every metric with its peers."""
    table = Table(title="everything measured", title_justify="left")
    for column in ("bench", "metric", "measured", "peers"):
        table.add_column(column)
    for metric in metrics:
        peers = ", ".join(f"{peer} {shown(value)}" for peer, value in metric.peers.items())
        table.add_row(metric.bench, metric.name, with_unit(metric.value, metric.unit), peers)
    return table
