"""Names in texts: by legal forms, capitals inside, trades before them, appositions, as subjects."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.facts.news_words import COMMON, ENGLISH_TRADES, PREPOSITIONS, TRADES, VERBS
from rechenwerk.documents.facts.topics import mentions

FORMS = (
    r"GmbH[ ]?&[ ]?Co\.?[ ]?KG(?:aA)?|SE[ ]?&[ ]?Co\.?[ ]?KGaA|AG[ ]?&[ ]?Co\.?[ ]?KG(?:aA)?|gGmbH"
    r"|GmbH|mbH|AG|SE|KGaA"
    r"|OHG|KG|UG(?:[ ]\(haftungsbeschränkt\))?|eG|e\.[ ]?G\.|e\.[ ]?V\.|Inc\.?|Corp\.?|Corporation"
    r"|Incorporated|Ltd\.?"
    r"|Limited|LLC|L\.L\.C\.|LLP|PLC|plc|PBC|N\.V\.|NV|B\.V\.|BV|S\.A\.|S\.p\.A\.|S\.r\.l\."
    r"|Aktiengesellschaft|AB|Oy|ApS|A/S"
)
LOOSE = r"Group|Gruppe|Holdings?|Company|Co\.|Konzern|Technologies|International"
_STRIPPED = re.compile(rf"(?:[,\s]+(?:{FORMS}|{LOOSE}))+$")
NAME = r"[A-ZÄÖÜ][\w&\-]*(?:\.(?=[A-Za-z]))?[\w\-]*"
LEGAL = re.compile(rf"((?:{NAME}[ ](?:(?:&|und|and|of|für|der|de)[ ])?){{1,5}})({FORMS})(?![\w])")
_MIXED = re.compile(r"\b[A-Z][a-z0-9]+[A-Z]\w*|\b[A-Z]{3,6}\b(?!\$)")
_BEGIN = r"(?:(?<=[.!?\n\"“„:»\u2013-]\s)|(?<=\n)|^)"
"""Where a sentence begins."""
_ARTICLE = r"(?:Der|Die|Das|The|Ein|Eine|An?)[ ]"
_VERB = rf"(?:{'|'.join(VERBS)})"
_SUBJECT = re.compile(
    rf"(?:{_BEGIN}|,\s|\b(?:[Ww]ie|[Aa]s|[Dd]ass|[Tt]hat"
    rf"|[Ww]eil)\s)((?:{_ARTICLE})?(?:{NAME}[ ](?:&[ ])?){{1,5}})"
    rf"(?={_VERB}\b)"
)
_APPOSED = re.compile(
    rf"{_BEGIN}((?:{_ARTICLE})?(?:{NAME}[ ]?(?:&[ ])?){{1,4}}),\s"
    r"(?:eine?[rnms]?|an?|the|which|who|whose|der|die|das|dessen|deren|where|wo)\s"
    r"[^.;!?]{3,110}?,\s(?=[a-zäöü])"
)
"""'Talhof, ein Hersteller von Rädern, baut', 'Talhof, which makes wheels, reported'."""
_TRADED = re.compile(
    rf"(?:\b(?=[A-ZÄÖÜ])[\w-]*(?i:{'|'.join(TRADES)})(?:e?[sn])?|\b(?:{'|'.join(ENGLISH_TRADES)}))[ ]"
    rf"((?:{NAME}[ ]?){{1,3}})"
)
"""'den Möbelhändler Talhof', 'its rival Talhof'."""
_PERSON = re.compile(
    r"\b(?:(?:[A-ZÄÖÜ][\w-]*)?(?:[Cc]hef|[Vv]orstand|[Vv]orsitzende|[Ss]precher|[Gg]ründer|[Dd]irektor"
    r"|[Ll]eiter"
    r"|[Mm]inister|[Aa]nalyst|[Gg]eschäftsführer|[Bb]ürgermeister|[Ii]nhaber|[Pp]räsident"
    r"|[Mm]anager)(?:in|r|n)?"
    r"|Herr|Frau|Dr\.|Prof\.|Mrs?\.?|Ms\.?|CEO|CFO|chief executive|chairman|chairwoman|chair|spokesman"
    r"|spokeswoman|president|director|founder|analyst|mayor|minister|secretary)[ ]"
    r"([A-ZÄÖÜ][a-zäöüß-]+(?:[ ][A-ZÄÖÜ][a-zäöüß-]+)?)(?![\w-])"
)
_PARTICIPLE = re.compile(r"^(?:\w{0,5}ge\w+|(?:be|er|ver|zer|ent|über|unter)\w+)(?:t|en)$")
_PASSIVE = re.compile(r"(?:wurden?|wird|werden|ist|sind|war|waren)\b")
_CAPITAL = re.compile(r"(?<![\w-])([A-ZÄÖÜ][a-zäöüß]+(?:[A-Z]\w*)?)(?:s\b)?(?![\w-])")
_BEFORE = re.compile(r"[^\s.!?:]+[ \n]$")
_MARK = re.compile(
    r"^(?:[Dd](?:er|ie|as|en|em|es)|[Ee]in\w*|[Kk]ein\w*|[Tt]he|an?|[Ii]hr\w*|[Ss]ein\w*|[Uu]nser\w*"
    r"|[Dd]ies\w*|[Ii]m|[Zz]um|[Zz]ur|[Bb]eim"
    r"|[Vv]om|[Aa]m|[Ii]n|aus|[\d.,]+|[a-zäöü]+(?:e|en|er|es|em)|mehr|Herr|Frau|Mr|Mrs|Dr)[ \n]$"
)
_DETERMINED = re.compile(
    r"(?<![\w-])(?:[Dd](?:er|ie|as|en|em|es)|[Ee]ine?[rnms]?|[Kk]eine?[rnms]?|[Tt]he|[Aa]n?"
    r"|[Ii]hre?[rnms]?|[Ss]eine?[rnms]?)[ \n]"
    r"(?:[a-zäöüß]+(?:e|en|er|es|em)[ \n])?$"
)
_GOVERNS = re.compile(
    rf"^(?:von|bei|mit|gegen|für|an|durch|of|at|by|with|from|to|for|against|{'|'.join(VERBS)})[ \n]$",
    re.IGNORECASE,
)
_NOUN_ENDINGS = ("ung", "heit", "keit", "schaft", "tion", "ungen", "ionen", "ing", "ness", "ment")
_DATELINE = re.compile(r"(?:^|\n)([A-ZÄÖÜ][\w-]+)\.[ ](?=[A-ZÄÖÜ])")
_WEAK = re.compile(
    rf"\b(?:[Bb]ei|[Vv]on|gegen|at|of|by|from|for|für|mit|with|in|[Ii]n|so|der Stadt|der Gemeinde|{_VERB})[ ]"
    r"((?:[A-ZÄÖÜ][\w&\-]+[ ]?(?:&[ ])?){1,3})(?=[a-zäöüß\d]|[.,]|$)"
    rf"|{_BEGIN}((?:(?:{_ARTICLE})?(?:[A-ZÄÖÜ][\w&\-]+[ ](?:&[ ])?){{1,3}}))(?=(?:now |also |still )?"
    r"[a-zäöüß]{2,}(?:te|t|ed|s|d)\b)"
    r"|(?<=[a-zäöüß] )((?:[A-ZÄÖÜ][\w&\-]+[ ]){1,3})(?=(?:[\w-]+[ ]){0,3}(?:€|\$|£)?\d)"
)
"""Where a name may stand; only in texts that give none with certainty."""

_PROPER = re.compile(
    r"(?<=[a-z,] )(?<!\bin )(?<!\bfrom )([A-Z][a-z][\w&\-]*(?:[ ][A-Z][a-z][\w&\-]*){0,2})(?=[ ][a-z]"
    r"|[.,'\u2019])"
)
"""Any capitals within an English sentence are a name."""
_WHERE = re.compile(
    r"\b(?:[Ii]n|[Ii]m|[Aa]us|[Nn]ahe|[Nn]ear|[Ff]rom|[Oo]utside)\s+(?:the\s+|der\s+|dem\s+)?$"
)
_QUOTED = re.compile(
    r"[„“\"»](?!\w+[ ](?:ist|sind|war|is|was|are)\b)((?:[A-ZÄÖÜ][\w-]+)(?:[ ][A-ZÄÖÜ][\w-]+){0,2})[“”\"«]"
)
_POSSESSED = re.compile(r"\b([A-Z][\w&\-]+(?:[ ][A-Z][\w&\-]+){0,3})['\u2019]s\b")
_UMLAUTS = MappingProxyType({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


class Named(NamedTuple):
    """A name in a text: where, as it stands, and as the set of documents calls it."""

    start: int
    end: int
    name: str
    entity: str


def stripped(name: str) -> str:
    """A name without article, possessive and legal form, as it is shown."""
    name = re.sub(r"\s+", " ", name).strip(" ,;:\"'„“”»«")
    name = re.sub(r"^(?:Der|Die|Das|The|der|die|das|the)\s+", "", name)
    name = re.sub(r"['\u2019]s?$", "", name)
    short = _STRIPPED.sub("", name).strip(" ,.")
    return short or name


def key(name: str) -> str:
    """A name as it is compared: case, umlauts, accents, punctuation and legal forms do not matter."""
    name = "".join(_UMLAUTS.get(sign, sign) for sign in unicodedata.normalize("NFC", stripped(name)))
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", " ", plain.lower()).strip()


def clean(name: str) -> str:
    """A candidate without the common words and trades before it: 'Der Autobauer Nordwind' is Nordwind."""
    words = name.split()
    if words and words[0].lower() in PREPOSITIONS:
        return ""
    while words and (words[0].lower() in COMMON or topical(words[0]) or words[0].lower().endswith(TRADES)):
        words.pop(0)
    while (
        words and not re.fullmatch(FORMS, words[-1]) and (words[-1].lower() in COMMON or topical(words[-1]))
    ):
        words.pop()
    return " ".join(words)


def topical(name: str) -> bool:
    """Whether a candidate is rather a word for what is measured ('Umsatzerlöse')."""
    found = mentions(name, 0, len(name))
    return any(one.start == 0 and one.end == len(name) for one in found)


def candidates(text: str) -> list[str]:
    """Names that a text gives with some certainty."""
    names = [found.group() for found in LEGAL.finditer(text)]
    names += [found[1] for found in _SUBJECT.finditer(text) if _is_named(found[1], text[found.end() :])]
    names += [found[1] for found in _APPOSED.finditer(text) if _is_named(found[1], "")]
    names += [found[1] for found in _TRADED.finditer(text)]
    names += [found[1] for found in _POSSESSED.finditer(text)]
    names += [found.group() for found in _MIXED.finditer(text)]
    names += [found[1] for found in _QUOTED.finditer(text)]
    places = {key(found[1]) for found in _DATELINE.finditer(text)}
    names += [name for name in _repeated(text) if key(name) not in places]
    return _kept(names)


def persons(text: str) -> set[str]:
    """Keys of names that stand behind a person's title or office: no fact of a company is theirs."""
    return {key(found[1]) for found in _PERSON.finditer(text)}


