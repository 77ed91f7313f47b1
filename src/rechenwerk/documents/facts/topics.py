"""What a figure measures and how firm it is: words of German and English business news.

A topic's words are beginnings of words in lower case; `~` before one: anywhere in a word (German joins
words), `=` before one: the whole word.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.figures.style import listed

_MONEY, _COUNT, _BOTH = "money", "number", "any"


class Topic(NamedTuple):
    """A topic.

    Args:
        name: one word or two.
        kind: what it is measured in: 'money', 'number' or 'percent'.
        stock: it stands at a day, and does not flow in a period.
        pair: it lies between two parties.
        firm: a deal or a verdict: it is the same fact whether it is told as done, as signed or as to come.
    """

    name: str
    kind: str
    stock: bool = False
    pair: bool = False
    firm: bool = False


_TABLE: tuple[tuple[Topic, str], ...] = (
    (
        Topic("revenue", _MONEY),
        (
            "umsatz umsätz ~umsatz ~umsätze erlös umsatzerlös einnahmen ~einnahmen revenue sales"
            " turnover top-line umgesetzt turned_over turns_over =erlöse =erlösen geschäftsvolumen takings"
        ),
    ),
    (
        Topic("operating profit", _MONEY),
        (
            "betriebsergebnis betriebsgewinn =ebit operatives_ergebnis operativer_gewinn"
            " operativen_gewinn operating_profit operating_income operating_earnings operatives_plus"
            " operating_result"
        ),
    ),
    (Topic("ebitda", _MONEY), "ebitda"),
    (
        Topic("pretax profit", _MONEY),
        (
            "vorsteuergewinn vorsteuerergebnis pretax_profit pre-tax_profit profit_before_tax"
            " gewinn_vor_steuern ergebnis_vor_steuern"
        ),
    ),
    (
        Topic("profit", _MONEY),
        (
            "gewinn nettogewinn reingewinn jahresüberschuss überschuss quartalsgewinn ~gewinn"
            " nettoergebnis profit net_income net_profit earnings verdient verdiente earned net_earnings"
            " unter_dem_strich konzerngewinn jahresgewinn bottom_line"
        ),
    ),
    (
        Topic("loss", _MONEY),
        (
            "verlust nettoverlust ~verlust fehlbetrag jahresfehlbetrag loss losses net_loss verlor"
            " verloren =lost =loses ein_minus_von einem_minus_von einen_fehlbetrag defizit deficit"
            " rote_zahlen_von"
        ),
    ),
    (Topic("operating loss", _MONEY), "betriebsverlust operativer_verlust operativen_verlust operating_loss"),
    (
        Topic("order intake", _MONEY),
        (
            "auftragseingang auftragseingänge aufträge aufträgen bestellungen =orders =bookings"
            " neuaufträge order_intake new_orders incoming_orders orders_received"
        ),
    ),
    (
        Topic("order backlog", _MONEY, stock=True),
        "auftragsbestand auftragsbestände auftragspolster order_backlog backlog order_book",
    ),
    (
        Topic("valuation", _MONEY, stock=True),
        "bewertung bewertet bewerten unternehmenswert firmenwert valuation valued valuing values_the",
    ),
    (
        Topic("market value", _MONEY, stock=True),
        (
            "börsenwert marktkapitalisierung marktwert market_value market_cap market_capitalisation"
            " market_capitalization"
        ),
    ),
    (
        Topic("acquisition price", _MONEY, pair=True, firm=True),
        (
            "übernahme übernimmt übernahm übernehmen übernommen kaufpreis kauft =kaufte gekauft erwirbt"
            " erwarb erworben erwerben acquisition acquire acquires acquired takeover purchase_price"
            " =buy =buys =bought takes_over taking_over geschluckt schluckt schluckte aufgekauft"
            " snapped_up snaps_up"
        ),
    ),
    (
        Topic("sale price", _MONEY, pair=True, firm=True),
        "verkaufspreis verkauft verkaufte sale_price sells sold",
    ),
    (
        Topic("investment", _MONEY),
        (
            "investition ~investition investitions investiert investierte investieren investment invests"
            " invested =invest investing capex capital_expenditure =steckt =stecken =steckte in_die_hand"
        ),
    ),
    (
        Topic("funding", _MONEY, firm=True),
        (
            "finanzierungsrunde eingesammelt sammelt sammelte einsammeln kapitalerhöhung"
            " frisches_kapital frisches_geld börsengang funding_round funding raised raises =raise"
            " fresh_capital ipo"
        ),
    ),
    (
        Topic("commitment", _MONEY, pair=True, firm=True),
        (
            "zusage zusagen abnahmeverpflichtung verpflichtung verpflichtet verpflichtete abnahme"
            " vertrag vertrags rahmenvertrag ~vertrag auftrag großauftrag commitment committed commits"
            " contract =order =deal =agreement"
        ),
    ),
    (
        Topic("debt", _MONEY, stock=True),
        (
            "schulden verschuldung nettoverschuldung verbindlichkeit schuldenstand debt net_debt"
            " liabilities borrowings"
        ),
    ),
    (
        Topic("loan", _MONEY, firm=True),
        "kredit darlehen loan credit_line kreditlinie borrowed borrows =borrow =lieh",
    ),
    (Topic("bond", _MONEY, firm=True), "anleihe =bond =bonds"),
    (Topic("equity", _MONEY, stock=True), "eigenkapital shareholders'_equity equity_capital"),
    (Topic("cash", _MONEY, stock=True), "barmittel liquidität liquide_mittel kassenbestand cash liquidity"),
    (
        Topic("cost", _MONEY),
        (
            "kosten kostet kostete gekostet ~kosten aufwand aufwendungen cost costs expenses price_tag"
            " kostenrahmen"
        ),
    ),
    (Topic("spending", _MONEY), "ausgaben ausgegeben spending spends spent expenditure"),
    (Topic("budget", _MONEY), "budget etat haushalt"),
    (
        Topic("subsidy", _MONEY, pair=True, firm=True),
        (
            "förderung fördermittel fördert subvention zuschuss zuschüsse subsid subvention grant =grants"
            " unterstützt unterstützte finanzhilfe beihilfe state_aid public_money"
        ),
    ),
    (
        Topic("fine", _MONEY, firm=True),
        "bußgeld strafe geldbuße geldstrafe strafzahlung kartellstrafe =fine =fined =fines penalty penalties",
    ),
    (Topic("damage", _MONEY, firm=True), "schaden schäden schadenersatz schadensersatz damages damage"),
    (
        Topic("dividend", _MONEY),
        "dividende dividend ausgeschüttet ausschüttung ausschütten ausschüttet =payout",
    ),
    (
        Topic("buyback", _MONEY),
        "aktienrückkauf buyback share_repurchase bought_back buys_back buy_back buying_back",
    ),
    (Topic("donation", _MONEY), "spende spenden gespendet donat"),
    (Topic("tax", _MONEY), "steuerzahlung gewerbesteuer =taxes tax_bill"),
    (Topic("rent", _MONEY), "=miete mieteinnahmen jahresmiete =rent"),
    (Topic("fee", _MONEY), "gebühr =fee =fees"),
    (
        Topic("payment", _MONEY, pair=True, firm=True),
        "zahlt zahlte bezahlt bezahlte zahlung zahlungen pays =paid =pay payment payments",
    ),
    (
        Topic("price", _MONEY),
        "preis ~preis verkaufspreis stückpreis =price =prices =verlangt =verlangte =charges =priced",
    ),
    (
        Topic("savings", _MONEY),
        "einsparung einsparungen sparen einsparen einzusparen spart eingespart savings =save",
    ),
    (
        Topic("research", _MONEY),
        "forschungsausgaben forschungsetat forschungsaufwand =forschung research_and_development r&d",
    ),
    (
        Topic("job cuts", _COUNT),
        (
            "stellenabbau stellen_streichen stellenstreichungen arbeitsplätze_abbauen job_cuts layoffs"
            " jobs_cut laid_off lay_off"
        ),
    ),
    (
        Topic("new jobs", _COUNT),
        "neue_arbeitsplätze neue_stellen new_jobs neue_jobs =hire =hires =hired =hiring neueinstellung",
    ),
    (
        Topic("employees", _COUNT, stock=True),
        (
            "mitarbeit beschäftigte beschäftigten beschäftigt angestellte arbeitnehmer belegschaft"
            " arbeitskräfte employee employees employs employed staff workforce headcount workers"
            " =arbeiten =arbeitet =arbeiteten =work"
        ),
    ),
    (Topic("jobs", _COUNT, stock=True), "arbeitsplätze arbeitsplätzen stellen =jobs =posts"),
    (Topic("customers", _COUNT, stock=True), "kunden ~kunden kundinnen kundenzahl customer clients"),
    (Topic("users", _COUNT, stock=True), "nutzer nutzerinnen anwender users"),
    (Topic("subscribers", _COUNT, stock=True), "abonnent abonnements abos subscriber subscriptions"),
    (Topic("visitors", _COUNT), "besucher besucherinnen besucherzahl gäste visitors guests attendees"),
    (
        Topic("passengers", _COUNT),
        "passagier fahrgäste fahrgästen fahrgastzahl fluggäste fluggastzahl reisende passenger",
    ),
    (Topic("members", _COUNT, stock=True), "mitglieder members"),
    (Topic("inhabitants", _COUNT, stock=True), "einwohner inhabitants residents"),
    (Topic("stores", _COUNT, stock=True), "filialen filiale läden geschäfte märkte stores shops branches"),
    (Topic("vehicles", _COUNT), "fahrzeuge fahrzeugen autos wagen vehicles =cars trucks lkw busse"),
    (Topic("unit sales", _COUNT), "absatz abgesetzt unit_sales units_sold"),
    (Topic("units ordered", _COUNT), "units_ordered"),
    (
        Topic("deliveries", _COUNT),
        "auslieferungen ausgeliefert auslieferte lieferte lieferten deliveries =delivered =delivers",
    ),
    (Topic("production", _COUNT), "produktion produziert produzierte hergestellt output production produced"),
    (
        Topic("capacity", _COUNT, stock=True),
        "kapazität ~kapazität rechenleistung leistung anschlussleistung capacity computing_power",
    ),
    (Topic("consumption", _COUNT), "verbrauch ~verbrauch consumption consumed consumes"),
    (Topic("emissions", _COUNT), "emission ausstoß emissions"),
    (Topic("homes", _COUNT, stock=True), "wohnungen haushalte homes apartments flats households"),
    (Topic("area", _COUNT, stock=True), "fläche ~fläche floor_space =area"),
    (Topic("patients", _COUNT), "patienten patientinnen patients"),
    (Topic("shares", _COUNT), "aktien =shares"),
    (
        Topic("stake", "percent", stock=True, pair=True, firm=True),
        "anteil ~anteil anteile anteilen beteiligung stake stakes =share shareholding",
    ),
    (Topic("margin", "percent"), "marge ~marge rendite =margin margins"),
    (Topic("rate", "percent"), "quote ~quote zinssatz leitzins =rate"),
)

TOPICS = MappingProxyType({topic.name: topic for topic, _ in _TABLE})


def _of_mode(mode: str) -> dict[str, Topic]:
    """The words of one kind with their topics, phrases left out; the first topic of a word has it."""
    found: dict[str, Topic] = {}
    for topic, words in _TABLE:
        for word in listed(words):
            own = word[0] if word[0] in "~=" else ""
            if own == mode and "_" not in word:
                found.setdefault(word.lstrip("~="), topic)
    return found


def _phrases() -> dict[str, tuple[tuple[str, Topic], ...]]:
    """First word of a phrase -> phrases, the longest first."""
    found: dict[str, list[tuple[str, Topic]]] = {}
    for topic, words in _TABLE:
        for word in listed(words):
            phrase = word.lstrip("~=").replace("_", " ")
            if " " in phrase:
                found.setdefault(phrase.partition(" ")[0], []).append((phrase, topic))
    return {first: tuple(sorted(some, key=lambda one: -len(one[0]))) for first, some in found.items()}


_WHOLE = MappingProxyType(_of_mode("="))
_BEGINNING = MappingProxyType(_of_mode(""))
_INNER = tuple(_of_mode("~").items())
_PHRASES = MappingProxyType(_phrases())
_WORD = re.compile(r"[^\W\d_][\w&'-]*")
_SHORTEST = 4
_ENDING = 3
"""Letters that may follow a part of a word: 'Jahresumsatzes'."""


def _topic_of(word: str) -> Topic | None:
    """The topic of one word in lower case."""
    if word in _WHOLE:
        return _WHOLE[word]
    for size in range(len(word), _SHORTEST - 1, -1):
        topic = _BEGINNING.get(word[:size])
        if topic:
            return topic
    for part, topic in _INNER:
        at = word.find(part)
        if at >= 0 and len(word) - at - len(part) <= _ENDING:
            return topic
    return None


_SPAN = r"(?:[^.;]|\.(?=\d)|(?<=Mrd|Mio|Tsd)\.|(?<=Mill)\.)"
"""What a clause goes on with: the full stop of 'Mrd.' ends none."""
_PARTED = (
    ("revenue", re.compile(rf"\bsetz(?:t|te|ten|en)\b(?={_SPAN}{{3,120}}\bum\b(?!\s+\d))")),
    ("revenue", re.compile(rf"\bn(?:immt|ahm|ahmen)\b(?={_SPAN}{{3,120}}\bein\b(?!\s+\w))")),
    ("investment", re.compile(rf"\bn(?:immt|ahm|ahmen|ehmen)\b(?={_SPAN}{{3,120}}\bin die Hand\b)")),
    ("dividend", re.compile(rf"\bschütte(?:t|te|n|ten)\b(?={_SPAN}{{3,120}}\baus\b(?!\s+\w))")),
    ("funding", re.compile(rf"\bsamm(?:elt|elte|elten|eln)\b(?={_SPAN}{{3,120}}\bein\b(?!\s+\w))")),
    ("valuation", re.compile(rf"\bvalu(?:e|es)\b(?={_SPAN}{{2,60}}\bat\b)")),
    (
        "market value",
        re.compile(rf"\b(?i:an der Börse|on the stock market)\b(?={_SPAN}{{3,80}}\b(?:wert|worth)\b)"),
    ),
    ("valuation", re.compile(rf"\b(?:ist|war|sei|is|was)\b(?={_SPAN}{{3,80}}\b(?:wert|worth)\b(?!\s+auf))")),
    ("spending", re.compile(rf"\bg(?:ibt|ab|eben|aben)\b(?={_SPAN}{{3,120}}\baus\b(?!\s+\w))")),
)
"""German verbs whose second part stands at the end: 'setzte 549 Millionen Euro um'."""

COUNTED = MappingProxyType(
    {"sale price": "unit sales", "commitment": "units ordered", "order intake": "units ordered"}
)
"""What a topic of money is where pieces are counted: 'verkaufte 40.000 Fahrzeuge'."""

DONE = frozenset({"production", "deliveries", "unit sales", "units ordered", "job cuts", "new jobs"})
"""What is done with things, rather than the things: 'produced 40,000 vehicles' is production."""


class Mention(NamedTuple):
    """A topic's word in a text."""

    start: int
    end: int
    topic: Topic


