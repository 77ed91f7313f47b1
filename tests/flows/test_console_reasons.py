"""Reasons of decisions on a German page: no English one is left where its codes are known."""

from __future__ import annotations

import html
import json
import re

from rechenwerk.base.reasons import beside, reason, told_of
from rechenwerk.main_console import mount_console
from rechenwerk.routing import residency
from rechenwerk.routing.ports import DataClass
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.test_console import CENT, Browser

RULE = residency.forbids(DataClass("confidential", frozenset({"DE"}), ""), "US", "contractual")
DECIDED = {
    "deployment": "own/qwen",
    "contract": "on demand",
    "data_class": "confidential",
    **beside("reason", reason("planned", share="75")),
    **beside("reserve", reason("reserve", share="30", name="gpus")),
    "price": {"list": "0.36", "contract_effect": "-0.36", "congestion": "0", "next_unit": "0"},
    "alternatives": [{"deployment": "cloud/gpt", "next_unit": "0.1", **beside("why", reason("dearer"))}],
    "refused": [f"far/gpt: {RULE}"],
    "refused_told": [told_of(RULE or "")],
    "tried": [{"deployment": "near/gpt", **beside("reason", reason("answered", status=503)), "seconds": 0.5}],
    "outcome_told": told_of(reason("no_usage")),
}
SENTENCES = """
the plan sends 75 percent of this class here | der Plan schickt 75 Prozent dieser Klasse hierher
30 percent of gpus is kept for critical work | 30 Prozent von gpus bleiben kritischer Arbeit vorbehalten
its next unit is dearer                                | die nächste Einheit ist teurer
The data class confidential allows DE only             | die Datenklasse vertraulich erlaubt nur DE
the provider answered 503                              | der Anbieter antwortete 503
Tried before                                           | Vorher versucht
Contract's effect                                      | Wirkung des Vertrags
"""


def test_why_in_the_visitors_language(office: Office, bookkeeper: Bookkeeper) -> None:
    mount_console(office.app, office.clock, 8080)
    hold = bookkeeper.hold("default", 3 * CENT, started=office.clock.at)
    call = bookkeeper.post(hold, "posted", 2 * CENT, CENT, decision=json.dumps(DECIDED))
    pages = {
        language: html.unescape(Browser(office, office.first.key, language).page(f"/console/journal/{call}"))
        for language in ("en", "de")
    }
    for row in SENTENCES.strip().splitlines():
        english, german = (cell.strip() for cell in row.split("|"))
        assert (english in pages["en"], german in pages["de"]) == (True, True), row
        assert english not in pages["de"], row
    assert "_told" not in pages["de"]


REFUSED = """
/console/projects/new          | name=default                    | Diesen Namen gibt es schon
/console/projects/new          | name=                           | name braucht mindestens 1 Zeichen
/console/projects/default/budget | period=month&amount=much        | ist kein Betrag ab 0, sondern 'much'
/console/chat/99/change        | what=share                      | Dieses Gespräch gibt es hier nicht
/console/contracts/nobody      |                                 | Diesen Vertrag gibt es hier nicht
/console/plan/new              | name=x&text=title               | das ist kein TOML
/console/plan/new              | name=x&text=title = "x"         | die Datei hat kein
"""


def test_what_is_refused_is_told_in_german(office: Office) -> None:
    mount_console(office.app, office.clock, 8080)
    visitor = Browser(office, office.first.key, "de")
    wrong = []
    for row in REFUSED.strip().splitlines():
        path, sent, german = (cell.strip() for cell in row.split("|"))
        form = dict(one.partition("=")[::2] for one in sent.split("&") if one)
        answer = visitor.post(path, None, **form) if form else visitor.get(path)
        told = re.findall(
            r'<p class="wrong-why.*|role="alert".*|<strong>.*|<li>.*', html.unescape(answer.text)
        )
        if answer.status_code < 400 or not any(german in one for one in told):
            wrong.append((row, answer.status_code, told))
    assert wrong == []
