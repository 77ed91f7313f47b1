"""Reasons are said in German and English: every code that is used has both, with the same values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from rechenwerk.base.reasons import REASONS, Reason, german, joined, reason, said_by, told_of

SOURCE = Path(__file__).parents[2] / "src" / "rechenwerk"
MADE_UP = {"contract_proposed", "contract_expired", "owner_above_cap", "provider_above_cap"}
"""Codes that are put together from a status, or from what a cap is about."""


def codes() -> Iterator[tuple[str, str]]:
    """(file, code) of every reason that the code gives."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "base.reasons import" not in text:
            continue
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reason":
                for one in ast.walk(node.args[0]):
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield path.name, one.value
            elif isinstance(node, ast.Constant) and node.value in REASONS and "code" in text:
                yield path.name, str(node.value)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_code_has_both_languages_and_is_used() -> None:
    used = {code for name, code in codes() if name != "reasons.py"}
    assert {one for one in used if one not in REASONS and one != "contract_"} <= {"_above_cap"}
    assert set(REASONS) - used == MADE_UP


@pytest.mark.parametrize("code", REASONS)
def test_both_languages_take_the_same_values_and_differ(code: str) -> None:
    theirs, ours = REASONS[code]
    assert fields(theirs) == fields(ours)
    assert theirs != ours or code == "service_tier"
    values = {name: f"<{name}>" for name in fields(ours)}
    said = reason(code, **values)
    shown = german(said.told)
    assert all(value in shown and value in said for value in values.values())
    assert '"' not in said, "a header holds it"


@pytest.mark.parametrize(
    ("said", "english", "theirs"),
    [
        (reason("planned", share=40), "the plan sends 40 percent", "der Plan schickt 40 Prozent"),
        (reason("own_hardware", energy="0.30"), "energy at 0.30 per kWh", "Energie zu 0,30 je kWh"),
        (reason("steps", size="1,000"), "in steps of 1,000", "in Schritten von 1.000"),
        (
            joined([reason("bought"), Reason(""), reason("tier_from", place="2.5")], ", "),
            "bought capacity: paid whether used or not, tier from 2.5",
            "gekaufte Kapazität: bezahlt, ob genutzt oder nicht; Staffel ab 2,5",
        ),
    ],
)
def test_a_reason_in_both_languages(said: Reason, english: str, theirs: str) -> None:
    assert english in said
    assert theirs in german(told_of(said))
    assert said_by(ValueError(said)) is said


@pytest.mark.parametrize(
    "told", [[], [{"code": "unheard"}], [{"code": "planned"}], [{"share": "1"}], [{"code": "only"}, {}]]
)
def test_what_is_not_known_is_said_in_english_by_whoever_shows_it(told: list[dict[str, str]]) -> None:
    assert german(told) == ""


def test_a_sentence_that_nobody_made_of_a_code_tells_nothing() -> None:
    assert told_of("a provider's own words") == []