def mentions(text: str, start: int, end: int) -> list[Mention]:
    """The topics' words between two offsets."""
    found: list[Mention] = []
    reached = start
    for word in _WORD.finditer(text, start, end):
        if word.start() < reached:
            continue
        low = word.group().lower()
        for phrase, topic in _PHRASES.get(low, ()):
            if text[word.start() : word.start() + len(phrase)].lower() == phrase:
                reached = word.start() + len(phrase)
                found.append(Mention(word.start(), min(reached, end), topic))
                break
        else:
            single = _topic_of(low)
            if single:
                found.append(Mention(word.start(), word.end(), single))
    for name, pattern in _PARTED:
        found += [Mention(one.start(), one.end(), TOPICS[name]) for one in pattern.finditer(text, start, end)]
    return sorted(found)


_STATUS = MappingProxyType(
    {
        "conditional": (
            r"falls|sofern|vorausgesetzt|vorbehaltlich|unter der bedingung|\bwenn\b|\bif\b|subject to"
            r"|provided that|unless"
        ),
        "target": (
            r"\bziel\b|\bziele\b|angestrebt\w*|\bstrebt|anstrebt|peilt|anpeilt|zielmarke|\bzielt\b"
            r"|\btarget\w*|\bgoal\w*|\baims?\b|\baiming\b|ambition|\bzielwert|zielvorgabe"
        ),
        "estimated": (
            r"schätz\w*|geschätzt\w*|analyst\w*|erwartet\w*|erwarten|erwartung\w*|prognos\w*"
            r"|dürfte\w*|rechnet|rechnen|voraussichtlich\w*|könnte\w*|estimat\w*|expect\w*"
            r"|forecast\w*|projected|predict\w*|could\b|might\b|\blikely\b"
        ),
        "planned": (
            r"plant\b|planen|geplant\w*|plante\w*|\bwill\b|wollen|\bwolle\b|\bsoll\b|sollen"
            r"|beabsichtigt|vorgesehen\w*|\bplans?\b|planned|planning|intends?|\bwants?\b|proposed"
            r"|vorhaben|\bw(?:ird|erden|erde)\b[^,.;]*\b(?!ge)\w+en\b(?=\s*(?:[,.;]|$))|is to\b"
            r"|are to\b|going to"
        ),
        "contracted": (
            r"vertrag\w*|\w*vertrag\b|vereinbar\w*|unterzeichn\w*|unterschrieben|verpflichtet\w*"
            r"|zugesagt|\b(?:groß)?auftrag\b|contract\w*|signed|signs|agreed|agrees|agreement"
            r"|committed|commitment\w*|\bdeal\b|ordered|bestellt\w*"
        ),
    }
)
_FIRMNESS = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _STATUS.items()), re.IGNORECASE)
_RANK = tuple(_STATUS)
_FINISHED = re.compile(
    r"wurden? (?:\w+ )?(?:erwartet|geplant)|(?:als|than|stärker als) (?:erwartet|geplant|expected"
    r"|planned|forecast)"
    r"|erwartungen (?:übertroffen|verfehlt)|(?:beat|missed|above|below|exceed\w*"
    r"|topp\w*) (?:\w+ )?(?:expectations|forecasts)",
    re.IGNORECASE,
)


