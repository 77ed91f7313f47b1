"""What is wrong with a plan is said in German too: every text has its German, with the same values."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import halves, sentence, translated
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.child import answer
from rechenwerk.planner.loading import load
from rechenwerk.planner.mistakes_german import in_german, table
from tests.unit.plan_texts import EXAMPLE
from tests.unit.test_plan_bad_input import TABLE

SOURCE = Path(__file__).parents[2] / "src" / "rechenwerk"
NEVER_SEEN = frozenset({"clearing.py", "api.py", "words.py"})
"""Whose mistakes no page shows: matrices and notebooks."""


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def said(path: Path) -> Iterator[str]:
    """Templates of what a module says is wrong, and what to do."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first, last = {"PlanError": (0, 1), "sentence": (0, 1), "wrong": (1, 3), "Mistake": (1, 3)}.get(
                name, (0, 0)
            )
            for one in node.args[first:last]:
                yield from texts(one)
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {
            "fix",
            "example",
            "wrong",
        }:
            yield from texts(node.value)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def words_left(half: str) -> bool:
    """Whether there is anything in a template but values and signs."""
    plain = "".join(text for text, *_ in Formatter().parse(half))
    return any(one.isalpha() for one in plain)


def test_every_text_has_its_german() -> None:
    modules = [*(SOURCE / "planner").rglob("*.py"), SOURCE / "base" / "toml_reader.py"]
    found = {
        half
        for path in modules
        if path.name not in NEVER_SEEN
        for text in said(path)
        for half in text.split("; ")
    }
    assert len(found) > 200
    same = {"[plan]: {error}"}
    assert sorted(one for one in found - set(table()) - same if " " in one and words_left(one)) == []


def test_a_german_text_takes_the_same_values() -> None:
    made = {text: german for text, german in table().items() if "{ " not in text.replace("{{ ", "")}
    assert [text for text, german in made.items() if fields(text) != fields(german)] == []


@pytest.mark.parametrize(("name", "old", "new", "says"), TABLE, ids=[one[0] for one in TABLE])
def test_a_mistake_in_german_has_no_english_half(name: str, old: str, new: str, says: str) -> None:
    text = EXAMPLE.replace(old, new, 1)
    with pytest.raises(MistakesError) as told:
        load("plan.toml", text.encode())
    for one in told.value.mistakes:
        for half in (one.message, one.fix):
            assert in_german(half) != half, (name, says)
    asked = {"ask": "check", "subject": {"text": text}}
    found = answer(asked, lambda _: None)
    first = told.value.mistakes[0]
    assert found["wrong"] == str(told.value)
    assert {"message_de": in_german(first.message), "fix_de": in_german(first.fix)}.items() <= (
        found["mistakes"][0].items()
    )
    assert found["wrong_de"].startswith("Zeile ")


@pytest.mark.parametrize(
    ("old", "new", "german"),
    [
        (
            '"users * price * length()"',
            '"users * price * length() + cash"',
            "Kreis: subscriptions braucht cash braucht",
        ),
        ('kind = "loan"', 'kind = "loam"', "kind: unbekanntes Wort 'loam'; ist 'loan' gemeint?"),
        (
            "total = 60",
            "total = -60",
            "die Gesamtmenge (total) von cloud ist -60; schreiben, was gekauft wird",
        ),
        (
            "cash = 12",
            'cash = "twelve"',
            'cash ist twelve, und das ist keine Zahl; etwa 12 oder "20%" schreiben',
        ),
    ],
)
def test_a_mistake_as_a_german_reads_it(old: str, new: str, german: str) -> None:
    assert old in EXAMPLE
    found = answer({"ask": "check", "subject": {"text": EXAMPLE.replace(old, new, 1)}}, lambda _: None)
    assert german in found["wrong_de"]


def test_sentences_are_halved_and_said_half_by_half() -> None:
    inner = sentence("no line {name!r}; {fix}", name="a; b", fix="leave it out")
    outer = sentence("{at}: {error}", at="Model!A7", error=inner)
    assert outer == "Model!A7: no line 'a; b'; leave it out"
    what, fix = halves(outer)
    assert (what, fix) == ("Model!A7: no line 'a; b'", "leave it out")
    assert in_german(what) == "Model!A7: keine Zeile 'a; b'"
    assert in_german(fix) == "weglassen"
    assert translated("nobody said this", table()) == "nobody said this"
    assert halves("plain; as it is") == ("plain", "as it is")


def test_a_mistake_comes_back_from_another_process_as_it_was() -> None:
    error = PlanError(
        "{what} has no value; {fix}", what="price", fix=sentence("add {name} = …", name="value")
    )
    back = pickle.loads(pickle.dumps(error))
    assert str(back) == str(error) == "price has no value; add value = …"
    assert translated(back.said, {"{what} has no value": "{what} fehlt"}) == "price fehlt; add value = …"
