"""What the router is told: classes of data, levels of processing, groups of jurisdictions; and chance."""

from __future__ import annotations

from types import MappingProxyType
from typing import Protocol

import msgspec


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
