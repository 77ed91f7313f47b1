"""What plans say, in German and English: no text is left without its German, no number without its comma."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.german import GERMAN
from rechenwerk.planner.measures import measures
from rechenwerk.planner.plans import load_plan
from rechenwerk.planner.running import base
from rechenwerk.planner.told import STATUSES
from rechenwerk.planner.words import Words
from tests.unit.plan_texts import EXAMPLE

ROOT = Path(__file__).parents[2]
SAYING = frozenset({"words", "say"})


def said() -> Iterator[str]:
    """Every text that a module of plans says, as it stands in the code."""
    folder = ROOT / "src" / "rechenwerk"
    for path in sorted([*folder.glob("planner/**/*.py"), *folder.glob("cli/plan*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYING:
                for one in node.args[:1]:
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield one.value


def test_every_text_has_its_german() -> None:
    texts = {*said(), *STATUSES}
    assert len(texts) > 60
    assert sorted(texts - set(GERMAN)) == []


def test_every_answer_and_title_has_its_german() -> None:
    plan = load_plan(EXAMPLE)
    named = {one.name for one in measures(plan, base(plan))} | {line.title for line in plan.lines.values()}
    general = {name.rpartition(": ")[2] for name in named if name}
    own = {one.title for one in plan.written.lines} | {"gpu_need behind cloud", "gpu_need behind spot"}
    assert sorted(general - set(GERMAN) - own) == []


def test_a_german_text_takes_the_same_values() -> None:
    def fields(text: str) -> set[str]:
        return {part.partition("}")[0] for part in text.split("{")[1:]}

    assert [text for text, german in GERMAN.items() if fields(text) != fields(german)] == []


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (1234567.8, "1,234,568", "1.234.568"),
        (12.5, "12.5", "12,5"),
        (-0.25, "-0.25", "-0,25"),
        (0.0, "0", "0"),
        (100.0, "100", "100"),
        (3.41431, "3.414", "3,414"),
        (0.00012345, "0.0001234", "0,0001234"),
    ],
)
def test_numbers_as_the_language_writes_them(value: float, english: str, german: str) -> None:
    assert (Words("en").brief(value), Words("de").brief(value)) == (english, german)


def test_shares_and_what_is_none() -> None:
    words = Words("de")
    assert words.amount(0.1234, "share") == "12,3 %"
    assert words.amount(None, "months") == "nicht in diesen Jahren"
    assert words("cloud: used") == "cloud: genutzt"
    assert words("a name: of theirs") == "a name: of theirs"


def test_there_is_no_other_language() -> None:
    with pytest.raises(PlanError, match="write en or de"):
        Words("fr")
