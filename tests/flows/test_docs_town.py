"""docs/examples/town.toml, which docs/town.md walks through, is applied as it stands."""

from __future__ import annotations

import time
from pathlib import Path

from tests.flows.office_desk import Office

TOWN = (Path(__file__).parents[2] / "docs/examples/town.toml").read_text(encoding="utf-8")


def test_the_town_is_applied_and_every_contract_stands(office: Office) -> None:
    office.clock.at = time.time()
    mistake = office.answer("POST", "/apply", json={"text": TOWN}).json()["errors"][0]
    assert mistake["message"] == "contract 'public grant': there is no project 'flood-maps'"
    assert mistake["line"] == TOWN[: TOWN.index('projects = ["flood-maps"]')].count("\n") + 1
    office.ok("POST", "/projects", json={"name": "flood-maps"})
    applied = office.ok("POST", "/apply", json={"text": TOWN})
    kinds = {
        one["name"]: one["kind"] for one in office.ok("GET", "/contracts")["contracts"] if not one["shared"]
    }
    assert {name: kind for name, kind in kinds.items() if "embedded" not in name} == {
        "gpu server": "own-hardware",
        "azure on demand": "on-demand",
        "azure commitment": "take-or-pay",
        "ionos on demand": "on-demand",
        "ionos credit": "prepaid-credit",
        "public grant": "grant",
    }
    assert applied["changes"]
    assert office.ok("POST", "/apply", json={"text": TOWN})["changes"] == []


def test_the_place_of_the_town_s_mistakes_is_told(office: Office) -> None:
    wrong = TOWN.replace('minimum = "1800"\nperiod = "quarter"\n', 'minimum = "1800"\n')
    answer = office.answer("POST", "/apply", json={"text": wrong})
    (mistake,) = answer.json()["errors"]
    assert mistake["line"] == TOWN[: TOWN.index('name = "azure commitment"')].count("\n")
    assert "a minimum without a period" in mistake["message"]
