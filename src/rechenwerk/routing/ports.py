"""What the router is told: classes of data, levels of processing, groups of jurisdictions; and chance."""

from __future__ import annotations

from types import MappingProxyType
from typing import Protocol

import msgspec

from rechenwerk.routing.deal import Deal


class Chance(Protocol):
    """Where randomness comes from; `random.Random` is one."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


LEVELS = ("public", "shared", "no-retention", "dedicated", "own")
"""How a deployment treats data, from least to most protected; each includes those before it.

- public: the provider may keep what it sees and learn from it.
- shared: many customers on the same machines; kept for a while, never learnt from.
- no-retention: nothing is kept after the answer.
- dedicated: machines for one customer, run by the provider.
- own: machines that the operator runs itself.
"""

LOCAL = "local"
"""The jurisdiction of whatever stands where the installation itself stands."""

_EU = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)

GROUPS = MappingProxyType({"EU": _EU, "EEA": _EU | {"IS", "LI", "NO"}})
"""Groups of jurisdictions -> their members as ISO 3166-1 alpha-2 codes."""


class DataClass(msgspec.Struct, frozen=True, gc=False):
    """Who may see data of a project.

    Attributes:
        name: as people call it.
        jurisdictions: country codes, names of `GROUPS`, or `LOCAL`; empty: any.
        level: the least of `LEVELS` that will do.
    """

    name: str
    jurisdictions: frozenset[str]
    level: str


DEFAULT_CLASSES = MappingProxyType(
    {
        "public": DataClass("public", frozenset(), "public"),
        "internal": DataClass("internal", frozenset(), "shared"),
        "confidential": DataClass("confidential", frozenset({"EU", "EEA"}), "no-retention"),
        "restricted": DataClass("restricted", frozenset({LOCAL}), "own"),
    }
)
"""The classes that an installation begins with, by name."""


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """What arrived of one class of calls in a bucket of time, so far.

    Attributes:
        starts: epoch seconds at which the bucket begins.
        demand: the class, as `gateway.dispatch` names it.
        calls: how many arrived.
        refused: how many of them found no capacity.
        usage: of all of them, by bucket of usage; estimated for those that still run.
    """

    starts: int
    demand: str
    calls: float
    refused: float
    usage: tuple[float, ...]


class Use(msgspec.Struct, frozen=True, gc=False):
    """What a supply was given in a bucket of time, so far; as `Arrived`. `ordinary`: of it, not critical."""

    starts: int
    supply: int
    usage: tuple[float, ...]
    ordinary: tuple[float, ...]


class Report(msgspec.Struct, frozen=True, gc=False):
    """What one gateway process, or all of them together, saw.

    Attributes:
        down: deployments whose breakers are open there.
    """

    loads: tuple[Arrived, ...] = ()
    uses: tuple[Use, ...] = ()
    down: tuple[int, ...] = ()


class Published(msgspec.Struct, frozen=True, gc=False):
    """A plan as it was published: its number, and the bytes of a `plan.Plan`."""

    number: int
    plan: bytes


class Board(Protocol):
    """Where gateway processes and the router's process meet."""

    async def report(self, process: int, report: Report) -> None:
        """A gateway process says what it saw. Repeating it changes nothing.

        Raises:
            OSError: the database cannot be reached.
        """
        ...

    async def newest(self, after: int) -> Published | None:
        """The newest plan, if its number is above `after`.

        Raises:
            OSError: as above.
        """
        ...

    async def publish(self, plan: bytes) -> int:
        """Put a plan up for the gateways; returns its number.

        Raises:
            OSError: as above.
        """
        ...

    async def seen(self, since: int) -> Report:
        """What all processes saw in the buckets from `since` (epoch seconds), summed over them.

        Down is a deployment that every living process which reported sees down.

        Raises:
            OSError: as above.
        """
        ...

    async def lead(self) -> bool:
        """Whether this process is the one that plans; true from when the last one ended.

        Raises:
            OSError: as above.
        """
        ...

    async def deal(self, process: int) -> Deal:
        """A gateway process's part of what all share, by what arrived at each of them of late.

        All that ask in the same minute are told the same, so that their parts add up.

        Raises:
            OSError: as above.
        """
        ...

    async def forget(self, before: int) -> None:
        """Delete what was seen before a time (epoch seconds).

        Raises:
            OSError: as above.
        """
        ...

    async def close(self) -> None:
        """Lead no more."""
        ...
