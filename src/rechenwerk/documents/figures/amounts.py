"""Amounts: a number with its sign, scale, unit, qualifier, and ranges of two of them."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.figures.numerals import Number, number, torn
from rechenwerk.documents.figures.spoken import ARTICLES, after_amount, spoken_number, word_at
from rechenwerk.documents.figures.style import Style
from rechenwerk.documents.figures.units import BEHIND, Unclear, currency_before, scale_behind, unit_behind
from rechenwerk.documents.values import Amount, Figure

_ONE = Decimal(1)
_EXACT = Context(prec=80)
"""More digits than any figure has, so that nothing is rounded."""

_BEFORE = MappingProxyType(
    {
        "nicht mehr als|nicht über|no more than|not more than|no greater than|not exceeding": "at most",
        "nicht weniger als|nicht unter|no less than|not less than|no fewer than": "at least",
        "mehr als|more than|over|above|upwards of|greater than|in excess of|gut|exceeding": "more than",
        "weniger als|less than|under|below|fewer than|unter": "less than",
        "knapp|fast|nahezu|beinahe|nearly|almost|just under": "less than",
        "bis zu|höchstens|maximal|max\\.|up to|at most|a maximum of|as much as|as many as|maximum": "at most",
        "mindestens|wenigstens|mind\\.|min\\.|ab|at least|a minimum of|minimum": "at least",
        "rund|ca\\.?|circa|etwa|ungefähr|annähernd|schätzungsweise|zirka|about|around|roughly|approximately"
        "|approx\\.?|an estimated|some|c\\.|~|≈": "about",
        "über": "more than",
    }
)
_MEANING = tuple(_BEFORE.values())
_QUALIFIER = re.compile(
    r"(?<![^\W\d_])(?:"
    + "|".join(f"(?P<q{at}>{words.replace(' ', '[ ]')})" for at, words in enumerate(_BEFORE))
    + r")[ \u00a0\n]{0,2}$",
    re.IGNORECASE,
)
_AMOUNT_OF = re.compile(
    r"(?:rechnung|vertrag|gutachten|betrag|scheck|auftrag|kredit|darlehen|gutschrift|angebot|bestellung|urkunde"
    r"|vereinbarung|anleihe|police|bericht|quittung|mahnung|bürgschaft|abkommen|kaufvertrag|bescheid|forderung"
    r"|aufträge|verträge|beträge|zuschüsse|zuschuss|summe|spende|finanzierung|runde|erhöhung|bußgeld|strafe"
    r"|vergleich|schadens?ersatz|deal|order|investition|turned|turns|took|takes|taking|handed|hands)"
    r"(?:e?n|e?s|en)?[ \u00a0\n]$",
    re.IGNORECASE,
)
_SUFFIX = re.compile(
    r"[ \u00a0](?:(?P<least>(?:oder|und|or|and)[ ](?:mehr|more|above|up))"
    r"|(?P<most>(?:oder|or)[ ](?:weniger|less)))\b"
    r"|(?P<plus>\+)(?![\w+])"
)
_JOIN = re.compile(
    r"(?P<dash>[ \u00a0]?-[ \u00a0]?|[ \u00a0]?\.\.\.?[ \u00a0]?)(?=[\d€$£(A-Z])"
    r"|[ \u00a0\n](?P<word>bis[ ]zu|bis|to|und|and)[ \u00a0\n]",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?<![^\W\d_])(?P<word>zwischen|between|von|from)[ \u00a0\n]$", re.IGNORECASE)
_CHANGE = re.compile(
    r"\b(?:rose|rise|rises|grew|grow|grows|increased?|increases|fell|falls|fall|dropped|drop|declined?|climbed"
    r"|cut|went|up|down|jumped|shrank|raised?|lowered|expanded|narrowed|swung|moved|doubled|tripled)\b[^.\n]{0,40}$",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"\((?P<inner>(?:[€$£][ ]?|(?:EUR|USD|CHF|GBP)[ ])?\d[\d.,' \u00a0]*(?:[ ](?:EUR|€|USD|CHF))?)\)"
)
_TAIL = re.compile(r"[ \u00a0]*(?:\n|$|[\d(€$£-]|(?:EUR|USD|CHF|GBP|TEUR|T€|Mio|Mrd|%))")
_TRAILING = re.compile(r"-(?=[ \u00a0]*(?:\n|$|[,;.](?!\d)|[)€$£]|EUR|USD|CHF|GBP|[ \u00a0]))")
_ROUND = re.compile(r"[,.](?:--?(?![\w-]))")
_GLUED = re.compile(r"[\w@_#]")
_LOOK = 42
_LINE = 400
_HEADING = re.compile(r"[ \u00a0]+[A-ZÄÖÜ]")
_FOLLOWED = re.compile(r"[:/](?=\d)|-(?=\d)|[^\W\d_]|[@_#]|[.,'](?=\d)")
_FRACTION_OF = re.compile(r"[ \u00a0]?(?:/|je\b|pro\b|per\b|a\b|an\b|each\b|the\b)", re.IGNORECASE)


class Piece(NamedTuple):
    """One amount, before ranges and qualifiers.

    Args:
        start, end: offsets, sign and currency included.
        value: the number, its scale not multiplied in.
        factor: of the scale.
        kind, name: of the unit; kind '' where no unit stands.
        number: as it was read.
        language: that its scale belongs to.
    """

    start: int
    end: int
    value: Decimal
    factor: Decimal
    kind: str
    name: str
    number: Number
    language: str = ""


class Page(NamedTuple):
    """What is read: plain text, style, whether it is one figure, and where the last figure ended."""

    text: str
    style: Style
    whole: bool = False
    floor: int = 0


def _sign(page: Page, start: int) -> tuple[int, bool]:
    """A minus or plus before an offset: where it begins, and whether it is a minus."""
    text = page.text
    at = start
    while at > page.floor and at > start - 2 and text[at - 1] in " \u00a0":
        at -= 1
    if at <= page.floor or text[at - 1] not in "+-":
        word = text[max(page.floor, start - 6) : start].lower().replace("\u00a0", " ")
        if word == "minus " and (start < 7 or not text[start - 7].isalnum()):
            return start - 6, True
        return start, False
    sign = at - 1
    front = text[sign - 1] if sign else "\n"
    if front not in " \u00a0\n(€$£¥" and not (front.isupper() and currency_before(text, sign, page.floor)):
        return start, False
    if at != start and not page.whole:
        line = text.rfind("\n", max(0, sign - _LINE), sign) + 1
        if not text[max(line, sign - _LINE) : sign].strip() or not text[page.floor : sign].strip():
            return start, False
    return sign, text[sign] == "-"


def _read_number(page: Page, start: int) -> Number | None:
    """In digits or in words."""
    if page.text[start].isdecimal():
        return number(page.text, start, page.style, whole=page.whole)
    return spoken_number(page.text, start)


def _plain_price(text: str, found: Number) -> Number:
    """'45,-' and '45.--'."""
    round_price = _ROUND.match(text, found.end)
    return found._replace(end=round_price.end(), bare=False) if round_price else found


_TWICE = re.compile(r"[ \u00a0]\((\d{1,9})\)")


def _said_twice(text: str, start: int, found: Number) -> Number:
    """'dreißig (30) Tage': the digits of the parentheses belong to the words."""
    twice = _TWICE.match(text, found.end) if not text[start].isdecimal() else None
    return found._replace(end=twice.end()) if twice and int(twice[1]) == found.value else found


def _trailing(text: str, end: int, found: Number) -> int:
    """Offset behind an accountant's minus, or 0."""
    minus = _TRAILING.match(text, end) if found.decimals else None
    if not minus or text[minus.end() : minus.end() + 2].strip()[:1].isdecimal():
        return 0
    return minus.end()