def status(clause: str) -> str:
    """How firm a clause makes its figures, by its words."""
    text = _FINISHED.sub(" ", clause)
    found = {match.lastgroup for match in _FIRMNESS.finditer(text)}
    return next((name for name in _RANK if name in found), "reported")


_NEGATION = re.compile(
    r"\b(?:nicht(?! nur| zuletzt| mehr als| weniger als| über| unter)|kein\w*|dementiert\w*"
    r"|bestritt\w*|bestreitet|not(?! only| more than| less than)"
    r"|never|no longer|denied|denies|neither|weder)\b",
    re.IGNORECASE,
)


def negated(clause: str) -> bool:
    """Whether a clause says that it is not so."""
    return bool(_NEGATION.search(clause))


_DOWN = re.compile(
    r"\b(?:sank\w*|sinkt|sinken|gesunken\w*|fiel\w*|fällt|gefallen|schrumpf\w*|ging\w*|rückgang\w*"
    r"|minus|verringert\w*|reduziert\w*"
    r"|weniger|brach\w*|bricht|einbr[aeou]ch\w*|abgestürzt|büßte\w*|halbiert\w*|plung\w*|slump\w*"
    r"|tumbl\w*|slid\w*|slip\w*"
    r"|fell|falls?|fallen|dropped?|drops|declin\w*|decreas\w*|shrank|shrunk|down|lower|cut)\b",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:stieg\w*|steig\w*|gestiegen\w*|wuchs\w*|wächst|gewachsen\w*|wachstum\w*|zulegt\w*"
    r"|legte\w*|plus|zuwachs\w*|anstieg\w*|erhöht\w*|mehr"
    r"|kletter\w*|verdoppelt\w*|doubl\w*|soar\w*|rose|ris\w+|grew|grow\w*|increas\w*|gain\w*|up|higher"
    r"|jump\w*|climb\w*|surged?)\b",
    re.IGNORECASE,
)


def direction(clause: str) -> int:
    """-1 where a clause speaks of a fall, 1 of a rise, 0 of neither."""
    down, up = _DOWN.search(clause), _UP.search(clause)
    if down and up:
        return -1 if down.start() < up.start() else 1
    return -1 if down else 1 if up else 0