def _is_named(subject: str, behind: str) -> bool:
    """Whether a subject is a name for certain: no noun with its article, no participle before its verb."""
    words = subject.split()
    if len(words) == 2 and re.fullmatch(_ARTICLE, f"{words[0]} "):
        return _MIXED.fullmatch(words[1]) is not None
    return not (
        len(words) == 1 and _PARTICIPLE.match(words[0].lower()) and _PASSIVE.match(behind) is not None
    )


def marked(text: str, start: int) -> bool:
    """Whether an article stands before an offset, or one with an adjective, as before few names."""
    return bool(_DETERMINED.search(text, max(0, start - 30), start))


def placed(text: str, name: Named) -> bool:
    """Whether a name is a place where it stands: the dateline of a story, or behind 'in', 'aus', 'near'."""
    if _WHERE.search(text, max(0, name.start - 16), name.start):
        return True
    found = _DATELINE.match(text, max(0, name.start - 1))
    return found is not None and found.start(1) == name.start


def guesses(text: str, language: str) -> list[str]:
    """Names that a text may give, where it gives none with certainty."""
    names = [found[1] for found in _DATELINE.finditer(text)]
    names += [found[1] for found in _PROPER.finditer(text)] if language.startswith("en") else []
    names += [found[1] or found[2] or found[3] for found in _WEAK.finditer(text)]
    return _kept([*names, *_repeated(text, placed=False)])


def _kept(names: Iterable[str]) -> list[str]:
    """Candidates that are names after all."""
    cleaned = (clean(name) for name in names)
    return [
        name
        for name in cleaned
        if len(key(name)) > 1 and not {key(name), name.lower()} & COMMON and not topical(name)
    ]


def candidate(name: str) -> bool:
    """Whether a word may be a name, and no common word of the news."""
    return bool(_kept([name]))


def _repeated(text: str, *, placed: bool = True) -> list[str]:
    """Capitalised words that come back as names do.

    Never with an article, an adjective or a number before them, and once behind a verb or a preposition.
    """
    seen: Counter[str] = Counter()
    marked: set[str] = set()
    governed: set[str] = set()
    for found in _CAPITAL.finditer(text):
        word = found[1]
        before = _BEFORE.search(text, max(0, found.start() - 24), found.start())
        front = before.group() if before else ""
        seen[word] += 1
        if _MARK.search(front) or word.lower() in COMMON or word.lower().endswith(_NOUN_ENDINGS):
            marked.add(word)
        if _GOVERNS.search(front):
            governed.add(word)
    fit = set(seen) - marked if not placed else governed - marked
    return [word for word, times in seen.items() if times > 1 and word in fit]
