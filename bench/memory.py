"""Promise 6: memory of an idle gateway process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import stack
from bench.machine import rss_mb
from bench.results import Metric, metric

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "memory"


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Configured, ready, and left alone for a moment."""
    crew.litellm()
    repeats, pause = (1, 3) if lab.quick else (3, 5)
    own, rest, postgres = [], [], []
    for _ in range(repeats):
        gateway = stack.configured(lab)
        lab.say("leaving it alone")
        time.sleep(pause)
        own.append(rss_mb(gateway.served.gateway_pid))
        rest.append(gateway.rest_rss())
        postgres.append(gateway.postgres_rss())
        stack.end(lab, gateway.served)
    return [
        metric(NAME, "idle gateway process", "MB", own, {k: [v] for k, v in crew.idle_mb.items()}),
        metric(NAME, "supervisor and office", "MB", rest),
        metric(NAME, "PostgreSQL, shared pages counted in each process", "MB", postgres),
    ]
