"""The bar of a pool's day."""

from __future__ import annotations

import pytest

from rechenwerk.cli.utilisation import bar


@pytest.mark.parametrize(
    ("parts", "whole", "drawn"),
    [
        ({}, 100, "░" * 30 + " 0 %"),
        ({"critical": 50}, 100, "█" * 15 + "░" * 15 + " 50 %"),
        ({"critical": 10, "standard": 20, "batch": 70}, 100, "█" * 30 + " 100 %"),
        ({"standard": 200}, 100, "█" * 30 + " 200 %"),
        ({"standard": 5}, 0, "█" * 30 + " no capacity"),
        ({}, 0, "░" * 30 + " no capacity"),
    ],
)
def test_a_day_as_a_bar(parts: dict[str, int], whole: int, drawn: str) -> None:
    assert bar(parts, whole).plain == drawn


def test_each_part_has_its_colour() -> None:
    spans = [(span.end - span.start, span.style) for span in bar({"critical": 10, "batch": 20}, 30).spans]
    assert [one for one in spans if one[0]] == [(10, "red"), (20, "cyan")]
