"""All texts of the console, one catalogue for each language, and which of them a visitor reads."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from babel import Locale

LANGUAGES = ("en", "de")
"""The first is for those who understand none."""


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)


def catalogue(language: str) -> Mapping[str, str]:
    """The texts of a language: ``page.text`` -> text.

    ``en.toml`` has what pages share, ``chat.en.toml`` what is one page's own.
    """
    folder = resources.files("rechenwerk.console") / "words"
    texts: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name == f"{language}.toml" or file.name.endswith(f".{language}.toml"):
            texts |= _flat(tomllib.loads(file.read_text("utf-8")))
    return MappingProxyType(texts)


class Words:
    """A language's texts.

    Args:
        language: of `LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = catalogue(language)
        self._plural = Locale(language).plural_form

    def __call__(self, name: str, /, **values: object) -> str:
        """A text with its values in their places.

        Raises:
            KeyError: there is no such text.
        """
        text = self._texts[name]
        return text.format(**values) if values else text

    def count(self, name: str, number: int, shown: str) -> str:
        """A text for so many: ``name.one`` or ``name.other``, with `{count}` as it is `shown`."""
        return self._texts[f"{name}.{self._plural(number)}"].format(count=shown)

    def of(self, group: str, word: object) -> str:
        """What people call a word of the API; the word itself where it has no other."""
        return self._texts.get(f"{group}.{word}", str(word))

    def error(self, code: str, english: str) -> str:
        """What went wrong, by its code; as the API said it where there is no text for that."""
        return english if self.language == LANGUAGES[0] else self._texts.get(f"error.{code}", english)


def choose(accepted: str, wished: str | None) -> str:
    """The language of a visitor: the one that was wished, else the browser's first that there is.

    Args:
        accepted: the header Accept-Language.
        wished: what the visitor chose here.
    """
    if wished in LANGUAGES:
        return str(wished)
    weighed = []
    for place, part in enumerate(accepted.split(",")):
        name, _, more = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        try:
            weight = float(more.strip().removeprefix("q=")) if more.strip() else 1.0
        except ValueError:
            weight = 0.0
        if language in LANGUAGES and weight > 0:
            weighed.append((-weight, place, language))
    return min(weighed)[2] if weighed else LANGUAGES[0]
