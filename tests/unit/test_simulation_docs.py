"""docs/routing-simulation.md names every policy, column and field."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rechenwerk.routing.entrants import ENTRANTS
from rechenwerk.routing.portfolios import Outage, Penalty, Simulation, Sized
from rechenwerk.routing.traces import COLUMNS

PAGE = (Path(__file__).parents[2] / "docs" / "routing-simulation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*ENTRANTS, *COLUMNS])
def test_every_policy_and_column(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("kind", [Simulation, Outage, Penalty, Sized])
def test_every_field(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        assert f"`{name}`" in PAGE or f"{name} =" in PAGE or f"[simulation.{name}]" in PAGE, name
