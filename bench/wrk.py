"""Load with wrk: 32 connections that each ask again as soon as they have their answer."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass

from bench import tools
from bench.lab import Lab, Target
from bench.machine import BenchError, core_seconds

CONNECTIONS = 32
SCRIPT = """
wrk.method = "POST"
wrk.body = [==[BODY]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer KEY"
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"us":%d,"errors":%d,"statuses":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """What one turn of load did."""

    calls: int
    calls_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    others: float


def press(lab: Lab, target: Target, seconds: float, *, settle: float = 0.5) -> Load:
    """One turn of load on a target; its CPU time includes what it does in the moment after the load."""
    name = lab.fresh("wrk")
    script = lab.folder / f"{name}.lua"
    script.write_text(SCRIPT.replace("BODY", target.body(64).decode()).replace("KEY", target.key))
    command = ["taskset", "-c", str(lab.load_core), tools.need("wrk", lab.say), "-t1", f"-c{CONNECTIONS}"]
    command += [f"-d{seconds:.0f}s", "--latency", "--timeout", "30s", "-s", str(script), target.url]
    cpu, core, begun = target.cpu(), core_seconds(lab.gateway_core), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    time.sleep(settle)
    spent, busy = target.cpu() - cpu, core_seconds(lab.gateway_core) - core
    wall = time.monotonic() - begun
    try:
        found: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError) as wrong:
        raise BenchError(f"wrk on {target.name}: {(done.stderr or done.stdout).strip()[-300:]}") from wrong
    if found["statuses"] or found["errors"] or not found["requests"]:
        raise BenchError(
            f"{target.name} under load: {found['statuses']} answers that are no success and "
            f"{found['errors']} broken connections in {found['requests']} calls"
        )
    calls = found["requests"]
    return Load(
        calls=calls,
        calls_per_s=calls / found["us"] * 1e6,
        cpu_us=spent / calls * 1e6,
        p50_ms=found["p50"] / 1000,
        p99_ms=found["p99"] / 1000,
        others=max(0.0, (busy - spent) / wall),
    )
