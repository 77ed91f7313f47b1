"""Words of business news that are no names, and verbs that names are subjects of; German and English."""

from __future__ import annotations

import re

from rechenwerk.documents.figures.style import listed

VERBS = listed(
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
    " muss müssen darf dürfen kann lässt ließ steht stand liegt lag geht ging stieg steigt sank sinkt"
    " fiel fällt"
    " rutschte rutscht schrieb kletterte klettert sitzt saß braucht brauchte sucht suchte findet fand"
    " zieht zog"
    " verlangt verlangte verspricht versprach fordert forderte spendet spendete stiftet schluckt schluckte"
    " übernehmen unterstützt unterstützte fördert förderte verurteilte verurteilt verhängte verhängt bewertet"
    " bewertete leiht lieh sichert sicherte besorgt besorgte eröffnet eröffnete schließen schüttet schüttete"
    " beförderte befördert transportierte startet startete beginnt begann verlegt verlegte errichtet"
    " errichtete"
    " rechtfertigt feiert feierte kassiert kassierte verfehlte verfehlt übertraf übertrifft"
    " must needs needed seeks sought carried carries moved moves opened opens closes gave gives borrows"
    " lent lends"
    " charges charged values slapped fines sheds shed slashed slashes axed axes hires laid lays adds added"
    " creates created runs ran stands stood slid slipped jumped fell rose climbed surged tumbled"
    " plunged doubled"
    " ships shipped serves served counted filed files faces faced warns launched launches makes"
    " scrapped halted"
)
VERB = re.compile(rf"\b(?:{'|'.join(VERBS)})\b")
"""A finite verb of business news."""


TRADES = (
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
    "betrieb",
    "rivale",
    "konkurrenten",
    "wettbewerber",
    "verkäufer",
    "veranstalter",
    "vermieter",
    "verleiher",
    "logistiker",
    "brauer",
    "winzer",
    "filialist",
    "discounter",
    "caterer",
    "züchter",
    "handwerker",
    "fabrik",
    "universität",
    "hochschule",
    "krankenhaus",
    "klinikum",
    "theater",
    "museum",
    "fonds",
    "agentur",
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
ENGLISH_TRADES = listed(
    "rival competitor maker chipmaker carmaker drugmaker toymaker company group firm start-up startup"
    " supplier"
    " provider operator retailer developer giant subsidiary unit service airline carrier bank lender insurer"
    " builder brewer brewery utility manufacturer producer publisher chain exporter importer distributor"
    " wholesaler contractor specialist consultancy foundation museum university hospital clinic shipyard"
    " railway automaker broker owner landlord"
)
"""Trades as English writes them before a name: 'the chipmaker Corvane'."""
COMMON = frozenset(
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
        " bisher künftig heute gestern morgen dieses diese dieser jahr jahre jahres quartal halbjahr"
        " geschäftsjahr vorjahr monat"
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
        # Who decides, pays and asks, and what is built, in the news of everybody
        " gericht landgericht amtsgericht oberlandesgericht bundesgerichtshof kartellamt"
        " bundeskartellamt behörde"
        " behörden aufsicht aufseher finanzaufsicht staatsanwaltschaft polizei feuerwehr feuer brand"
        " zoll finanzamt"
        " freistaat senat parlament bundestag bundesregierung landesregierung kommission eu-kommission"
        " wettbewerbshüter gewerkschaft betriebsrat hauptversammlung aktionäre aktionärinnen gesellschafter"
        " eigentümer gründer investor geldgeber käufer gläubiger banken mitarbeiterinnen beschäftigten"
        " verbraucher"
        " werk fabrik neubau anbau umbau ausbau gebäude standort standorte region projekt"
        " börse"
        " börsengang geschäft geschäfte produktion nachfrage insolvenz inflation krise jobs stellen"
        " arbeitsplätze"
        " regulators regulator authorities authority prosecutors court courts judge police firefighters"
        " investigators commission union unions owners founders buyers customers workers staff"
        " employees profits"
        " earnings prices costs work demand orders deliveries revenues margins traders lenders"
        " creditors plant"
        " factory building project site shareholder investor consumers market markets gross"
    )
)
PREPOSITIONS = frozenset(
    listed(
        "in im am an auf bei beim mit nach von vom zu zum zur für aus at by for from of on to with"
        " über unter seit vor bis"
        " durch gegen ohne um laut trotz wegen während zwischen since until during under after"
        " before near outside"
    )
)
