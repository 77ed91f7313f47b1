"""What people outside of the operator's team read stands in German and English."""

from __future__ import annotations

import string
from typing import Any

import pytest
import typer

from rechenwerk.cli import grant, utilisation, words
from rechenwerk.cli.words import Words

MADE = {
    "id": 7,
    "size": "large",
    "tokens": 12_000_000,
    "pool": "gpus",
    "stage": "applied",
    "approvals_needed": 2,
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_takes_the_same_values_in_both_languages() -> None:
    for english, german in words._GERMAN.items():
        assert fields(english) == fields(german), english
        assert german.strip() == german or english.startswith((" ", ";"))


@pytest.mark.parametrize("column", [*utilisation._COLUMNS, *grant._GRANTS])
def test_every_column_has_a_german_name(column: str) -> None:
    assert Words("de")(column) != column
    assert Words("en")(column) == column


@pytest.mark.parametrize("stage", ["applied", "granted", "declined", "used up", "over"])
def test_every_stage_has_a_german_name(stage: str) -> None:
    one = {"approvals_needed": 0, "noticed_on": None, "stage": stage}
    assert grant._stage(one, Words("de")) != grant._stage(one, Words("en")) == stage


@pytest.mark.parametrize(
    ("language", "made", "said"),
    [
        (
            "en",
            MADE,
            "grant 7 (large, 12,000,000 tokens of gpus): applied; needs 2 more: rechenwerk grant approve 7\n",
        ),
        (
            "de",
            MADE,
            (
                "Bewilligung 7 (groß, 12.000.000 Token aus gpus): beantragt; es fehlen 2 Unterschriften:"
                " rechenwerk grant approve 7\n"
            ),
        ),
        (
            "de",
            {**MADE, "size": "small", "stage": "granted", "approvals_needed": 0},
            "Bewilligung 7 (klein, 12.000.000 Token aus gpus): bewilligt\n",
        ),
    ],
)
def test_an_application_is_answered_in_both_languages(
    capsys: pytest.CaptureFixture[str], language: str, made: dict[str, Any], said: str
) -> None:
    grant._show_one(made, Words(language), as_json=False)
    assert capsys.readouterr().out == said


def test_the_report_of_a_day_in_german() -> None:
    used = {"critical": 0, "standard": 1_500, "batch": 0}
    day: dict[str, Any] = {
        "pool": "gpus",
        "day": "2026-11-26",
        "used": used,
        "capacity": 0,
        "lent": 0,
        "reclaimed": 0,
        "idle": 0,
        "emergency_draws": 0,
        "emergency": 0,
        "grants": 2_000,
    }
    row = utilisation._row(day, Words("de"))
    assert str(row[2]).endswith(" keine Kapazität")
    assert (row[5], row[-1]) == ("1.500", "2.000")


def test_another_language_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="there are en and de"):
        Words("fr")
