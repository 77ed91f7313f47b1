"""The product as a user drives it: its command line, its configuration, its books."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import psutil

from bench import procs
from bench.lab import CHAT, Lab, Road, Target
from bench.machine import BenchError, free_port, pin, rss_mb, tree_seconds
from bench.results import Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = Path(sys.executable).parent / "rechenwerk"
READY = "/health/ready"
CURRENCY = 'currency = "EUR"\n'
DEPLOYMENT = """
[[provider]]
name = "{model} upstream {number}"
kind = "openai"
base_url = "{base}"
[[contract]]
name = "{model} on demand {number}"
provider = "{model} upstream {number}"
kind = "on-demand"
[[deployment]]
model = "{model}"
provider = "{model} upstream {number}"
contract = "{model} on demand {number}"
upstream = "{model}"
endpoints = ["chat", "completions"]
context_tokens = 128000
max_output_tokens = 4096
cost = {{ input = "0.15", output = "0.60" }}
"""
TARIFF = """
[[tariff]]
model = "{model}"
price = {{ input = "0.18", output = "0.72" }}
"""
# Limits and a budget are set, so that the measured road checks all of them; they are never reached.
KEY_FLAGS = ("--rpm", "100000000", "--tpm", "100000000000", "--budget-month", "1000000")
BOOKED = (
    "select count(*), coalesce(sum(input), 0), coalesce(sum(output), 0) from call where outcome = 'posted'"
)
# Looks at the books, half a second apart, that must show the same before the count is believed.
UNCHANGED = 6
OTHERWISE = "select outcome, count(*) from call where outcome <> 'posted' group by outcome order by outcome"


@dataclass(frozen=True)
class Served:
    """A running `rechenwerk serve`: its process and the line that it printed when it was ready."""

    program: procs.Program
    line: dict[str, Any]
    processes: tuple[psutil.Process, ...]
    ready_s: float

    @property
    def port(self) -> int:
        return int(self.line["url"].rsplit(":", 1)[1].split("/")[0])

    @property
    def gateway_pid(self) -> int:
        return int(self.line["gateway_pids"][0])

    @property
    def postgres_pid(self) -> int:
        return int(self.line.get("postgres_pid") or 0)

    @property
    def database_url(self) -> str:
        return str(self.line["database_url"])


@dataclass(frozen=True)
class Gateway:
    """The configured product with a key to call it, and what it is charged for."""

    served: Served
    key: str

    def target(self, road: Road) -> Target:
        return Target("rechenwerk", self.served.port, CHAT, road.model, self.key, self.served.gateway_pid)

    def postgres_cpu(self) -> float:
        return tree_seconds(self.served.postgres_pid)

    def office_cpu(self) -> float:
        """CPU of everything else that was started: the supervisor and the office."""
        gateways = {int(pid) for pid in self.served.line["gateway_pids"]}
        return tree_seconds(self.served.program.pid, frozenset({*gateways, self.served.postgres_pid}))

    def rest_rss(self) -> float:
        """Memory of everything that was started beside the gateway and PostgreSQL."""
        whole = {process.pid for process in self.served.processes}
        apart = {int(pid) for pid in self.served.line["gateway_pids"]} | {self.served.postgres_pid}
        below = {child.pid for pid in apart if pid for child in psutil.Process(pid).children(recursive=True)}
        total = 0
        for pid in whole - apart - below:
            total += psutil.Process(pid).memory_info().rss if psutil.pid_exists(pid) else 0
        return total / 1e6

    def postgres_rss(self) -> float:
        return rss_mb(self.served.postgres_pid)


def ready_line(program: procs.Program) -> dict[str, Any] | None:
    """The first JSON object with an address that the program has printed."""
    for row in program.out.read_bytes().splitlines(keepends=True):
        if row.startswith(b"{") and row.endswith(b"\n"):
            found: dict[str, Any] = json.loads(row)
            if "url" in found:
                return found
    return None


def serve(
    lab: Lab,
    data: Path,
    *,
    cores: Sequence[int],
    environment: Mapping[str, str] | None = None,
    models: bool = False,
) -> Served:
    """Starts the product on a data folder and waits until it says that it is ready.

    Args:
        lab: ends it.
        data: the folder.
        cores: where it runs.
        environment: its settings.
        models: whether the embedded models are started.
    """
    port, office = free_port(), free_port()
    command = [str(PROGRAM), "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += [] if models else ["--without-model"]
    command += ["--office-port", str(office), "--data-dir", str(data), "--processes", "1", "--json"]
    begun = time.perf_counter()
    program = procs.start(
        lab.fresh("serve"), command, cores=cores, folder=lab.folder, environment=environment
    )
    lab.passing.callback(procs.stop, program)
    procs.wait_until(
        lambda: procs.http_status(port, READY) == 200, program, limit=300 if models else 60, pause=0.005
    )
    ready = time.perf_counter() - begun
    procs.wait_until(lambda: ready_line(program) is not None, program, limit=30, pause=0.005)
    line = ready_line(program) or {}
    pids = {program.pid, *line["gateway_pids"], line.get("postgres_pid"), line.get("supervisor_pid")}
    named = {psutil.Process(int(pid)) for pid in pids if pid}
    below = {child for process in named for child in process.children(recursive=True)}
    served = Served(program, line, tuple(named | below), ready)
    lab.passing.callback(end, lab, served)
    return served


def end(lab: Lab, served: Served) -> None:
    """Ends the product as an operator would, and says so when something outlives it."""
    if served.program.popen.poll() is None:
        left = procs.stop(served.program, also=served.processes)
        if left:
            lab.remark(f"rechenwerk did not end cleanly on SIGTERM: {', '.join(left)}")


def ask(*arguments: str, served: Served, key: str) -> dict[str, Any]:
    """One command of the product, with its answer as JSON."""
    environment = {
        **procs.surroundings(),
        "RECHENWERK_OFFICE_URL": str(served.line["office_url"]),
        "RECHENWERK_KEY": key,
    }
    command = [str(PROGRAM), *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-500:]
        raise BenchError(f"rechenwerk {' '.join(arguments[:2])}: {said}")
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}
    return found


def offered(model: str, bases: Sequence[str]) -> str:
    """A model for the configuration file, with a provider of its own for every address."""
    deployments = [
        DEPLOYMENT.format(model=model, base=base, number=number) for number, base in enumerate(bases, 1)
    ]
    return "".join(deployments) + TARIFF.format(model=model)


def configured(lab: Lab, *, more: str = "", environment: Mapping[str, str] | None = None) -> Gateway:
    """The product on an empty data folder with the upstreams applied; the gateway alone on its core.

    `more` stands in the configuration beside the upstreams.
    """
    if not PROGRAM.exists():
        raise BenchError("the command rechenwerk is not installed beside this Python: make install")
    roads = lab.roads()
    lab.say("starting rechenwerk")
    data = lab.folder / lab.fresh("data")
    served = serve(lab, data, cores=[lab.load_core], environment=environment)
    file = lab.folder / "bench.toml"
    entries = [offered(road.model, [road.base(counted=True)]) for road in roads]
    file.write_text(CURRENCY + "".join(entries) + more)
    owner = str(served.line["key"])
    ask("apply", str(file), "--yes", served=served, key=owner)
    key = ask(
        "key", "create", "--project", "default", "--name", "bench", *KEY_FLAGS, served=served, key=owner
    )
    gateway = Gateway(served, str(key["key"]))
    pin(gateway.served.gateway_pid, lab.gateway_core)
    return gateway


async def booked(database_url: str) -> tuple[int, int, int]:
    """Calls, input and output tokens in the books."""
    connection = await asyncpg.connect(database_url)
    try:
        row = await connection.fetchrow(BOOKED)
    finally:
        await connection.close()
    return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)


async def otherwise(database_url: str) -> str:
    """What became of the calls that were not posted."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(OTHERWISE)
    finally:
        await connection.close()
    return ", ".join(f"{row[1]} {row[0]}" for row in rows) or "none"


def agreement(lab: Lab, gateway: Gateway, bench: str, before: tuple[int, int, int]) -> list[Metric]:
    """The provider's count beside the books' count, once both stand still."""
    still, mine, theirs = 0, (-1, -1, -1), (0, 0, 0)
    while mine != theirs and still < UNCHANGED:
        time.sleep(0.5)
        now = asyncio.run(booked(gateway.served.database_url))
        still = still + 1 if now == mine else 0
        mine = now
        calls, tokens_in, tokens_out = lab.provided()
        theirs = (calls - before[0], tokens_in - before[1], tokens_out - before[2])
    if mine != theirs:
        lab.remark(
            f"{bench}: provider {theirs[0]} calls, books {mine[0]} posted; "
            f"not posted: {asyncio.run(otherwise(gateway.served.database_url))}"
        )
    off = abs(mine[1] - theirs[1]) + abs(mine[2] - theirs[2])
    return [
        metric(bench, "calls booked", "calls", [mine[0]], {"provider": [theirs[0]]}),
        metric(bench, "calls booked beside the provider's count", "calls", [mine[0] - theirs[0]]),
        metric(bench, "tokens booked beside the provider's count", "tokens", [off]),
    ]
