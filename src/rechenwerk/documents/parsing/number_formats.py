"""Numbers and dates of a workbook as they are displayed: its format codes (ECMA-376 part 1, 18.8.30-31).

A file does not say in which country it is looked at, so a German workbook shows German signs and names, every
other one English. A 'short date' looks different everywhere: German ones are 03.04.2025, others 2025-04-03.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from types import MappingProxyType

BUILT_IN = MappingProxyType(
    {
        0: "General",
        1: "0",
        2: "0.00",
        3: "#,##0",
        4: "#,##0.00",
        5: "#,##0 €",
        6: "#,##0 €",
        7: "#,##0.00 €",
        8: "#,##0.00 €",
        9: "0%",
        10: "0.00%",
        11: "0.00E+00",
        12: "General",
        13: "General",
        14: "short",
        15: "d-mmm-yy",
        16: "d-mmm",
        17: "mmm-yy",
        18: "h:mm AM/PM",
        19: "h:mm:ss AM/PM",
        20: "h:mm",
        21: "h:mm:ss",
        22: "short h:mm",
        37: "#,##0;-#,##0",
        38: "#,##0;-#,##0",
        39: "#,##0.00;-#,##0.00",
        40: "#,##0.00;-#,##0.00",
        45: "mm:ss",
        46: "[h]:mm:ss",
        47: "mm:ss.0",
        48: "0.0E+0",
        49: "@",
    }
)
PIECE = re.compile(
    r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|AM/PM|A/P|General|[Ee][+-]|y+|m+|d+|h+|s+|\.0+(?![#0?,])|[#0?.,]+|%|@|.',
    re.IGNORECASE | re.DOTALL,
)
ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
CURRENCY = re.compile(r"\[\$([^\-\]]*)(?:-([0-9A-Fa-f]+))?\]")
CONDITION = re.compile(r"\[(<=|>=|<>|<|>|=)\s*(-?[\d.]+)\]")
GERMAN_CODES = frozenset(["407", "807", "c07", "1007", "1407"])
MONTHS = (
    [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
)
DAYS = (
    ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
)
SIGNIFICANT = 15
GENERAL = 10
LAST_DAY = 2_958_466


def displayed(value: str, code: str, *, german: bool, since_1904: bool = False) -> str:
    """A number as its cell shows it.

    Args:
        value: as the file keeps it: '1234.5', '3.0000000000000001E-2'.
        code: the cell's format code; `BUILT_IN` has those without one in the file.
        german: whether German signs and names are shown.
        since_1904: whether days are counted from 1904.
    """
    try:
        number = _rounded(Decimal(value))
    except InvalidOperation:
        return value
    section = _section(code or "General", number)
    pieces = PIECE.findall(section.text)
    language = CURRENCY.search(section.text)
    if language and language[2] and language[2].lower().lstrip("0") in GERMAN_CODES:
        german = True
    plain = [piece for piece in pieces if piece[0] not in '"\\_*[']
    if section.text in {"short", "short h:mm"} or ELAPSED.search(section.text) or _is_date(plain):
        shown = _date(number, section.text, german=german, since_1904=since_1904)
        return shown if shown is not None else _general(number, german=german)
    if section.signed:
        number = abs(number)
    return _number(number, pieces, german=german)


class _Section:
    """The part of a code that is for this number; whether it writes the sign itself."""

    __slots__ = ("signed", "text")

    def __init__(self, text: str, *, signed: bool) -> None:
        self.text = text
        self.signed = signed


def _section(code: str, number: Decimal) -> _Section:
    sections = [""]
    for piece in PIECE.findall(code):
        if piece == ";":
            sections.append("")
        else:
            sections[-1] += piece
    for text in sections[:2]:
        if found := CONDITION.search(text):
            bound = (
                Decimal(found[2]) if found[2].count(".") < 2 and found[2] not in {".", "-"} else Decimal(0)
            )
            tests = {
                "<": number < bound,
                ">": number > bound,
                "<=": number <= bound,
                ">=": number >= bound,
                "=": number == bound,
                "<>": number != bound,
            }
            if tests[found[1]]:
                return _Section(text, signed=False)
    if any(CONDITION.search(text) for text in sections[:2]):
        return _Section(sections[-1], signed=False)
    if number < 0 and len(sections) > 1:
        return _Section(sections[1], signed=True)
    if number == 0 and len(sections) > 2:
        return _Section(sections[2], signed=False)
    return _Section(sections[0], signed=False)


def _is_date(pieces: list[str]) -> bool:
    return not any(piece.lower() == "general" for piece in pieces) and any(
        piece[0].lower() in "ymdhs" for piece in pieces
    )


def _rounded(number: Decimal) -> Decimal:
    """At most 15 significant digits, as spreadsheets keep them."""
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise InvalidOperation
    with localcontext() as context:
        context.prec, context.rounding = SIGNIFICANT, ROUND_HALF_UP
        return +number


def _general(number: Decimal, *, german: bool) -> str:
    if number and not -10 < number.adjusted() < 15:
        text = f"{number:.5E}"
        mantissa, _, power = text.partition("E")
        text = f"{mantissa.rstrip('0').rstrip('.')}E{power}"
    else:
        with localcontext() as context:
            context.prec, context.rounding = max(GENERAL, number.adjusted() + 1), ROUND_HALF_UP
            text = f"{+number:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(".", ",") if german else text


def _number(number: Decimal, pieces: list[str], *, german: bool) -> str:
    """A number by the digits' pattern, with what stands around it."""
    out: list[str] = []
    percent = sum(1 for piece in pieces if piece == "%")
    digits = "".join(piece for piece in pieces if piece[0] in "#0?.,")
    power = next((piece for piece in pieces if piece[0] in "Ee" and len(piece) == 2), "")
    if power:
        digits = "".join(piece for piece in pieces[: pieces.index(power)] if piece[0] in "#0?.,")
    value = number.scaleb(2 * percent)
    written = False
    for piece in pieces:
        first = piece[0]
        if piece.lower() == "general" or piece == "@":
            out.append(_general(number, german=german))
            written = True
        elif first in "#0?.," and not written:
            out.append(
                _power(value, digits, german=german) if power else _digits(value, digits, german=german)
            )
            written = True
        elif first in "#0?.," or piece == power or first == "*":
            continue
        else:
            out.append(_literal(piece))
    text = "".join(out)
    if number < 0 and written and not text.lstrip().startswith("-"):
        text = f"-{text}"
    return " ".join(text.split())


