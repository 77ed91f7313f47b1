"""Promise 7: from `rechenwerk serve` to the first ready answer, without the embedded model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import stack
from bench.results import Metric, metric

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "start"


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """First starts on empty folders, then starts on the last of them; all cores are free for it."""
    del crew
    firsts, starts = [], []
    data = lab.folder / "none"
    for number in range(1 if lab.quick else 3):
        lab.say(f"first start {number + 1}")
        data = lab.folder / lab.fresh("data")
        served = stack.serve(lab, data, cores=lab.cores)
        firsts.append(served.ready_s)
        stack.end(lab, served)
    for number in range(2 if lab.quick else 5):
        lab.say(f"start {number + 1}")
        served = stack.serve(lab, data, cores=lab.cores)
        starts.append(served.ready_s)
        stack.end(lab, served)
    return [
        metric(NAME, "start to ready", "s", starts),
        metric(NAME, "first start to ready, empty folder", "s", firsts),
    ]