def piece(page: Page, start: int) -> Piece | None:
    """The amount whose number begins at an offset.

    Raises:
        Unclear: a scale, or digits before one, that could be several powers of ten.
    """
    text = page.text
    begin, negative = _sign(page, start)
    point = (
        start > page.floor and text[start - 1] in ".," and not text[max(0, start - 2) : start - 1].isalnum()
    )
    front = currency_before(text, begin - 1 if point and begin == start else begin, page.floor)
    if front:
        begin, name, small = front
        sign_at, outer = _sign(page, begin)
        begin, negative = sign_at, negative or outer
    found = _read_number(page, start)
    if found is None:
        return None
    found = _plain_price(text, found)
    if point:
        if not found.bare or not (front or start < 2 or text[start - 2].isspace()):
            return None
        digits = text[start : found.end]
        found = found._replace(value=Decimal(f"0.{digits}"), decimals=len(digits), bare=False)
        begin = start - 1 if begin == start else begin
    minus = _trailing(text, found.end, found)
    if minus:
        negative, found = True, found._replace(end=minus)
    found = _said_twice(text, start, found)
    factor, end, language = scale_behind(text, found, page.style, money=front is not None)
    value = -found.value if negative else found.value
    if front:
        end = _repeated(text, end, name, page)
        minus = _trailing(text, end, found)
        return Piece(
            begin, minus or end, -value if minus else value, factor * small, "money", name, found, language
        )
    behind = unit_behind(text, end, page.style, scaled=factor != 1)
    if behind:
        if behind.kind == "money" and _belongs_to_next(text, behind.end, found, end):
            return Piece(begin, end, value, factor, "", "", found, language)
        return Piece(
            begin, behind.end, value, factor * behind.factor, behind.kind, behind.name, found, language
        )
    return Piece(begin, end, value, factor, "", "", found, language)


