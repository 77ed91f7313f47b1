"""English sentences that remember how they were made, so that another language can say them.

A sentence is made of a template and values, which may be sentences too; what is wrong and what to do are its
halves, with "; " between. A table has halves in another language. A text without values is its own template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

SIGN = "; "


class Sentence(str):
    """An English sentence.

    Attributes:
        template, values: what it was made of.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object]) -> Self:
        """The sentence of a template; see `sentence`."""
        made = super().__new__(cls, template.format(**values))
        made.template, made.values = template, values
        return made

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]
        """What it is made of again, in another process."""
        return self.template, self.values


def sentence(template: str, /, **values: object) -> Sentence:
    """A sentence with values in their places.

    Raises:
        KeyError: the template has a place for which there is no value.
    """
    return Sentence(template, values)


def halves(said: str) -> tuple[str, str]:
    """What is wrong, and what to do; the second may be empty."""
    if not isinstance(said, Sentence):
        what, _, fix = said.partition(SIGN)
        return what, fix
    what, _, fix = said.template.partition(SIGN)
    if not fix and SIGN in said:  # all of it is a value, as where one sentence stands in another
        inner = [one for one in said.values.values() if isinstance(one, str) and SIGN in one]
        name = next(name for name, one in said.values.items() if one is inner[0])
        first, rest = halves(inner[0])
        return sentence(what, **{**said.values, name: first}), rest
    return sentence(what, **said.values), sentence(fix, **said.values) if fix else ""


def translated(said: object, table: Mapping[str, str]) -> str:
    """A sentence in the language of a table: half by half, in English where the table has none."""
    if not isinstance(said, str):
        return str(said)
    template = said.template if isinstance(said, Sentence) else said
    found = SIGN.join(table.get(half, half) for half in template.split(SIGN))
    if not isinstance(said, Sentence):
        return found
    values = {
        name: translated(one, table) if isinstance(one, str) else one for name, one in said.values.items()
    }
    return found.format(**values)
