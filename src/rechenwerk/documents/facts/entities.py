"""Who is meant: names in texts, their aliases and legal forms, one name for all documents.

Names are found by legal forms, by capitals inside, as subjects of business verbs, and by definitions ('Muster
GmbH (im Folgenden „Muster“)'); what one document of a set names so is known in all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.facts.topics import mentions
from rechenwerk.documents.facts.values import Article
from rechenwerk.documents.figures.style import listed

_FORMS = (
    r"GmbH[ ]?&[ ]?Co\.?[ ]?KG(?:aA)?|SE[ ]?&[ ]?Co\.?[ ]?KGaA|AG[ ]?&[ ]?Co\.?[ ]?KG(?:aA)?|gGmbH"
    r"|GmbH|mbH|AG|SE|KGaA"
    r"|OHG|KG|UG(?:[ ]\(haftungsbeschränkt\))?|eG|e\.[ ]?G\.|e\.[ ]?V\.|Inc\.?|Corp\.?|Corporation"
    r"|Incorporated|Ltd\.?"
    r"|Limited|LLC|L\.L\.C\.|LLP|PLC|plc|PBC|N\.V\.|NV|B\.V\.|BV|S\.A\.|S\.p\.A\.|S\.r\.l\."
    r"|Aktiengesellschaft|AB|Oy|ApS|A/S"
)
_LOOSE = r"Group|Gruppe|Holdings?|Company|Co\.|Konzern|Technologies|International"
_STRIPPED = re.compile(rf"(?:[,\s]+(?:{_FORMS}|{_LOOSE}))+$")
_NAME = r"[A-ZÄÖÜ][\w&\-]*(?:\.(?=[A-Za-z]))?[\w\-]*"
_LEGAL = re.compile(rf"((?:{_NAME}[ ](?:(?:&|und|and|of|für|der|de)[ ])?){{1,5}})({_FORMS})(?![\w])")
_MIXED = re.compile(r"\b[A-Z][a-z0-9]+[A-Z]\w*|\b[A-Z]{3,6}\b(?!\$)")
_VERBS = listed(
    "hat hatte haben habe meldet meldete will wollen wolle plant plante steigerte steigert erzielte"
    " erzielt erwirtschaftete"
    " erwirtschaftet machte macht verbuchte verbucht verzeichnete verzeichnet verkauft verkaufte"
    " übernahm übernimmt kauft"
    " kaufte investiert investierte baut baute beschäftigt beschäftigte setzt setzte verdient"
    " verdiente verlor verliert"
    " schreibt schrieb schloss schließt unterzeichnet unterzeichnete verpflichtet verpflichtete"
    " erwartet erwartete rechnet"
    " rechnete zahlt zahlte sammelt sammelte erhält erhielt bekommt bekam gibt gab wird wurde ist"
    " war sei kommt kam legt"
    " legte wuchs wächst peilt strebt streicht senkt senkte erhöht erhöhte hob verfügt betreibt"
    " liefert lieferte produziert"
    " produzierte teilte sagte kündigte kündigt bestellt bestellte vergibt vergab nimmt nahm besitzt"
    " hält dürfte soll könnte"
    " werde wies weist stellt stellte zählt zählte bezifferte beziffert nannte nennt schätzt"
    " schätzte gewann gewinnt leistet"
    " kostet kostete schafft schuf baute verringerte verdoppelte steckt steckte bleibt blieb konnte"
    " musste muss kann spart"
    " says said reported reports posted posts plans planned will has had is was expects expected"
    " aims aimed earned earns made"
    " makes lost loses raised raises signed signs agreed agrees committed commits invested invests"
    " employs employed bought"
    " buys acquired acquires sold sells paid pays announced announces generated generates recorded"
    " records booked grew grows"
    " saw targets targeted wants intends could may would cut cuts hired operates ordered secured won"
    " received receives"
    " borrowed owes spends spent builds built delivered delivers produced produces holds owns became"
    " closed ended increased"
    " boosted lifted narrowed widened swung reached reaches served counts forecast forecasts took"
    " takes did does should"
    " might warned confirmed disclosed revealed put puts estimates estimated values valued finished"
    " turned achieved beat"
)
VERB = re.compile(rf"\b(?:{'|'.join(_VERBS)})\b")
"""A finite verb of business news."""

_SUBJECT = re.compile(
    rf"(?:(?<=[.!?\n\"“„:»\u2013-]\s)|(?<=\n)|^|,\s|\b(?:[Ww]ie|[Aa]s|[Dd]ass|[Tt]hat"
    rf"|[Ww]eil)\s)(?:(?:Der|Die|Das|The)[ ])?((?:{_NAME}[ ]){{1,5}})"
    rf"(?:(?:{'|'.join(_VERBS)})\b)"
)
_PAIR = re.compile(rf"\b({_NAME})[ ](?!(?:{_FORMS}|{_LOOSE})\b)(?=([A-ZÄÖÜ][a-zäöüß]\w+))")
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
    rf"^(?:von|bei|mit|gegen|für|an|durch|of|at|by|with|from|to|for|against|{'|'.join(_VERBS)})[ \n]$",
    re.IGNORECASE,
)
_NOUN_ENDINGS = ("ung", "heit", "keit", "schaft", "tion", "ungen", "ionen", "ing", "ness", "ment")
_DATELINE = re.compile(r"(?:^|\n)([A-ZÄÖÜ][\w-]+)\.[ ](?=[A-ZÄÖÜ])")
_WEAK = re.compile(
    rf"\b(?:[Bb]ei|von|gegen|at|of|by|for|für|mit|with|in|[Ii]n|so|der Stadt|der Gemeinde"
    rf"|{'|'.join(_VERBS)})[ ]"
    r"((?:[A-ZÄÖÜ][\w&\-]+[ ]?){1,3})(?=[a-zäöü\d]|[.,]|$)"
    r"|(?:(?<=[.!?\n]\s)|(?<=\n)|^)(?:(?:Der|Die|Das|The)[ ])?((?:[A-ZÄÖÜ][\w&\-]+[ ]){1,3})(?:now "
    r"|also |still )?[a-zäöü]{2,}(?:te|t|ed|s|d)\b"
)
"""Where a name may stand; only in texts that give none with certainty."""

_QUOTED = re.compile(
    r"[„“\"»](?!\w+[ ](?:ist|sind|war|is|was|are)\b)((?:[A-ZÄÖÜ][\w-]+)(?:[ ][A-ZÄÖÜ][\w-]+){0,2})[“”\"«]"
)
_POSSESSED = re.compile(r"\b([A-Z][\w&\-]+(?:[ ][A-Z][\w&\-]+){0,3})['\u2019]s\b")
_ALIAS = re.compile(
    r"\(\s*(?:(?:im Folgenden|nachfolgend|nachstehend|kurz|auch|hereinafter(?: referred to as)?|the"
    r"|or|formerly|früher)"
    r"[:,]?\s+)*(?:the\s+|die\s+|der\s+)?[„“\"»']?([A-ZÄÖÜ][\w&\- ]{1,40}?)[“”\"«']?\s*\)"
)
_GENERIC_ENDINGS = (
    "bauer",
    "hersteller",
    "anbieter",
    "konzern",
    "betreiber",
    "unternehmen",
    "firma",
    "händler",
    "dienstleister",
    "gesellschaft",
    "versorger",
    "spezialist",
    "riese",
    "gigant",
    "startup",
    "start-up",
    "gruppe",
    "produzent",
    "entwickler",
    "lieferant",
    "zulieferer",
    "genossenschaft",
    "stiftung",
    "verein",
    "molkerei",
    "brauerei",
    "reederei",
    "bäckerei",
    "werft",
    "klinik",
    "versicherer",
    "versicherung",
    "sparkasse",
    "stadt",
    "gemeinde",
    "ministerium",
    "behörde",
    "airline",
    "verband",
    "kette",
    "tochter",
    "mutter",
    "konkurrent",
    "rivale",
    "partner",
    "verlag",
    "makler",
    "bank",
    "maker",
    "company",
    "group",
    "provider",
    "operator",
    "retailer",
    "supplier",
    "developer",
    "giant",
    "firm",
    "subsidiary",
)
_COMMON = frozenset(
    listed(
        "der die das den dem des ein eine the a an this that these those in im am an auf bei beim"
        " mit nach von vom zu zum"
        " zur für und oder aber doch auch so wie was wer wo wann er sie es wir ihr ich he she it we"
        " they you i its his her"
        " their our my if when while as at by for from of on or to with but and after before since"
        " until during under"
        " über unter seit vor bis durch gegen ohne um laut trotz wegen während zwischen insgesamt"
        " dabei damit davon"
        " dazu dafür darüber zudem außerdem allerdings jedoch dagegen hingegen dennoch derzeit"
        " aktuell zuletzt bislang"
        " bisher künftig heute gestern morgen dieses diese dieser jahr jahre jahres quartal monat"
        " woche tag prozent million"
        " millionen milliarde milliarden billion billionen dollar euro franken pfund mitarbeiter"
        " beschäftigte umsatz gewinn"
        " verlust konzern unternehmen firma gruppe analysten experten investoren anleger branche"
        " markt vorstand"
        " aufsichtsrat geschäftsführer vorstandschef finanzchef chef chefin sprecher sprecherin"
        " geschäftsführung company"
        " group firm analysts experts investors shareholders chief executive ceo cfo chairman"
        " spokesman spokeswoman"
        " management board revenue profit sales loss net operating total first second third fourth"
        " last next new all both"
        " each every some many most more less other another here there now then today yesterday"
        " tomorrow january february"
        " march april may june july august september october november december monday tuesday"
        " wednesday thursday friday"
        " saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar"
        " märz mai juni juli"
        " oktober dezember eur usd chf gbp kg gmbh ag se ki ai it us usa eu uk gpu cpu ipo ebit"
        " ebitda gaap ifrs dax"
        " man wer jeder alle beide mehr weniger rund etwa knapp fast nur noch schon gut demnach"
        " danach davor darunter"
        " according however meanwhile still yet overall despite although because zahl zahlen ziel"
        " plan vertrag deal"
        " ende anfang mitte end mid early late fiscal year years quarter half month week day million"
        " billion trillion"
        " percent not no yes ja nein rat stadtrat gemeinderat land bund kommune kreis landkreis"
        " regierung bürgermeister council government state city town mayor how what why warum"
        " weshalb wieso trotzdem künftige frühere beim"
        " kunden nutzer aktie aktien shares finanzierung"
        " ergebnis einnahmen ausgaben kosten schulden preis preise bewertung auftrag übernahme"
        " investition investitionen"
    )
)
_PREPOSITIONS = frozenset(
    listed(
        "in im am an auf bei beim mit nach von vom zu zum zur für aus at by for from of on to with"
        " über unter seit vor bis"
        " durch gegen ohne um laut trotz wegen während zwischen since until during under after"
        " before near outside"
    )
)
_UMLAUTS = MappingProxyType({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


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


def _clean(name: str) -> str:
    """A candidate without the common words and trades before it: 'Der Autobauer Nordwind' is Nordwind."""
    words = name.split()
    if words and words[0].lower() in _PREPOSITIONS:
        return ""
    while words and (
        words[0].lower() in _COMMON or _topical(words[0]) or words[0].lower().endswith(_GENERIC_ENDINGS)
    ):
        words.pop(0)
    while (
        words
        and not re.fullmatch(_FORMS, words[-1])
        and (words[-1].lower() in _COMMON or _topical(words[-1]))
    ):
        words.pop()
    return " ".join(words)


def _topical(name: str) -> bool:
    """Whether a candidate is rather a word for what is measured ('Umsatzerlöse')."""
    found = mentions(name, 0, len(name))
    return any(one.start == 0 and one.end == len(name) for one in found)


def candidates(text: str) -> list[str]:
    """Names that a text gives with some certainty."""
    names = [found.group() for found in _LEGAL.finditer(text)]
    names += [found[1] for found in _SUBJECT.finditer(text)]
    names += [found[1] for found in _POSSESSED.finditer(text)]
    names += [found.group() for found in _MIXED.finditer(text)]
    names += [found[1] for found in _QUOTED.finditer(text)]
    names += _repeated(text)
    return _kept(names)


def marked(text: str, start: int) -> bool:
    """Whether an article stands before an offset, or one with an adjective, as before few names."""
    return bool(_DETERMINED.search(text, max(0, start - 30), start))


def guesses(text: str) -> list[str]:
    """Names that a text may give, where it gives none with certainty."""
    names = [found[1] for found in _DATELINE.finditer(text)]
    names += [found[1] or found[2] for found in _WEAK.finditer(text)]
    return _kept([*names, *_repeated(text, placed=False)])


def _kept(names: Iterable[str]) -> list[str]:
    """Candidates that are names after all."""
    cleaned = (_clean(name) for name in names)
    return [
        name for name in cleaned if len(key(name)) > 1 and key(name) not in _COMMON and not _topical(name)
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
        if _MARK.search(front) or word.lower() in _COMMON or word.lower().endswith(_NOUN_ENDINGS):
            marked.add(word)
        if _GOVERNS.search(front):
            governed.add(word)
    fit = set(seen) - marked if not placed else governed - marked
    return [word for word, times in seen.items() if times > 1 and word in fit]


class Named(NamedTuple):
    """A name in a text: where, as it stands, and as the set of documents calls it."""

    start: int
    end: int
    name: str
    entity: str


class Register:
    """The names of a set of documents.

    Args:
        articles: the documents.
        known: names that are known beforehand, with their aliases.
    """

    def __init__(self, articles: Sequence[Article], known: Mapping[str, Iterable[str]] | None = None) -> None:
        counts: Counter[str] = Counter()
        shown: dict[str, str] = {}
        aliases: dict[str, str] = {}
        for name, others in (known or {}).items():
            shown[key(name)] = name
            aliases |= {key(other): key(name) for other in others}
            counts[key(name)] += 1000
        texts = {article.document: f"{article.title}\n{article.text}" for article in articles}
        for text in texts.values():
            for name in candidates(text):
                counts[key(name)] += 1
                shown.setdefault(key(name), stripped(name))
            aliases |= _defined(text)
        for name in _longer(texts.values(), counts):
            counts[key(name)] += 1
            shown.setdefault(key(name), stripped(name))
        self._shown = shown
        self._aliases = _joined(counts, aliases)
        names = set(counts) | set(aliases)
        self._pattern = _names_pattern(names, shown)
        self._guessed = {
            document: _names_pattern(
                {key(name) for name in guesses(text)}, {key(name): name for name in guesses(text)}
            )
            for document, text in texts.items()
            if not self.named(text)
        }

    def entity(self, name: str) -> str:
        """The one name of somebody, as a key; '' for ''."""
        found = key(name)
        for _ in range(4):
            if found not in self._aliases:
                break
            found = self._aliases[found]
        return found

    def shown(self, entity: str) -> str:
        """A key as people write the name."""
        return self._shown.get(entity, entity)

    def named(self, text: str, start: int = 0, end: int | None = None, document: str = "") -> list[Named]:
        """Known names between two offsets; in a document without any, those that it may give."""
        pattern = self._guessed.get(document) if document else self._pattern
        pattern = pattern or self._pattern
        if pattern is None:
            return []
        found = pattern.finditer(text, start, len(text) if end is None else end)
        return [Named(one.start(), one.end(), one[1], self.entity(one[1])) for one in found]


def _longer(texts: Iterable[str], counts: Counter[str]) -> list[str]:
    """Known names with one more name behind them: 'Nordwind Energie' where 'Nordwind' is known."""
    first = {name.partition(" ")[0] for name in counts}
    pairs = (pair for text in texts for pair in _PAIR.finditer(text))
    return [
        f"{pair[1]} {pair[2]}"
        for pair in pairs
        if key(pair[1]) in first and pair[2].lower() not in _COMMON and not _topical(pair[2])
    ]


def _defined(text: str) -> dict[str, str]:
    """Aliases that a text defines: 'Muster GmbH (im Folgenden „Muster“)', 'International Cables (ICA)'."""
    found = {}
    for alias in _ALIAS.finditer(text):
        before = list(_LEGAL.finditer(text, max(0, alias.start() - 90), alias.start()))
        name = (
            _clean(before[-1].group())
            if before and text[before[-1].end() : alias.start()].strip() == ""
            else ""
        )
        if not name:
            words = re.findall(rf"{_NAME}", text[max(0, alias.start() - 70) : alias.start()])
            initials = alias[1].replace(".", "")
            tail = words[-len(initials) :]
            if (
                len(tail) == len(initials) >= 2
                and initials.isupper()
                and "".join(w[0] for w in tail).upper() == initials
            ):
                name = " ".join(tail)
        if name and key(name) != key(alias[1]) and key(alias[1]):
            found[key(alias[1])] = key(name)
    return found


def _joined(counts: Counter[str], aliases: dict[str, str]) -> dict[str, str]:
    """Aliases, and long names that begin with a known one: 'nordwind energie' is 'nordwind'."""
    joined = dict(aliases)
    names = sorted(counts, key=len)
    for long in names:
        words = long.split()
        shorter = [" ".join(words[:size]) for size in range(1, len(words))]
        short = next((one for one in shorter if one in counts and len(one) > 2), None)
        if short is None or long in joined:
            continue
        rivals = [other for other in names if other != long and other.startswith(short + " ")]
        if all(rival.startswith(long) or long.startswith(rival) for rival in rivals):
            joined[long] = short
    return {name: target for name, target in joined.items() if name != target}


def _names_pattern(names: set[str], shown: dict[str, str]) -> re.Pattern[str] | None:
    """One pattern for all names as they may stand in a text."""
    written = set()
    for name in names:
        text = shown.get(name, "")
        words = (text or name).split()
        if words:
            written.add(r"[\s-]".join(re.escape(word) for word in words))
    if not written:
        return None
    ordered = sorted(written, key=len, reverse=True)
    forms = rf"(?:[ ,]+(?:{_FORMS}|{_LOOSE})(?!\w))*"
    return re.compile(rf"(?<![\w])((?:{'|'.join(ordered)}){forms})(?:['\u2019]?s)?(?![\w])")