def _literal(piece: str) -> str:
    if piece.startswith('"'):
        return piece[1:-1] if len(piece) > 1 else ""
    if piece.startswith("\\"):
        return piece[1:]
    if piece.startswith("_"):
        return " "
    if found := CURRENCY.match(piece):
        return found[1]
    return "" if piece.startswith("[") else piece


def _digits(value: Decimal, pattern: str, *, german: bool) -> str:
    """'#,##0.00' and its kin."""
    whole, _, part = pattern.partition(".")
    trailing = len(whole) - len(whole.rstrip(",")) if not part else len(part) - len(part.rstrip(","))
    value = abs(value).scaleb(-3 * trailing)
    grouped = "," in whole.rstrip(",")
    places = sum(1 for sign in part if sign in "0#?")
    least = sum(1 for sign in part if sign == "0")
    with localcontext() as context:
        context.prec = 60
        shown = f"{value.quantize(Decimal(1).scaleb(-min(30, places)), ROUND_HALF_UP):f}"
    front, _, back = shown.partition(".")
    while len(back) > least and back.endswith("0"):
        back = back[:-1]
    wanted = sum(1 for sign in whole if sign == "0")
    front = front.lstrip("0").zfill(wanted)
    if grouped:
        front = f"{int(front or 0):,}".zfill(wanted) if front else front
        front = front.replace(",", "." if german else ",")
    point = "," if german else "."
    return f"{front}{point}{back}" if back else front


