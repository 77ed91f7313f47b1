"""Examples and what may be wrong with them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from rechenwerk.base.errors import DocumentError

LEAST = 2
"""Examples of a label: fewer cannot be learnt and checked."""
MOST = 20_000
LONGEST = 20_000
"""Characters of a text that are looked at."""
LABEL = re.compile(r"[^\x00-\x1f]{1,100}")


class ExamplesError(DocumentError):
    """Examples that nothing can be learnt from; the message says which, and what to do."""


class Example(msgspec.Struct, frozen=True):
    """A text and what it is.

    Args:
        source: where it came from: a file's line, a review.
    """

    text: str
    label: str
    source: str = ""


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A field's value in a text: `text[start:end]`."""

    field: str
    start: int
    end: int


def folded(text: str) -> str:
    """Two texts that differ only in case and spaces are the same example."""
    return " ".join(text.lower().split())


def checked(examples: Sequence[Example]) -> list[Example]:
    """The examples without repetitions, in their order.

    Raises:
        ExamplesError: an empty text or label, two labels for one text, one label only, a label with too few
            examples, or too many of all.
    """
    seen: dict[str, Example] = {}
    for at, one in enumerate(examples, 1):
        where = one.source or f"example {at}"
        if not one.text.strip():
            raise ExamplesError(f"{where}: the text is empty; take the example out or give it a text")
        if not LABEL.fullmatch(one.label) or one.label != one.label.strip():
            raise ExamplesError(
                f"{where}: the label {one.label[:40]!r} must be 1 to 100 printable characters"
            )
        known = seen.setdefault(folded(one.text), one)
        if known.label != one.label:
            before = known.source or "an earlier example"
            raise ExamplesError(
                f"{where}: the text {one.text.strip()[:60]!r} is {one.label!r} here and {known.label!r} in"
                f" {before}; decide for one"
            )
    found = list(seen.values())
    counts = Counter(one.label for one in found)
    if not counts:
        raise ExamplesError("there are no examples; give at least two labels with two texts each")
    if len(counts) == 1:
        raise ExamplesError(
            f"all examples have the label {found[0].label!r}; a classifier needs at least two labels"
        )
    rare = sorted(label for label, number in counts.items() if number < LEAST)
    if rare:
        raise ExamplesError(
            f"label {rare[0]!r} has {counts[rare[0]]} example only; give at least {LEAST}, better ten"
        )
    if len(found) > MOST:
        raise ExamplesError(f"{len(found)} examples are too many; give at most {MOST}")
    return found


def by_label(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Label -> its examples, in the order of the labels."""
    found: dict[str, list[Example]] = defaultdict(list)
    for one in examples:
        found[one.label].append(one)
    return dict(sorted(found.items()))
