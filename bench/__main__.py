"""`python -m bench`: measures the promises and appends one line per metric to bench/results.jsonl."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from bench import (
    budgets,
    chaos,
    contracts,
    dialect,
    exports,
    failover,
    held,
    latency,
    ledger,
    memory,
    results,
    start,
    stream,
    unary,
)
from bench import console as console_pages
from bench.documents import measure_articles, measure_invoices, parsing
from bench.lab import Lab
from bench.machine import BenchError
from bench.peers import Crew
from bench.planning import measure as planning
from bench.promises import everything, promised
from bench.routing import report as routing

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.results import Metric

BENCHES = (
    memory,
    start,
    unary,
    latency,
    stream,
    dialect,
    held,
    failover,
    contracts,
    budgets,
    chaos,
    ledger,
    exports,
    console_pages,
    parsing,
    routing,
    measure_invoices,
    measure_articles,
    planning,
)
NAMES = tuple(module.NAME for module in BENCHES)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what was promised.")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repeats")
    parser.add_argument(
        "--full", action="store_true", help="whole sets of documents instead of their routine part"
    )
    parser.add_argument("--json", action="store_true", help="print the lines instead of tables")
    return parser.parse_args()


class Run:
    """One run: what was found, what went wrong, and the display."""

    def __init__(self, console: Console, *, quick: bool, full: bool, only: tuple[str, ...]) -> None:
        self.console = console
        self.quick = quick
        self.full = full
        self.benches = [module for module in BENCHES if module.NAME in only]
        self.metrics: list[Metric] = []
        self.lines: list[dict[str, Any]] = []
        self.remarks: list[str] = []
        self.failed = False
        self.interrupted = False
        # Drawn only between measurements: a drawing thread would take time from the load generator.
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[bench]:8}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            auto_refresh=False,
        )

    def sayer(self, task: TaskID) -> Callable[[str], None]:
        def say(text: str) -> None:
            self.progress.update(task, description=text)
            self.progress.refresh()

        return say

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    def keep(self, found: list[Metric], cores: int, stamp: tuple[str, str]) -> None:
        """Writes down at once what a bench has found, so that a later failure does not lose it."""
        mode = "quick" if self.quick else "full"
        lines = [
            results.line(metric, cores=cores, commit=stamp[0], date=stamp[1], mode=mode) for metric in found
        ]
        results.append(lines)
        self.metrics += found
        self.lines += lines

    def measure(self) -> None:
        """Every bench in turn; one that cannot be run does not keep the others from it."""
        stamp = results.commit(), results.today()
        with self.progress:
            task = self.progress.add_task("", bench="", total=len(self.benches))
            with Lab(quick=self.quick, full=self.full, say=self.sayer(task), remark=self.remark) as lab:
                crew = Crew(lab)
                for module in self.benches:
                    self.progress.update(task, bench=module.NAME)
                    try:
                        self.keep(module.run(lab, crew), len(lab.cores), stamp)
                    except Exception as wrong:
                        self.failed = True
                        self.remark(f"{module.NAME} was not measured: {wrong or type(wrong).__name__}")
                        if not isinstance(wrong, BenchError):
                            self.console.print_exception()
                    lab.release()
                    self.progress.advance(task)
                self.sayer(task)("ending")


def interrupted(*_: object) -> None:
    """A polite request to end is like Ctrl-C: everything that was started is ended first."""
    raise KeyboardInterrupt


def main() -> int:
    asked = arguments()
    signal.signal(signal.SIGTERM, interrupted)
    run = Run(Console(stderr=True), quick=asked.quick, full=asked.full, only=tuple(asked.only or NAMES))
    try:
        run.measure()
    except KeyboardInterrupt:
        run.remark("interrupted")
        run.interrupted = True
    if asked.json:
        for row in run.lines:
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    else:
        out = Console()
        if run.metrics:
            out.print(everything(run.metrics))
        out.print(promised(run.metrics, [module.NAME for module in run.benches]))
    for remark in run.remarks:
        run.console.print(f"bench: {remark}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if run.interrupted:
        return 130
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