def _power(value: Decimal, pattern: str, *, german: bool) -> str:
    places = sum(1 for sign in pattern.partition(".")[2] if sign in "0#?")
    text = f"{abs(value):.{min(30, places)}E}"
    mantissa, _, power = text.partition("E")
    shown = f"{mantissa}E{power[0]}{power[1:].zfill(2)}"
    return shown.replace(".", ",") if german else shown


def _date(number: Decimal, code: str, *, german: bool, since_1904: bool) -> str | None:
    """A day, a time of the day, or hours that passed; None where no calendar has that day."""
    if not 0 <= number < LAST_DAY:
        return None
    seconds = int((number * 86_400).to_integral_value(ROUND_HALF_UP))
    if found := ELAPSED.search(code):
        unit = {"h": 3600, "m": 60, "s": 1}[found[1][0].lower()]
        rest = ELAPSED.sub("", code, count=1)
        shown = str(seconds // unit).zfill(len(found[1]))
        inner = seconds % unit
        return shown + _elapsed(rest, inner)
    days = seconds // 86_400 + (1462 if since_1904 else 0)
    # The first spreadsheet held 1900 for a leap year; all others count with its error.
    start = datetime(1899, 12, 30) if days >= 61 else datetime(1899, 12, 31)  # noqa: DTZ001
    moment = start + timedelta(days=days, seconds=seconds % 86_400)
    if code.startswith("short"):
        code = code.replace("short", "dd.mm.yyyy" if german else "yyyy-mm-dd")
    return _calendar(moment, PIECE.findall(code), german=german)


def _elapsed(code: str, seconds: int) -> str:
    code = re.sub("mm", f"{seconds // 60:02d}", code, count=1, flags=re.IGNORECASE)
    code = re.sub("ss", f"{seconds % 60:02d}", code, count=1, flags=re.IGNORECASE)
    return "".join(_literal(piece) if piece[0] in '"\\_[' else piece for piece in PIECE.findall(code))


def _calendar(moment: datetime, pieces: list[str], *, german: bool) -> str:
    noon = any(piece.upper() in {"AM/PM", "A/P"} for piece in pieces)
    out: list[str] = []
    before = ""
    for at, piece in enumerate(pieces):
        name = piece.lower()
        if name[0] in "ymdhs" and set(name) == {name[0]}:
            after = next((one.lower()[0] for one in pieces[at + 1 :] if one[0].lower() in "ymdhs"), "")
            minutes = name[0] == "m" and len(name) < 3 and (before == "h" or after == "s")
            out.append(_part(moment, "n" * len(name) if minutes else name, noon=noon, german=german))
            before = name[0]
        elif name in {"am/pm", "a/p"}:
            out.append("AM" if moment.hour < 12 else "PM")
        elif name[0] == "." and len(name) > 1:
            out.append(name)
        elif name[0] != "*":
            out.append(_literal(piece))
    return " ".join("".join(out).replace("@", "").split())


def _part(moment: datetime, name: str, *, noon: bool, german: bool) -> str:
    kind, length = name[0], len(name)
    if kind == "y":
        return f"{moment.year:04d}" if length > 2 else f"{moment.year % 100:02d}"
    if length >= 3 and kind in "md":
        words = (MONTHS if kind == "m" else DAYS)[0 if german else 1]
        word = words[moment.month - 1 if kind == "m" else moment.weekday()]
        return word if length > 3 else word[:2] if kind == "d" and german else word[:3]
    hour = (moment.hour % 12 or 12) if noon else moment.hour
    value = {"m": moment.month, "d": moment.day, "h": hour, "n": moment.minute, "s": moment.second}[kind]
    return f"{value:02d}" if length > 1 else str(value)
