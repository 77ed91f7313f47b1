"""A set of contracts to be tried, and what a simulation must know beside them: ``[simulation]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.contracts.ports import Deployed
from rechenwerk.contracts.terms import Contract, Site
from rechenwerk.routing.ports import DataClass

_UNITS = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800})
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")


class PortfolioError(RechenwerkError):
    """Contracts and a trace do not go together; the message says why and what to do."""


class Deployment(msgspec.Struct, frozen=True):
    """A deployment with what its contract does not say.

    Attributes:
        deployed: as contracts see it; its id is its place in the file, from 1.
        tokens_per_minute: that it takes at most.
    """

    deployed: Deployed
    jurisdiction: str = ""
    level: str = "shared"
    tokens_per_minute: int | None = None


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[simulation.outage]]``: hours in which a contract's deployments take nothing.

    Attributes:
        hours: how many single hours are drawn, where `at` is not given.
        between: hours of the day, UTC, between which each begins; empty: any. The hours of one outage without
            it differ; with it each lies on a day of its own draw.
        at: since the beginning of what is judged, such as ``"2d14h"``.
        lasts: with `at`: how long.
    """

    contract: str
    hours: int = 1
    between: tuple[int, ...] = ()
    at: str = ""
    lasts: str = "1h"


class Sized(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[simulation.sized]]``: a contract as large as a share of what the history needs.

    Attributes:
        cap: of the busiest window (99th percentile of volume), in the cap's own weights.
        quota: of a mean day, for caps by the day, likewise.
        minimum: of what all of the history costs at the contract's rates, for as long as is judged.
        balance: the same, for a credit.
        price: what a million weighted tokens of the history cost on average.
    """

    contract: str
    cap: float | None = None
    quota: float | None = None
    minimum: float | None = None
    balance: float | None = None
    price: float | None = None


class Penalty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Currency per million weighted tokens that are refused, by service class; None: see `Simulation`."""

    critical: float | None = None
    standard: float | None = None
    batch: float | None = None


class Simulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[simulation]``: what a simulation needs and contracts do not say.

    Attributes:
        begins: the day on which the trace begins; None: as its times say.
        model: that calls without a model ask for; empty: the file's, if it has one.
        window: over which caps by the minute are counted and demand is summed.
        volume: weights of a unit of usage; a unit of volume is a million of that.
        refused: penalties; left out: critical ten times, standard three times and batch once the list price.
        reserve: share of provisioned and own capacity that only critical work may draw.
        reference: contract whose list price is *the* list price; empty: the dearest on-demand one.
        requests_per_second: see `streams.Drawing`, as for the next five.
        outage: outages.
        sized: contracts whose size follows the history.
    """

    begins: date | None = None
    model: str = ""
    window: str = "5m"
    volume: dict[str, float] = msgspec.field(default_factory=lambda: {"input": 1.0, "output": 4.0})
    refused: Penalty = Penalty()
    reserve: float = 0.0
    reference: str = ""
    requests_per_second: float | None = None
    keep: float = 0.7
    jitter: float = 0.5
    restricted: float = 0.0
    critical: float = 0.0
    split: bool = True
    outage: tuple[Outage, ...] = ()
    sized: tuple[Sized, ...] = ()


class Portfolio(msgspec.Struct, frozen=True):
    """What a simulation tries.

    Attributes:
        classes: data classes by name.
    """

    contracts: tuple[Contract, ...]
    deployments: tuple[Deployment, ...]
    sites: tuple[Site, ...]
    classes: Mapping[str, DataClass]
    simulation: Simulation


def seconds(text: str) -> float:
    """A length of time such as ``90m``, ``7d`` or ``1d12h``.

    Raises:
        ValueError: it is none.
    """
    if not _SPAN.fullmatch(text):
        raise ValueError(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
