"""Who asks, how often and for how much: real clients' statistics by path, or the project's own generator.

A stream is sampled from statistics: it is driven by real clients, not a replay of their calls.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAYS = 14
WINDOW = 600
"""Seconds in which a client's rate is constant."""
WINDOWS = DAYS * 86400 // WINDOW
SPAN = 21600
"""Seconds in which a client's lengths are constant."""
SPANS = DAYS * 86400 // SPAN


class Clients(msgspec.Struct, frozen=True):
    """Statistics of clients over 14 days.

    Attributes:
        rates: client x 10-minute window: requests per second.
        spread: client x window: coefficient of variation of the gaps between requests, 0 where unknown.
        lengths: client x 6-hour span x (input, output): mean tokens; nan where unknown.
        sigmas: the same: sigma of a lognormal of single lengths.
    """

    rates: Array
    spread: Array
    lengths: Array
    sigmas: Array


def from_files(folder: Path, name: str = "servegen_m-large") -> Clients:
    """Read the rates and lengths of `name` (columns as in alibaba/ServeGen's client files)."""
    rates: dict[str, Array] = defaultdict(lambda: np.zeros((2, WINDOWS)))
    with gzip.open(folder / f"{name}_rates.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = int(float(row["t_s"])) // WINDOW
            rates[row["client"]][:, at] = float(row["rate_rps"]), float(row["cv"])
    order = sorted(rates, key=int)
    lengths = np.full((len(order), SPANS, 2), np.nan)
    sigmas = np.full((len(order), SPANS, 2), np.nan)
    place = {client: at for at, client in enumerate(order)}
    with gzip.open(folder / f"{name}_lengths.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["client"] not in place:
                continue
            field = int(row["field"] == "output_tokens")
            cell = place[row["client"]], int(float(row["window_start_s"])) // SPAN, field
            mean, median = float(row["mean"]), float(row["p50"])
            lengths[cell] = mean
            sigmas[cell] = math.sqrt(2 * math.log(max(mean / median, 1.0))) if median > 0 else 0.0
    table = np.stack([rates[client] for client in order])
    return Clients(rates=table[:, 0], spread=table[:, 1], lengths=lengths, sigmas=sigmas)


def generated(seed: int = 0, count: int = 162) -> Clients:
    """Clients with like statistics, where the files are absent.

    A few ask for most (lognormal rates), some only for days, with days and nights of their own, levels that
    drift and jump, and gaps between requests of any spread.
    """
    draw = np.random.default_rng(seed)
    hours = (np.arange(WINDOWS) * WINDOW / 3600)[None]
    level = draw.lognormal(-2.6, 2.6, (count, 1))
    phase, depth = draw.uniform(0, 24, (count, 1)), draw.uniform(0, 0.9, (count, 1))
    daily = 1 + depth * np.cos((hours - phase) * 2 * np.pi / 24)
    shocks = draw.normal(0, 0.04, (count, WINDOWS))
    shocks += draw.normal(0, 1.2, (count, WINDOWS)) * (draw.random((count, WINDOWS)) < 0.002)
    drift = np.zeros((count, WINDOWS))
    drift[:, 0] = draw.normal(0, 0.55, count)
    for at in range(1, WINDOWS):  # forgets in about a day
        drift[:, at] = 0.993 * drift[:, at - 1] + shocks[:, at]
    noise = draw.lognormal(0, 0.15, (count, WINDOWS))
    begins = np.where(draw.random((count, 1)) < 0.15, draw.uniform(0, 14 * 24, (count, 1)), 0)
    lasts = np.where(draw.random((count, 1)) < 0.2, draw.uniform(24, 14 * 24, (count, 1)), 14 * 24)
    there = (hours >= begins) & (hours < begins + lasts)
    spread = np.clip(
        draw.lognormal(0.15, 0.45, (count, 1)) * draw.lognormal(0, 0.2, (count, WINDOWS)), 0.2, 150
    )
    mean = draw.lognormal((6.6, 5.3), (0.9, 0.8), (count, 1, 2)) * draw.lognormal(0, 0.15, (count, SPANS, 2))
    sigma = np.broadcast_to(draw.uniform(0.3, 1.4, (count, 1, 2)), (count, SPANS, 2)).copy()
    rates = level * daily * np.exp(drift) * noise * there
    return Clients(rates=rates, spread=spread, lengths=mean, sigmas=sigma)