def _repeated(text: str, end: int, name: str, page: Page) -> int:
    """'$12,500.00 USD': the code again."""
    again = unit_behind(text, end, page.style, scaled=False)
    if again and again.kind == "money" and again.name == name and again.factor == 1:
        return end if text[again.end : again.end + 2].strip()[:1].isdecimal() else again.end
    return end


_NEXT = re.compile(r"[ \u00a0]?\d[\d.,']*[.,]\d\d(?!\d)")


def _belongs_to_next(text: str, end: int, found: Number, start: int) -> bool:
    """'2 EUR 50,00': the currency belongs to the number behind it."""
    if found.decimals or text[start : start + 1] not in {" ", "\u00a0"}:
        return False
    if not found.bare and text[end : end + 1].isdecimal():
        return True
    following = _NEXT.match(text, end)
    return (
        bool(following) and unit_behind(text, following.end(), Style(), scaled=False) is None
        if following
        else False
    )


def _clash(first: Piece, style: Style) -> bool:
    """Three digits behind a sign that language or price make doubtful: nothing rather than a guess."""
    found = first.number
    return bool(
        first.language
        and style.language
        and first.language != style.language
        and not found.manner
        and (found.decimals == 3 or (found.value >= 1000 and not found.bare))
        and found.value == found.value.normalize()
    )


def _doubtful(text: str, first: Piece) -> bool:
    """'EUR 1.234' in an English text: prices seldom have three decimals: nothing, unless 'per' follows."""
    found = first.number
    return (
        first.kind == "money"
        and first.factor == 1
        and found.decimals == 3
        and abs(first.value) >= 1
        and not found.manner
        and not _FRACTION_OF.match(text, first.end)
    )


def _second(page: Page, first: Piece) -> tuple[Piece, str] | None:
    """The upper end of a range, with the word or dash that joins it."""
    text = page.text
    join = _JOIN.match(text, first.end)
    if not join:
        return None
    at = join.end()
    behind = BEHIND.match(text, at)
    if behind:
        at = behind.end()
    if at >= len(text):
        return None
    word = word_at(text, at)
    if not (text[at].isdecimal() or word) or (join["dash"] and word_at(text, first.start) in ARTICLES):
        return None
    inner = page._replace(floor=join.end())
    found = piece(inner, at)
    if found is None or (not word and _refused(page, found, glued_dash=True)):
        return None
    return found, (join["word"] or "-").lower()


