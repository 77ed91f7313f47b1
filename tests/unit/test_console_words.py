"""The console's texts: both languages say the same things, and no template says anything by itself."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from rechenwerk.console.words import LANGUAGES, Words, catalogue, choose
from rechenwerk.contracts.reconcile import Cause
from rechenwerk.ledger.tariffs import Form

CONSOLE = Path(__file__).parents[2] / "src" / "rechenwerk" / "console"
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))
NAMES = {"Rechenwerk", "SHA", "PUE", "mWh", "mg", "CO₂", "JSON", "TOML", "YAML"}
"""What is called so in every language."""
EXAMPLES = {"10", "call_…", "USD=0.92", "GPT-4o (2024)=gpt-4o"}
"""Of what is typed into a field."""
ONLY_GERMAN = "error."
"""What the API refuses: it says so itself in English."""
GROUPS = {"desk_row"}
"""Words of the API, one of which is `other`."""


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_catalogues_have_the_same_names_and_places() -> None:
    english = catalogue("en")
    german = {name: text for name, text in catalogue("de").items() if not name.startswith(ONLY_GERMAN)}
    assert set(english) == set(german)
    assert {name: places(text) for name, text in english.items()} == {
        name: places(text) for name, text in german.items()
    }
    assert not [name for name, text in {**english, **german}.items() if not text.strip()]


def test_a_text_for_one_has_one_for_many() -> None:
    names = set(catalogue("en"))
    for name in names:
        stem, _, last = name.rpartition(".")
        if last == "one" or (last == "other" and stem not in GROUPS):
            assert {f"{stem}.one", f"{stem}.other"} <= names


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_words_of_its_own(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    loose = html.unescape(re.sub(r"<[^>]*>", " ", text))
    words = set(re.findall(r"[^\W\d_]{2,}", loose))  # a single letter is a key to press, or a sign
    assert words <= NAMES
    spoken = re.findall(r'(?:title|placeholder|alt|aria-label)="([^"]*)"', text)
    assert {one.strip(" :%") for one in spoken} <= {"", *EXAMPLES}


def _asked() -> Iterator[tuple[Path, str]]:
    sources = [
        *TEMPLATES,
        *sorted((CONSOLE / "pages").glob("*.py")),
        CONSOLE / "app.py",
        CONSOLE / "visit.py",
    ]
    for path in sources:
        for name in re.findall(r"""\bt\(\s*['"]([a-z_]+\.[a-z_]+)['"]\s*[,)]""", path.read_text("utf-8")):
            yield path, name


def test_every_text_that_is_asked_for_is_there() -> None:
    known = catalogue("en")
    asked = list(_asked())
    assert len(asked) > 200
    assert [(path.name, name) for path, name in asked if name not in known] == []


@pytest.mark.parametrize(
    ("accepted", "wished", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", None, "de"),
        ("en-GB", None, "en"),
        ("fr-FR,fr;q=0.9", None, "en"),
        ("fr,de;q=0.3,en;q=0.2", None, "de"),
        ("en;q=0.1, de", None, "de"),
        ("de;q=0, en;q=0.1", None, "en"),
        ("de;q=nonsense", None, "en"),
        ("", None, "en"),
        ("de", "en", "en"),
        ("de", "xx", "de"),
    ],
)
def test_the_language_of_a_visitor(accepted: str, wished: str | None, language: str) -> None:
    assert choose(accepted, wished) == language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("group", "kinds"), [("desk_form", Form), ("desk_cause", Cause)])
def test_what_the_books_say_has_a_text(language: str, group: str, kinds: object) -> None:
    asked = {f"{group}.{one}" for one in get_args(kinds)}
    assert {name for name in catalogue(language) if name.startswith(f"{group}.")} == asked


def test_one_and_many() -> None:
    german = Words("de")
    assert german.count("list.count", 1, "1") == "1 Eintrag"
    assert german.count("list.count", 2000, "2.000") == "2.000 Einträge"
    assert german.of("outcome", "posted") == "gebucht"
    assert german.of("outcome", "new") == "new", "a word that nobody translated yet is shown as it is"


def test_every_error_that_has_a_german_text_is_one_of_the_api() -> None:
    source = CONSOLE.parent
    code = "".join(
        path.read_text("utf-8")
        for room in ("base", "office", "documents", "gateway")
        for path in sorted((source / room).rglob("*.py"))
    )
    missing = re.findall(r"""missing\(\s*['"]([a-z ]+)['"]""", code)
    known = {f"{one.replace(' ', '_')}_not_found" for one in missing} | set(re.findall(r'"([a-z_]+)"', code))
    ours = [name.removeprefix(ONLY_GERMAN) for name in catalogue("de") if name.startswith(ONLY_GERMAN)]
    assert len(ours) > 40
    assert [one for one in ours if one not in known] == []
