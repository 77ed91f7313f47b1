"""Where data of a class may go."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.routing.ports import DEFAULT_CLASSES, GROUPS, LEVELS, DataClass
from rechenwerk.routing.residency import forbids

# The class, where the deployment stands ("-": unknown), its level; what is in the way, if anything.
RULES = """
public        US     public        may
public        -      public        may
internal      US     shared        may
internal      -      own           may
internal      DE     public        level
confidential  DE     no-retention  may
confidential  NO     dedicated     may
confidential  EU     no-retention  may
confidential  EEA    own           may
confidential  local  own           may
confidential  local  shared        level
confidential  DE     shared        level
confidential  CH     own           jurisdiction
confidential  US     no-retention  jurisdiction
confidential  -      own           jurisdiction
restricted    local  own           may
restricted    local  dedicated     level
restricted    DE     own           jurisdiction
restricted    -      own           jurisdiction
public        US     nonsense      may
internal      US     nonsense      level
"""


@pytest.mark.parametrize("rule", RULES.strip().splitlines())
def test_rules(rule: str) -> None:
    name, jurisdiction, level, verdict = rule.split()
    why = forbids(DEFAULT_CLASSES[name], jurisdiction.replace("-", ""), level)
    if verdict == "may":
        assert why is None
    else:
        assert why is not None
        assert {"level": "needs the processing level", "jurisdiction": " allows "}[verdict] in why
        assert name in why
        assert "give the project a class" in why


def test_sentences() -> None:
    assert forbids(DEFAULT_CLASSES["confidential"], "US", "own") == (
        "The data class confidential allows EEA, EU only and the deployment stands in US: offer the model"
        " there, or give the project a class that allows it."
    )
    assert forbids(DEFAULT_CLASSES["restricted"], "local", "shared") == (
        "The data class restricted needs the processing level own and the deployment offers shared: offer the"
        " model at that level, or give the project a class that allows it."
    )


@pytest.mark.parametrize(
    ("allowed", "jurisdiction", "may"),
    [
        ({"EU"}, "EU", True),
        ({"EU"}, "FR", True),
        ({"EU"}, "NO", False),
        ({"EU"}, "EEA", False),  # it may stand in Norway
        ({"EEA"}, "EU", True),
        ({"EEA"}, "LI", True),
        ({"DE"}, "EU", False),  # it may stand in France
        ({"DE", "FR"}, "FR", True),
        ({"DE", "EU"}, "FR", True),
        (GROUPS["EU"], "EU", True),
        (GROUPS["EU"] | {"NO", "IS", "LI"}, "EEA", True),
        ({"CH", "EU"}, "CH", True),
        ({"EU"}, "GB", False),
    ],
)
def test_groups(allowed: set[str], jurisdiction: str, *, may: bool) -> None:
    data_class = DataClass("some", frozenset(allowed), "public")
    assert (forbids(data_class, jurisdiction, "own") is None) is may


def test_members_of_the_groups() -> None:
    assert len(GROUPS["EU"]) == 27
    assert GROUPS["EEA"] - GROUPS["EU"] == {"IS", "LI", "NO"}


def test_a_class_with_an_unknown_level_is_met_by_nobody() -> None:
    for level in LEVELS:
        assert forbids(DataClass("odd", frozenset(), "secret"), "local", level) is not None


@given(
    st.frozensets(st.sampled_from(["EU", "EEA", "DE", "NO", "US", "local"])),
    st.sampled_from(["", "EU", "EEA", "DE", "NO", "US", "GB", "local"]),
)
def test_more_protection_never_forbids(allowed: frozenset[str], jurisdiction: str) -> None:
    for least, level in product(LEVELS, LEVELS[:-1]):
        data_class = DataClass("some", allowed, least)
        if forbids(data_class, jurisdiction, level) is None:
            assert forbids(data_class, jurisdiction, LEVELS[LEVELS.index(level) + 1]) is None
