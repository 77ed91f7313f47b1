"""Known suppliers: imported or learnt in review, used by workers, seen by their organisation only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.flows.document_town import DocumentTown, document_town
from tests.flows.test_documents_crash import fetch

OWN, OTHER = "DE02120300000000202051", "DE88200800000970375700"
INVOICE = """Rechnungssteller: {name}

Rechnungsnummer: {number}
Rechnungsdatum: 03.04.2025
IBAN: {iban}
"""


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    with document_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        town.worker()
        yield town


def read(town: DocumentTown, name: str, iban: str) -> tuple[int, dict[str, Any]]:
    """An invoice's number, and its values."""
    job = town.job(model="")
    number = f"R-{job}"
    document = town.upload(job, "r.txt", INVOICE.format(name=name, number=number, iban=iban))["id"]
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    found = town.ok("GET", f"/files/{document}/values")["values"]
    return document, {one["field"]: one for one in found}


def decide(town: DocumentTown, document: int, value: Any, action: str) -> None:
    path = f"/files/{document}/values/{value['field']}/decision"
    town.ok("POST", path, json={"action": action, "version": value["version"]})


def names(town: DocumentTown) -> list[str]:
    return [one["name"] for one in town.ok("GET", "/known")["known"]]


def test_an_imported_list_is_what_workers_check_against(town: DocumentTown, tmp_path: Path) -> None:
    _, before = read(town, "Talheimer Stahl AG", OTHER)
    assert before["iban"]["state"] == "proven"
    file = tmp_path / "suppliers.csv"
    file.write_text(f"Firma;IBAN\nTalheimer Stahl AG;{OWN}\n", encoding="utf-8")
    done = town.cli("docs", "known", "import", str(file), "--language", "de")
    assert "1 Namen: 1 neu" in done.out
    _, after = read(town, "Talheimer Stahl AG", OTHER)
    assert after["iban"]["state"] == "unproven"
    assert after["iban"]["reasons"] == [f"known: 'Talheimer Stahl AG' had {OWN} before"]
    shown = town.cli("docs", "known", "list", "--language", "de").out
    assert "Talheimer Stahl AG" in shown
    assert OWN in shown
    (one,) = [one for one in town.ok("GET", "/known")["known"] if one["name"] == "Talheimer Stahl AG"]
    assert town.cli("docs", "known", "remove", str(one["id"])).code == 0
    _, free = read(town, "Talheimer Stahl AG", OTHER)
    assert free["iban"]["state"] == "proven"
    assert town.cli("docs", "known", "remove", str(one["id"])).code == 1
    file.write_text(f"Firma;IBAN\nA;{OWN}\nB;{OWN[:-1]}9\n", encoding="utf-8")
    wrong = town.cli("docs", "known", "import", str(file))
    assert wrong.code == 1
    assert "line 3: iban" in wrong.err
    assert "A" not in names(town), "all rows or none"


def test_what_a_person_confirms_is_known_from_then_on(town: DocumentTown) -> None:
    document, first = read(town, "Brunnhuber Gerüste GmbH", OWN)
    assert "Brunnhuber Gerüste GmbH" not in names(town)
    decide(town, document, first["supplier"], "accept")
    assert "Brunnhuber Gerüste GmbH" in names(town)
    _, forged = read(town, "Brunnhuber Gerüste GmbH", OTHER)
    assert forged["iban"]["reasons"] == [f"known: 'Brunnhuber Gerüste GmbH' had {OWN} before"]
    decide(town, document, {**first["iban"]}, "reject")
    assert "Brunnhuber Gerüste GmbH" not in names(town), "it taught what is not so"


def test_a_neighbour_knows_nobody(town: DocumentTown) -> None:
    town.ok("POST", "/known/import", json={"text": f"name,iban\nMoorbad eG,{OWN}\n"})
    (one,) = [one for one in town.ok("GET", "/known")["known"] if one["name"] == "Moorbad eG"]
    assert all(b"Moorbad" not in row[0] for row in fetch(town, "select sealed from document_known"))
    town.office("POST", "/organisations", json={"name": "neighbour"})
    town.office("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
    scopes = {"scopes": ["documents"], "organisation": "neighbour"}
    key = town.office("POST", "/keys", json={"project": "default", "name": "spy", **scopes})["key"]
    assert town.answer("GET", "/known", key=key).json() == {"known": []}
    assert town.answer("DELETE", f"/known/{one['id']}", key=key).status_code == 404
    text = {"text": f"name,iban\nMoorbad eG,{OTHER}\n"}
    assert town.answer("POST", "/known/import", key=key, json=text).json()["new"] == 1
    (same,) = [each for each in town.ok("GET", "/known")["known"] if each["name"] == "Moorbad eG"]
    assert [each["number"] for each in same["numbers"]] == [OWN]
