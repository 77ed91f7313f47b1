"""Parties in sections of their own: 'Verkäufer', under it 'Nummer: ...', 'Name: Lieferant GmbH'."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rechenwerk.documents.checking.labels import STRONG, FieldWords
from rechenwerk.documents.checking.reading import Reading

_LINES = 6
"""Lines below the heading in which the name is looked for."""
_LONGEST = 20
"""Characters of the longest label of a name."""
_NAMED = re.compile(r"^(?:Name|Firma|Firmenname|Company|Company name|Unternehmen)\s*:?\s+(?=\S)")
_ASIDE = re.compile(
    r"^(?:(?:globale|lieferanten|kunden|käufer|verkäufer)?-?\s?(?:nummer|nr\.?)|number"
    r"|(?:global |customer |supplier )?id|gln|kennung)\b",
    re.IGNORECASE,
)
_SALUTATION = re.compile(r"^(?:an|herrn?|frau|firma)$", re.IGNORECASE)
_HEADING = re.compile(r"^[^\d:]{3,40}:?$")


def named_in_sections(
    reading: Reading, words: FieldWords
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """(name's span, heading's span) of every section whose heading is a whole label of the field.

    Args:
        reading: the document.
        words: the labels of the party.
    """
    lines = [(found.start(), found.end()) for found in re.finditer(r"[^\n\f]+", reading.text)]
    for at, (start, end) in enumerate(lines):
        heading = reading.text[start:end].strip()
        if not _HEADING.match(heading) or words.match(heading.rstrip(" :")).strength != STRONG:
            continue
        numbered = False
        for first, last in lines[at + 1 : at + 1 + _LINES]:
            line = reading.text[first:last]
            named = _NAMED.match(line)
            if named is not None:
                yield (first + named.end(), last), (start, end)
                break
            if _ASIDE.match(line.strip()) or _SALUTATION.match(line.strip()):
                numbered = True
                continue
            goes_on = _NAMED.match(reading.text[last + 1 : last + 1 + _LONGEST]) is not None
            if numbered and ":" not in line and not goes_on:
                yield (first, last), (start, end)
            break