def _spread(first: Piece, second: Piece) -> tuple[Piece, Piece] | None:
    """Scale and unit that stand once hold for both ends; None where the two are no range."""
    if first.kind and second.kind and (first.kind, first.name) != (second.kind, second.name):
        return None
    kind, name = (second.kind, second.name) if second.kind else (first.kind, first.name)
    low, high = first._replace(kind=kind, name=name), second._replace(kind=kind, name=name)
    if low.factor == 1 and high.factor != 1:
        if low.value < high.value:
            return low._replace(factor=high.factor), high
        if low.value < 1000:
            raise Unclear
    bare = not kind and low.factor == high.factor == 1 and low.number.bare and high.number.bare
    if bare and high.value > 100 * max(low.value, _ONE):
        return None
    return (low, high) if low.value * low.factor < high.value * high.factor else None


def _opening(text: str, start: int, floor: int) -> re.Match[str] | None:
    """'zwischen', 'from' before a range."""
    return _OPENING.search(text, max(floor, start - 12), start)


def _range(page: Page, first: Piece) -> tuple[Piece, Piece, int] | None:
    """Both ends of a range and where it begins, None where there is none."""
    found = _second(page, first)
    if not found:
        return None
    second, join = found
    opening = _opening(page.text, first.start, page.floor)
    word = opening["word"].lower() if opening else ""
    if join in {"und", "and"} and word not in {"zwischen", "between"}:
        return None
    if join == "to" and word == "from" and _CHANGE.search(page.text, max(0, first.start - 60), first.start):
        return None
    both = _spread(first, second)
    if not both:
        return None
    fits = {"zwischen": ("und",), "between": ("and",), "von": ("bis",), "from": ("to", "-")}
    begin = opening.start() if opening and join in fits[word] else first.start
    return both[0], both[1], begin


def _qualified(page: Page, first: Piece) -> tuple[int, str]:
    """Where the qualifiers before an amount begin, and what they come to."""
    text, start, meaning = page.text, first.start, ""
    while start > page.floor and text[start - 1] in " \u00a0\n~≈":
        found = _QUALIFIER.search(text, max(page.floor, start - _LOOK), start)
        if not found or not found.lastgroup:
            break
        word = found.group().strip().lower()
        if word in {"über", "over"} and (
            first.kind == "duration" or _AMOUNT_OF.search(text, max(0, found.start() - 20), found.start())
        ):
            break
        new = _MEANING[int(found.lastgroup[1:])]
        meaning = new if not meaning or meaning == "about" else meaning
        start = found.start()
    return start, meaning


def _refused(page: Page, found: Piece, *, glued_dash: bool = False) -> bool:
    """Whether the signs around a number make it part of something else: '3:30', '12/345', 'GPT-5'."""
    text, start, end = page.text, found.start, found.end
    if start and not glued_dash:
        front = text[start - 1]
        if _GLUED.match(front) or (
            front in ":/.,-'\\"
            and start > 1
            and text[start - 2].isalnum()
            and (front != ":" or text[start - 2].isdecimal())
        ):
            return True
    follows = _FOLLOWED.match(text, end)
    return bool(follows) and not (follows.group().isalpha() and _is_sign(text[end - 1])) if follows else False


def _is_sign(character: str) -> bool:
    """A sign that may stand against a letter: '€je'."""
    return not character.isalnum()


def _bare_refused(page: Page, first: Piece) -> bool:
    """Bare numbers that are rather ordinals, list marks or headings."""
    text, start, end = page.text, first.start, first.end
    if first.kind or first.factor != 1 or page.whole:
        return False
    line = text.rfind("\n", max(0, start - _LINE), start) + 1
    leads = not text[max(line, start - _LINE) : start].strip(" \u00a0([")
    if (
        leads
        and first.number.decimals in {1, 2}
        and first.number.manner == "en"
        and _HEADING.match(text, end)
    ):
        return True
    if first.number.bare and text[end : end + 1] in {".", ")"} and len(text[first.start : end]) <= 2:
        after = text[end + 1 : end + 3]
        inside = text[start - 1 : start] in {"(", "["}
        return (bool(after.strip()) and leads) or inside
    return False


