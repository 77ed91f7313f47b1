"""A metric, its line in results.jsonl and where such lines come from."""

from __future__ import annotations

import datetime as dt
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.jsonl"


@dataclass(frozen=True)
class Metric:
    """One measured figure: a value per repeat, and what the peers reached in the same run."""

    bench: str
    name: str
    unit: str
    values: tuple[float, ...]
    peers: Mapping[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.values), max(self.values)


def metric(
    bench: str,
    name: str,
    unit: str,
    values: Iterable[float],
    peers: Mapping[str, Sequence[float]] | None = None,
) -> Metric:
    """A metric from the values of all repeats, the peers by the median of theirs."""
    medians = {peer: statistics.median(series) for peer, series in (peers or {}).items() if series}
    return Metric(bench, name, unit, tuple(values), medians)


def rounded(value: float) -> float:
    """Five significant digits; whole numbers stay whole."""
    return int(value) if value == int(value) else float(f"{value:.5g}")


def line(found: Metric, *, cores: int, commit: str, date: str, mode: str) -> dict[str, Any]:
    """One line of results.jsonl as values."""
    return {
        "bench": found.bench,
        "metric": found.name,
        "value": rounded(found.value),
        "unit": found.unit,
        "peers": {peer: rounded(value) for peer, value in found.peers.items()},
        "cores": cores,
        "commit": commit,
        "date": date,
        "runs": len(found.values),
        "spread": [rounded(value) for value in found.spread],
        "mode": mode,
    }


def append(lines: Iterable[Mapping[str, Any]]) -> None:
    """Adds the lines to results.jsonl, all or none of them in one write."""
    text = b"".join(msgspec.json.encode(row) + b"\n" for row in lines)
    with RESULTS.open("ab") as file:
        file.write(text)


def today() -> str:
    """The time of the run in UTC, to the second."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def commit() -> str:
    """The commit that was measured, with '+' where files outside bench/ differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(HERE.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    head = git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "none"
    return head + ("+" if git("status", "--porcelain", "--", ".", ":!bench") else "")
