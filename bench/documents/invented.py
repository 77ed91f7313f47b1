"""Firms, people, places and goods that do not exist, and numbers with valid check digits."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

STEMS = (
    "Fabelwerk",
    "Quarzmoor",
    "Zwirbeltal",
    "Kranzolin",
    "Tulpanien",
    "Mondsehr",
    "Nebelquarz",
    "Birkenfant",
    "Ödlandia",
    "Grünspatz",
    "Wolkenkuckuck",
    "Silberknolle",
    "Hinterwald & Söhne",
    "Musterfuchs",
    "Beispielhaus",
    "Probst-Muster",
    "Irgendwo",
    "Krähenbeiß",
    "Taubenstroh",
    "Löwenzahnwerk",
    "Muster & Beispiel",
    "Phantasos",
    "Nirgendheim",
    "Apfelknick",
    "Zinnoberwald",
    "Moosgrund",
    "Kieselfant",
    "Himmelsleiter",
    "Steinbeiser",
    "Vierundzwanzig Linden",
    "Dreiecksee",
    "Funkelpfütze",
    "Eulenspuk",
    "Rübenblick",
    "Wellensittig",
    "Sonnenklee",
    "Buntspecht 17",
    "Kupferdistel",
    "Hagebutt",
    "Brombeerhof",
)
TRADES = (
    "Elektrotechnik",
    "Bürobedarf",
    "IT-Systeme",
    "Metallbau",
    "Gebäudereinigung",
    "Spedition",
    "Druckerei",
    "Software",
    "Gartenbau",
    "Medizintechnik",
    "Catering",
    "Werbetechnik",
    "Haustechnik",
    "Beratung",
    "Laborbedarf",
    "Holzhandel",
    "Werkzeuge",
    "Datentechnik",
    "Verlag",
    "Energie",
)
FORMS = (
    "GmbH",
    "AG",
    "GmbH & Co. KG",
    "UG (haftungsbeschränkt)",
    "e.K.",
    "OHG",
    "KG",
    "SE",
    "eG",
    "GbR",
    "e.V.",
)
PUBLIC = ("Stadtwerke", "Gemeinde", "Landkreis", "Universitätsklinikum", "Kreishandwerkerschaft", "Stadt")
TOWNS = (
    "Musterstadt",
    "Beispielhausen",
    "Neu-Irgendwo",
    "Fantasiatal",
    "Probeheim",
    "Nirgendorf",
    "Erfundenbach",
    "Bad Beispiel",
    "Klein Muster",
    "Testlingen",
    "Ersonnen am See",
    "Wunschwalde",
)
STREETS = (
    "Musterstraße",
    "Beispielweg",
    "Am Erdachten Markt",
    "Phantasieallee",
    "Probegasse",
    "Industriestr.",
    "Fabelring",
    "Alte Nebelchaussee",
    "Platz des Beispiels",
    "Hauptstr.",
    "Quittenweg",
    "Straße der Muster",
)
GIVEN = ("Max", "Erika", "Muster", "Petra", "Hans", "Beispielfried", "Lieschen", "Otto")
FAMILY = ("Mustermann", "Musterfrau", "Beispiel", "Normalverbraucher", "Probe", "Erdacht", "Platzhalter")
BANKS = (
    ("37040044", "COBADEFFXXX", "Beispielbank Musterstadt"),
    ("50010517", "INGDDEFFXXX", "Erste Fantasiebank"),
    ("10010010", "PBNKDEFFXXX", "Postbeispielbank"),
    ("70120400", "DABBDEMMXXX", "Musterbank AG"),
    ("21050170", "NOLADE21KIE", "Sparkasse Beispielhausen"),
    ("50070010", "DEUTDEFFXXX", "Volksbank Probeheim eG"),
)
"""Bank codes that public explanations of the IBAN use as examples; names are invented."""


@dataclass(frozen=True)
class Account:
    iban: str
    bic: str
    bank: str


@dataclass(frozen=True)
class Party:
    """A firm, an office or a person."""

    name: str
    short: str
    street: str
    postcode: str
    town: str
    country: str = "DE"
    vat_id: str = ""
    tax_number: str = ""
    accounts: tuple[Account, ...] = ()
    phone: str = ""
    mail: str = ""
    web: str = ""
    register: str = ""
    director: str = ""
    contact: str = ""


def iban(chance: random.Random, bank: str) -> str:
    """A German IBAN with valid check digits for a bank code."""
    account = f"{chance.randrange(1, 10**7):010d}"
    check = 98 - int(bank + account + "131400") % 97
    return f"DE{check:02d}{bank}{account}"


def vat_id(chance: random.Random) -> str:
    """A German VAT id with a valid check digit (ISO 7064, mod 11, 10)."""
    digits = str(chance.randrange(10**7, 10**8))
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return f"DE{digits}{(11 - product) % 10}"


def slug(text: str) -> str:
    table = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ö": "oe", "Ü": "ue", "Ä": "ae"})
    return "".join(letter for letter in text.lower().translate(table) if letter.isalnum())


def person(chance: random.Random) -> str:
    return f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}"


def firm(chance: random.Random, *, accounts: int = 1) -> Party:
    """A firm with everything that a letterhead can show."""
    stem, trade, form = chance.choice(STEMS), chance.choice(TRADES), chance.choice(FORMS)
    name = f"{stem} {form}" if chance.random() < 0.3 else f"{stem} {trade} {form}"
    town = chance.choice(TOWNS)
    host = slug(stem)
    kinds = {"e.K.": "HRA", "OHG": "HRA", "KG": "HRA", "GmbH & Co. KG": "HRA", "eG": "GnR", "e.V.": "VR"}
    register = f"Amtsgericht {town} {kinds.get(form, 'HRB')} {chance.randrange(1000, 99999)}"
    picked = chance.sample(BANKS, k=accounts)
    return Party(
        name=name,
        short=stem,
        street=f"{chance.choice(STREETS)} {chance.randrange(1, 180)}{chance.choice(('', '', '', 'a', 'b'))}",
        postcode=f"{chance.randrange(1067, 99999):05d}",
        town=town,
        vat_id=vat_id(chance),
        tax_number="/".join(str(chance.randrange(10**n // 10, 10**n)) for n in (2, 3, 5)),
        accounts=tuple(Account(iban(chance, code), bic, bank) for code, bic, bank in picked),
        phone=f"+49 {chance.randrange(200, 9999)} {chance.randrange(10000, 9999999)}",
        mail=f"{chance.choice(('info', 'rechnung', 'buchhaltung', 'service'))}@{host}.example",
        web=f"www.{host}.example",
        register="" if form == "GbR" else register,
        director=person(chance),
        contact=person(chance),
    )


def austrian(chance: random.Random) -> str:
    """An Austrian VAT id with a valid check digit."""
    digits = [chance.randrange(10) for _ in range(7)]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits)]
    return f"ATU{''.join(map(str, digits))}{(10 - (sum(doubled) + 4) % 10) % 10}"


def customer(chance: random.Random, *, foreign: bool = False) -> Party:
    """A firm, a public body, or now and then a person; abroad always a firm."""
    drawn = chance.random()
    base = firm(chance)
    if foreign and drawn < 0.6:
        return replace(
            base,
            country="AT",
            postcode=f"{chance.randrange(1010, 9992)}",
            vat_id=austrian(chance),
            register="",
        )
    if drawn < 0.1 and not foreign:
        name = person(chance)
        return Party(name, name, base.street, base.postcode, base.town)
    if drawn < 0.25 and not foreign:
        name = f"{chance.choice(PUBLIC)} {base.town}"
        return Party(name, name, base.street, base.postcode, base.town, contact=base.contact)
    return base


GOODS = (
    ("Kopierpapier A4, 80 g/m², 500 Blatt", "Karton", "Copy paper A4, 80 gsm, 500 sheets"),
    ("Netzwerkkabel Cat. 7, 5 m, grau", "Stück", "Network cable Cat. 7, 5 m, grey"),
    ("Schraubendreher-Satz 7-teilig", "Satz", "Screwdriver set, 7 pieces"),
    ("Montage vor Ort", "Std.", "On-site installation"),
    ("Anfahrtspauschale", "psch.", "Travel flat rate"),
    ("Wartung der Heizungsanlage", "Std.", "Maintenance of the heating system"),
    ("LED-Leuchtmittel E27, 9 W, 2700 K", "Stück", "LED bulb E27, 9 W, 2700 K"),
    ("Beratungsleistung Projektleitung", "PT", "Consulting, project management"),
    ("Software-Lizenz, Laufzeit 12 Monate", "Stück", "Software licence, term 12 months"),
    ("Hosting Webserver", "Monat", "Web server hosting"),
    ("Fichtenbretter gehobelt 24 x 120 mm", "m", "Planed spruce boards 24 x 120 mm"),
    ("Druck Flyer DIN lang, 4/4-farbig, 135 g", "Stück", "Printing flyers DL, 4/4 colours, 135 g"),
    ("Reinigung Büroflächen", "m²", "Cleaning of office space"),
    ("Entsorgung Bauschutt", "t", "Disposal of rubble"),
    ("Einweghandschuhe Nitril, Gr. L, 100 Stück", "Pack", "Nitrile gloves, size L, box of 100"),
    ("Schulung Arbeitssicherheit", "Tag", "Work safety training"),
    ("Stahlprofil IPE 120, feuerverzinkt", "kg", "Steel profile IPE 120, galvanised"),
    ("Transport nach Aufwand", "km", "Transport at cost"),
    ("Toner schwarz, 2.500 Seiten", "Stück", "Toner black, 2,500 pages"),
    ("Akkuschrauber 18 V inkl. 2 Akkus", "Stück", "Cordless drill 18 V incl. 2 batteries"),
    ("Grafische Gestaltung", "Std.", "Graphic design"),
    ("Bereitstellung Testsystem", "Monat", "Provision of test system"),
    ("Blumenerde 40 l", "Sack", "Potting soil 40 l"),
    ("Prüfung nach DGUV V3", "Stück", "Inspection of electrical equipment"),
)
REDUCED = (
    ("Fachbuch „Einführung in das Beispiel“", "Stück", "Textbook “Introduction to the example”"),
    ("Kaffeebohnen, 1 kg", "kg", "Coffee beans, 1 kg"),
    ("Apfelsaft naturtrüb", "l", "Apple juice, cloudy"),
    ("Zeitschrift, Jahresabonnement", "Stück", "Magazine, annual subscription"),
    ("Schnittblumen, gemischt", "Bund", "Cut flowers, mixed"),
)
