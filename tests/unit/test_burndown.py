"""The burn-down in the terminal."""

from __future__ import annotations

from typing import Any

from rechenwerk.cli.burndown import chart


def contract(**position: Any) -> dict[str, Any]:
    """Ten days, of which six are gone; ten units a day were drawn."""
    days = [{"day": f"2026-11-0{day}", "drawn": "10"} for day in range(1, 7)]
    kept = {
        "starts_at": "2026-11-01T00:00:00Z",
        "ends_at": "2026-11-11T00:00:00Z",
        "days_left": 4.0,
        "unit": "EUR",
        "drawn": "60",
        "amount": "200",
        "forecast": {"low": "80", "middle": "100", "high": "120"},
    }
    return {"position": {**kept, **position}, "days": days}


def test_a_burn_down_has_its_past_its_band_and_its_amount() -> None:
    lines = [line.plain for line in chart(contract(), width=20, height=21)]
    assert lines[0].strip() == "EUR"
    plot = [line[16:] for line in lines[1:-1]]
    assert len(plot) == 21
    top = 200 * 1.05
    columns = ["".join(row[column] for row in plot)[::-1] for column in range(20)]  # from the bottom up
    heights = [column.count("█") for column in columns[:12]]
    assert heights == [int((2.5 + 5 * at) / top * 21) + 1 for at in range(12)]
    assert not any("█" in column for column in columns[12:]), "the future is not drawn"
    for at, column in enumerate(columns[12:]):
        share = (at + 0.5) / 8
        middle = int((60 + 40 * share) / top * 21)
        assert column[middle] == "•"
        assert column.count("░") + 1 >= int(40 * share / top * 21), "the band opens"
    assert {column[int(200 / top * 21)] for column in columns} == {"─"}
    assert lines[-1].strip().startswith("2026-11-01")
    assert lines[-1].endswith("2026-11-10")


def test_what_has_no_end_has_no_burn_down() -> None:
    assert chart(contract(ends_at=None)) == []
    assert chart(contract(starts_at=None)) == []


def test_a_period_that_is_over_is_all_past() -> None:
    lines = [line.plain for line in chart(contract(days_left=0.0, forecast=None, amount=None), width=10)]
    assert not any(mark in line for line in lines for mark in "•░─")
    assert sum(line.count("█") for line in lines) > 10
