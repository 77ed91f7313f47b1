"""The plan: many paths of a large enterprise, its quantiles and identities, and clearing of networks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import BenchError
from bench.planning.model import model
from bench.planning.squiggle_text import squiggle
from bench.results import HERE, Metric, metric
from bench.tools import found
from rechenwerk.planner.plans import load_plan

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "plan"
PATHS, QUICK = 100_000, 20_000
FEW, MORE = 4, 44
"""Paths of two Squiggle runs; what one path costs is their difference, without reading the program."""
FOLDER = Path(__file__).resolve().parent / "squiggle"


def child(paths: int, repeats: int) -> dict[str, Any]:
    """Everything but Squiggle, on one core."""
    command = [sys.executable, "-m", "bench.planning.child", str(paths), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent, check=False)
    if done.returncode:
        raise BenchError(f"the planner's bench stopped: {done.stderr.strip().splitlines()[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def squiggled(lab: Lab) -> float | None:
    """CPU seconds of one path in Squiggle; None where Node.js or the package is missing."""
    if found("npm") is None:
        lab.remark(f"{NAME}: Squiggle was not measured: apt-get install nodejs npm")
        return None
    if not (FOLDER / "node_modules").exists():
        lab.say("installing Squiggle")
        subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, check=False, capture_output=True)
    plan = load_plan(model())
    seconds = []
    for paths in (FEW, MORE):
        lab.say(f"Squiggle: {paths} paths")
        file = lab.folder / "model.squiggle"
        file.write_text(squiggle(plan, ["revenue", "cash"], paths), encoding="utf-8")
        done = subprocess.run(
            ["taskset", "-c", str(lab.gateway_core), "node", str(FOLDER / "run.mjs"), str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lab.remark(f"{NAME}: Squiggle was not measured: {done.stderr.strip()[-200:]}")
            return None
        seconds.append(float(json.loads(done.stdout)["seconds"]))
    return (seconds[1] - seconds[0]) / (MORE - FEW)


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """CPU seconds, so that others on the machine count less; the wall's seconds stand beside them."""
    del crew
    paths = QUICK if lab.quick else PATHS
    lab.say(f"{paths:,} paths x 120 months")
    row = child(paths, 1 if lab.quick else 3)
    each = [one / paths for one in row["seconds"]]
    drawn = [one / other for one, other in zip(row["seconds"], row["numpy"], strict=True)]
    plain = [other / one for one, other in zip(each, row["python"], strict=True)]
    peers = {"NumPy, drawing alone": row["numpy"]}
    metrics = [
        metric(NAME, f"{paths:,} paths x 120 months, CPU", "s", row["seconds"], peers),
        metric(NAME, f"{paths:,} paths x 120 months, wall", "s", row["wall"]),
        metric(NAME, "over drawing alone", "x", drawn),
        metric(NAME, "memory", "GB", row["memory"]),
        metric(NAME, "rank error of quantiles", "1", [row["rank"]]),
        metric(NAME, "identities that do not hold", "1", [row["violations"]]),
        metric(NAME, "path-periods looked at", "1", [row["checked"]]),
        metric(NAME, "apart from plain Python, relative", "1", row["apart"]),
        metric(NAME, "per path over plain Python", "x", plain),
        metric(NAME, "clearing, 10,000 firms, 100,000 debts, CPU", "s", row["clearing"]),
        metric(NAME, "100,000 draws of 30 firms, CPU", "s", row["draws"]),
    ]
    squiggle_path = squiggled(lab)
    if squiggle_path is not None:
        metrics.append(metric(NAME, "per path over Squiggle", "x", [squiggle_path / one for one in each]))
    return metrics
