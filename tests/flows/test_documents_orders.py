"""Lists of documents in every order that they offer: each row once, whatever the size of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from rechenwerk.base.cursors import write_cursor
from tests import postgres
from tests.flows.document_town import DocumentTown, document_town
from tests.flows.test_documents_clashes import GERMAN, told

Row = dict[str, Any]

FILE_STATES = ("failed", "refused", "running", "waiting", "unpacked", "done", "duplicate")
VALUE_STATES = ("unproven", "proven", "absent", "accepted", "corrected", "rejected")
JOB_STATES = ("running", "paused", "open", "done", "cancelled")
CLASH_STATES = ("open", "side", "both", "rejected")


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    with document_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        town.worker()
        yield town


@pytest.fixture(scope="module")
def job(town: DocumentTown) -> int:
    """Invoices, two notes of names that sort before and between them, one file twice, one broken."""
    made = town.job(model="", name="Zahlen")
    town.invoices(made, 4)
    town.upload(made, "Anfang.txt", "Rechnung\nRechnungsnummer: R-77\nGesamtbetrag: 1,00 EUR\n")
    town.upload(made, "zuletzt.txt", "Rechnung\nRechnungsnummer: R-78\nGesamtbetrag: 2,00 EUR\n")
    town.upload(made, "noch einmal.txt", "Rechnung\nRechnungsnummer: R-78\nGesamtbetrag: 2,00 EUR\n")
    town.upload(made, "kaputt.pdf", b"%PDF-1.4 and nothing else")
    town.ok("POST", f"/jobs/{made}/start")
    town.wait(made, "done")
    (first, *_) = town.ok("GET", f"/jobs/{made}/review")["values"]
    path = f"/files/{first['document']}/values/{first['field']}/decision"
    town.ok("POST", path, json={"action": "reject", "version": first["version"]})
    return made


def pages(
    town: DocumentTown, path: str, rows: str, size: int, border: str = "after", **query: Any
) -> list[Row]:
    """All rows of a list, page by page."""
    found: list[Row] = []
    after: dict[str, Any] = {}
    while True:
        page = town.ok("GET", path, params={**query, **after, **({"limit": size} if size else {})})
        assert not size or len(page[rows]) <= size
        found += page[rows]
        if page["next"] is None:
            return found
        after = {border: page["next"]}


def holds(found: list[Row], whole: list[Row], key: Callable[[Row], Any], sort: str) -> None:
    """Each row of a list once, and in order."""
    names = [repr(row) for row in found]
    assert sorted(names) == sorted(repr(row) for row in whole)
    keys = [key(row) for row in found]
    assert keys == sorted(keys, reverse=sort.startswith("-")), sort


FILES: dict[str, Callable[[Row], Any]] = {
    "made_at": lambda row: row["id"],
    "name": lambda row: (row["name"].lower(), row["id"]),
    "state": lambda row: (FILE_STATES.index(row["state"]), row["id"]),
    "size": lambda row: (row["size"], row["id"]),
    "pages": lambda row: (row["pages"], row["id"]),
    "unproven": lambda row: (row["values"]["unproven"], row["id"]),
}


@pytest.mark.parametrize("sort", [way + name for name in FILES for way in ("", "-")])
def test_files(town: DocumentTown, job: int, sort: str) -> None:
    path = f"/jobs/{job}/files"
    whole = pages(town, path, "documents", 100)
    assert len({one["state"] for one in whole}) >= 3
    for size in (1, 3, 100):
        holds(pages(town, path, "documents", size, sort=sort), whole, FILES[sort.lstrip("-")], sort)
    some = pages(town, path, "documents", 2, sort=sort, state=["done"], q="RECHNUNG")
    fitting = [one for one in whole if one["state"] == "done" and "rechnung" in one["name"].lower()]
    assert len(fitting) == 4
    holds(some, fitting, FILES[sort.lstrip("-")], sort)


@pytest.mark.parametrize("sort", ["made_at", "-made_at", "name", "-name", "state", "-state"])
@pytest.mark.parametrize("query", [{}, {"state": ["unproven", "rejected"]}, {"q": "RECHNUNG"}])
def test_values(town: DocumentTown, job: int, sort: str, query: Row) -> None:
    path = f"/jobs/{job}/values"
    whole = pages(town, path, "values", 1000, **query)
    assert whole
    place = {(one["document"], one["field"]): at for at, one in enumerate(whole)}
    keys: dict[str, Callable[[Row], Any]] = {
        "made_at": lambda row: row["document"],
        "name": lambda row: (row["document_name"].lower(), row["document"]),
        "state": lambda row: VALUE_STATES.index(row["state"]),
    }
    for size in (3, 7, 1000):
        found = pages(town, path, "values", size, sort=sort, **query)
        holds(found, whole, keys[sort.lstrip("-")], sort)
        for one, other in pairwise(found):
            if one["document"] == other["document"] and one["state"] == other["state"]:
                assert place[one["document"], one["field"]] < place[other["document"], other["field"]]


@pytest.mark.parametrize("sort", ["-made_at", "name", "-name"])
def test_what_is_to_review(town: DocumentTown, job: int, sort: str) -> None:
    whole = pages(town, f"/jobs/{job}/review", "values", 100)
    assert len(whole) >= 4
    key = FILES["made_at"] if sort == "-made_at" else FILES["name"]
    rows = [{**one, "id": one["document"], "name": one["document_name"]} for one in whole]
    for size in (1, 2):
        found = pages(town, f"/jobs/{job}/review", "values", size, sort=sort)
        holds(
            [{**one, "id": one["document"], "name": one["document_name"]} for one in found], rows, key, sort
        )


def test_jobs(town: DocumentTown, job: int) -> None:
    for name in ("Mieten", "anlagen", "Mieten", "Ärzte"):
        town.job(model="", name=name)
    cancelled = town.job(model="", name="b%_'\"")
    town.ok("POST", f"/jobs/{cancelled}/cancel")
    whole = pages(town, "/jobs", "jobs", 100, "before")
    assert [one["id"] for one in whole] == sorted((one["id"] for one in whole), reverse=True)
    assert len({one["state"] for one in whole}) == 3
    order: dict[str, Callable[[Row], Any]] = {
        "made_at": lambda row: row["id"],
        "state": lambda row: (JOB_STATES.index(row["state"]), row["id"]),
        "cost": lambda row: (float(row["cost"]), row["id"]),
        "name": lambda row: 0,  # the database's own alphabet; see below
    }
    for name, key in order.items():
        for sort in (name, f"-{name}"):
            for size in (1, 4, 100):
                holds(pages(town, "/jobs", "jobs", size, "before", sort=sort), whole, key, sort)
    names = [one["name"] for one in pages(town, "/jobs", "jobs", 2, "before", sort="name")]
    assert [one for one in names if one in {"Mieten", "anlagen", "Zahlen"}] == [
        "anlagen",
        "Mieten",
        "Mieten",
        "Zahlen",
    ]
    down = [one["id"] for one in pages(town, "/jobs", "jobs", 2, "before", sort="-name")]
    assert down[::-1] == [one["id"] for one in pages(town, "/jobs", "jobs", 3, "before", sort="name")]
    few = pages(town, "/jobs", "jobs", 1, "before", sort="name", state="open", q="miet")
    assert [one["name"] for one in few] == ["Mieten", "Mieten"]


def test_contradictions_and_facts(town: DocumentTown) -> None:
    texts = [
        (GERMAN.replace("{who}", name), amount)
        for name in ("Talhof", "Bergwerk")
        for amount in ("1,2 Mrd. Euro", "1,6 Mrd. Euro")
    ]
    job = told(town, "Talhof", *texts)
    path = f"/jobs/{job}/contradictions"
    whole = pages(town, path, "items", 100)
    assert len(whole) == 2
    town.ok("POST", f"/contradictions/{whole[0]['id']}/decision", json={"version": 1, "action": "both"})
    whole = pages(town, path, "items", 1)
    assert [one["state"] for one in whole] == ["both", "open"]
    keys: dict[str, Callable[[Row], Any]] = {
        "made_at": lambda row: row["id"],
        "state": lambda row: CLASH_STATES.index(row["state"]),
        "who": lambda row: row["who"],
        "what": lambda row: row["what"],
        "sources": lambda row: row["sources"],
    }
    for sort in ("made_at", "-made_at", "state", "-state"):
        holds(pages(town, path, "items", 1, sort=sort), whole, keys[sort.lstrip("-")], sort)
    facts = town.ok("GET", f"/jobs/{job}/facts")["facts"]
    assert len({one["who"] for one in facts}) == 2
    for sort in ("who", "-who", "what", "-what", "sources", "-sources"):
        holds(pages(town, f"/jobs/{job}/facts", "facts", 0, sort=sort), facts, keys[sort.lstrip("-")], sort)


def test_no_such_order_is_one_line(town: DocumentTown, job: int) -> None:
    at = f"/jobs/{job}"
    for path in (
        "/jobs",
        f"{at}/files",
        f"{at}/values",
        f"{at}/review",
        f"{at}/contradictions",
        f"{at}/facts",
    ):
        error = town.refused(422, "GET", path, params={"sort": "password"})
        assert error["param"] == "sort"
        assert "take one of " in error["message"]


def test_a_border_of_another_order_is_one_line(town: DocumentTown, job: int) -> None:
    page = town.ok("GET", f"/jobs/{job}/files", params={"sort": "name", "limit": 1})
    borders = [
        ("-name", page["next"]),
        ("", page["next"]),
        ("name", "17"),
        ("name", "ä"),
        ("size", write_cursor("size", ("a", 1))),
        ("name", write_cursor("name", ("a\0", 1))),
        ("size", write_cursor("size", (1 << 63, 1))),
        ("size", write_cursor("size", (True, 1))),
        ("made_at", "-1"),
    ]
    for sort, after in borders:
        error = town.refused(422, "GET", f"/jobs/{job}/files", params={"sort": sort, "after": after})
        assert error["param"] == "after"


def test_a_file_that_goes_moves_no_page(town: DocumentTown) -> None:
    jobs = [town.job(model="", name=f"Weg {at}") for at in range(4)]
    query = {"sort": "name", "q": "weg", "limit": 2}
    page = town.ok("GET", "/jobs", params=query)
    assert [one["id"] for one in page["jobs"]] == jobs[:2]
    town.ok("DELETE", f"/jobs/{jobs[1]}")
    rest = town.ok("GET", "/jobs", params={**query, "before": page["next"]})
    assert [one["id"] for one in rest["jobs"]] == jobs[2:]
