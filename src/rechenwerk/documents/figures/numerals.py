"""Numbers written in digits: what points, commas, apostrophes and spaces between them mean."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.figures.style import Style

_RUN = re.compile(r"\d+(?:[.,']\d+)*")
_SPACED = re.compile(r"\d{1,3}(?:([ \u00a0])\d{3})(?:\1\d{3})*(?:[.,]\d{1,2})?(?![\d'])(?![.,]\d)")
_APOSTROPHES = re.compile(r"(\d{1,3}(?:'\d{3})+)(?:[.,](\d+))?")
_CURRENCY_NEAR = re.compile(r"[ \u00a0]?(?:€|\$|£|EUR|USD|CHF|GBP|Euro|Dollar|Franken|Mio|Mrd)")
_SURE = re.compile(r"[ ]0")
"""A group that begins with 0 is no number of its own."""

_FRACTIONS = MappingProxyType(
    {"½": "0.5", "1/2": "0.5", "¼": "0.25", "1/4": "0.25", "¾": "0.75", "3/4": "0.75"}
)
_FRACTION = re.compile(r"(?:[ \u00a0]?([½¼¾])|[ \u00a0]([13]/[24])(?![\d/]))")


_LONGEST = 30
"""Characters; longer runs of digits are numbers of something, not amounts."""

_LINE = 400
"""Lines that are longer are cut here: a text without line feeds must not cost its length at every number."""


class Number(NamedTuple):
    """A number as it stands.

    Args:
        value: what it is.
        end: offset behind it.
        manner: 'de' or 'en' where its signs can only be read so, else ''.
        decimals: digits behind the decimal sign.
        bare: digits alone, with no sign between them.
    """

    value: Decimal
    end: int
    manner: str = ""
    decimals: int = 0
    bare: bool = False


def _grouped(parts: list[str]) -> bool:
    """Whether these are groups of three digits."""
    return 1 <= len(parts[0]) <= 3 and parts[0][0] != "0" and all(len(part) == 3 for part in parts[1:])


def _single(run: str, sign: str, end: int, style: Style) -> Number | None:
    """A run with one point or one comma."""
    whole, _, rest = run.partition(sign)
    german = sign == ","
    decimal = Number(Decimal(f"{whole}.{rest}"), end, "de" if german else "en", len(rest))
    if len(rest) != 3 or len(whole) > 3 or whole == "0":
        return decimal if whole == "0" or whole[0] != "0" else None
    if whole[0] == "0" or not style.decimal:
        return None
    if style.decimal == sign:
        return decimal._replace(manner="")
    return Number(Decimal(whole + rest), end)


def _mixed(run: str, end: int) -> Number | None:
    """A run with points and commas: the last sign is the decimal one."""
    sign = max(".,", key=run.rfind)
    other = "." if sign == "," else ","
    whole, _, rest = run.rpartition(sign)
    parts = whole.split(other)
    if sign in whole or not _grouped(parts):
        return None
    return Number(Decimal(f"{''.join(parts)}.{rest}"), end, "de" if sign == "," else "en", len(rest))


def judge(run: str, end: int, style: Style) -> Number | None:
    """What a run of digits, points, commas and apostrophes means; None where that cannot be told."""
    if len(run) > _LONGEST:
        return None
    if run.isdecimal():
        return None if len(run) > 1 and run[0] == "0" else Number(Decimal(run), end, bare=True)
    if "'" in run:
        swiss = _APOSTROPHES.fullmatch(run)
        if not swiss:
            return None
        rest = swiss[2] or ""
        return Number(Decimal(f"{swiss[1].replace(chr(39), '')}.{rest or 0}"), end, "", len(rest))
    points, commas = run.count("."), run.count(",")
    if points and commas:
        return _mixed(run, end)
    sign = "." if points else ","
    if points + commas == 1:
        return _single(run, sign, end, style)
    parts = run.split(sign)
    return Number(Decimal("".join(parts)), end, "de" if points else "en") if _grouped(parts) else None


def _spaced(text: str, start: int, style: Style, *, whole: bool) -> Number | None:
    """Groups with spaces between them: '1 234,56'.

    An ordinary space may as well part two numbers ('2 150,00' in a row of an invoice: two pieces at 150), so
    it only counts in a quote that is one figure, or where no other number stands in its line and a decimal or
    a currency follows. A space that does not break always counts.
    """
    found = _SPACED.match(text, start)
    if not found:
        return None
    run, end = found.group(), found.end()
    if not whole and found[1] == " " and not _SURE.search(run):
        line = max(text.rfind("\n", max(0, start - _LINE), start) + 1, start - _LINE)
        after = text[end : end + _LINE].partition("\n")[0]
        if any(sign.isdecimal() for sign in text[line:start] + after):
            return None
        if not (run.count(" ") > 1 or re.search(r"[.,]", run) or _CURRENCY_NEAR.match(text, end)):
            return None
    packed = run.replace(" ", "").replace("\u00a0", "")
    if packed[0] == "0":
        return None
    if len(packed) - 1 - max(packed.find("."), packed.find(",")) == 3 and not packed.isdecimal():
        return None
    found_number = judge(packed, end, style)
    return found_number._replace(bare=False) if found_number else None


def torn(text: str, start: int, end: int) -> bool:
    """Whether the number that was read up to an offset may go on behind a space: '2 150,00'."""
    found = _SPACED.match(text, start)
    return bool(found and found[1] == " " and found.end() > end)


def number(text: str, start: int, style: Style, *, whole: bool = False) -> Number | None:
    """The number in digits at an offset, None where it cannot be told.

    Args:
        text: plain (`style.plain`).
        start: offset of its first digit.
        style: how the document writes.
        whole: the text is one figure and nothing else.
    """
    spaced = _spaced(text, start, style, whole=whole)
    if spaced:
        return spaced
    run = _RUN.match(text, start)
    assert run
    found = judge(run.group(), run.end(), style)
    part = _FRACTION.match(text, run.end()) if found and found.bare else None
    if found and part:
        more = Decimal(_FRACTIONS[part[1] or part[2]])
        return Number(found.value + more, part.end(), "", 2)
    return found