def _word_refused(page: Page, first: Piece) -> bool:
    """'ein', 'a', 'one' are numbers only before what they count."""
    word = word_at(page.text, first.start) or ""
    if first.kind or first.factor != 1:
        vague = word == "eines" or (word in {"a", "an"} and first.name in {"seconds", "minutes"})
        per = word in {"a", "an"} and after_amount(page.text, first.start)
        return first.kind == "duration" and first.value == 1 and (vague or per)
    return (word in ARTICLES and first.value == 1) or (
        word in {"half", "hundert", "tausend"} and first.value < 1
    )


def _account(page: Page, start: int) -> tuple[int, int, Figure] | None:
    """An amount in an accountant's parentheses at the bracket before an offset: it is negative."""
    text = page.text
    at = start
    while at > page.floor and text[at - 1] in "€$£ EURSDCHFGBP" and start - at < 5:
        at -= 1
    if at <= page.floor or text[at - 1] != "(":
        return None
    found = _ACCOUNT.match(text, at - 1)
    if not found:
        return None
    inner = amount_at(Page(found["inner"], page.style, page.whole), start - at)
    if not inner or inner[0] or inner[1] != len(found["inner"]) or not inner[2].amount:
        return None
    value, name = inner[2].amount, inner[2].amount.unit
    outer = unit_behind(text, found.end(), page.style, scaled=False)
    front = currency_before(text, at - 1, page.floor)
    marked = re.search(r"[.,]\d", found["inner"]) and _TAIL.match(text, found.end())
    if not (marked or outer or front):
        if re.search(r"[.,]\d\d$", found["inner"]):
            raise Unclear
        return None
    begin, end, kind, factor = at - 1, found.end(), inner[2].kind, _ONE
    if front and not name:
        begin, name, factor, kind = front[0], front[1], front[2], "money"
    elif outer and not name:
        end, name, factor, kind = outer.end, outer.name, outer.factor, outer.kind
    if kind not in {"money", "number"}:
        return None
    low = _EXACT.multiply(-value.low, factor)
    return begin, end, Figure(begin, end, kind, amount=Amount(low, low, name))


def amount_at(page: Page, start: int) -> tuple[int, int, Figure] | None:
    """The amount whose number begins at an offset: its begin, its end, and the figure.

    Raises:
        Unclear: it could be several powers of ten.
    """
    text = page.text
    spelled = not text[start].isdecimal()
    if not spelled:
        account = _account(page, start)
        if account:
            return account
    first = piece(page, start)
    if first is None:
        return None
    if not spelled and not page.whole and torn(text, start, first.number.end):
        raise Unclear
    pair = _range(page, first)
    last = pair[1] if pair else first
    outline = first._replace(end=last.end)
    if (
        _refused(page, outline)
        or _clash(first, page.style)
        or _doubtful(text, outline._replace(kind=last.kind))
    ):
        return None
    if not pair and (_word_refused(page, first) if spelled else _bare_refused(page, first)):
        return None
    low, high = (pair[0], pair[1]) if pair else (first, first)
    begin = pair[2] if pair else first.start
    qualified, meaning = _qualified(page, first._replace(start=begin, kind=low.kind))
    end, meaning = _suffix(text, last.end, meaning)
    value = Amount(_product(low), _product(high), low.name, "range" if pair else meaning)
    return qualified, end, Figure(qualified, end, low.kind or "number", amount=value)


def _suffix(text: str, end: int, meaning: str) -> tuple[int, str]:
    """'oder mehr', 'or less', '+' behind an amount."""
    found = _SUFFIX.match(text, end)
    if not found or meaning:
        return end, meaning
    return found.end(), "at most" if found["most"] else "at least"


def _product(part: Piece) -> Decimal:
    """The number times its scale, exactly."""
    return _tidy(_EXACT.multiply(part.value, part.factor))


def _tidy(value: Decimal) -> Decimal:
    """Without trailing zeros or an exponent: 1E+3 is 1000."""
    whole = value.to_integral_value(context=_EXACT)
    return whole.quantize(_ONE, context=_EXACT) if value == whole else value.normalize(_EXACT)
