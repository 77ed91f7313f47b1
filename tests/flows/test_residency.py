"""Residency as configuration: from the file and the office into the snapshot of every gateway."""

from __future__ import annotations

from importlib import resources

from rechenwerk.gateway.ports import DeploymentRow, Snapshot
from rechenwerk.identity.keys import hash_key
from rechenwerk.routing.ports import DEFAULT_CLASSES, DataClass
from rechenwerk.store.snapshot import PostgresSource
from tests.flows.office_desk import DEFAULT, Office

CLASSES = """
[[data_class]]
name = "confidential"
jurisdictions = ["DE", "local"]
level = "dedicated"
"""
_MIGRATION = "0005_residency.sql"


def seen(office: Office, database_url: str) -> Snapshot:
    """What a gateway would see now."""
    return office.runner.run(PostgresSource(office.pool, database_url).snapshot())


def deployment(snapshot: Snapshot, model: str) -> DeploymentRow:
    """The one deployment of a model that is shared with all."""
    offer = snapshot.offer(0, model)
    assert offer is not None
    return offer.deployments[0]


def test_a_projects_data_has_a_class(office: Office, database_url: str) -> None:
    assert office.ok("POST", "/projects", json={"name": "open"})["data_class"] == "internal"
    made = office.ok("POST", "/projects", json={"name": "files", "data_class": "confidential"})
    assert made["data_class"] == "confidential"
    shown = office.ok("PUT", "/projects/files/data-class", json={"data_class": "restricted"})
    assert shown["data_class"] == "restricted"
    listed = {one["name"]: one["data_class"] for one in office.ok("GET", "/projects")["projects"]}
    assert listed == {"default": "internal", "files": "restricted", "open": "internal"}
    key = office.key("files")
    assert seen(office, database_url).keys[hash_key(key.encode())].data_class == "restricted"
    for body in ({"data_class": "secret"}, {"data_class": ""}, {}):
        error = office.refused(422, "PUT", "/projects/files/data-class", json=body)
        assert error["param"] == "data_class"
    office.refused(404, "PUT", "/projects/nowhere/data-class", json={"data_class": "public"})


def test_a_changed_class_reaches_the_gateways(office: Office) -> None:
    def version() -> int:
        return int(office.sql("select version from installation")[0]["version"])

    before = version()
    office.ok("PUT", "/projects/default/data-class", json={"data_class": "public"})
    between = version()
    assert between > before
    office.ok("POST", "/apply", json={"text": DEFAULT + CLASSES})
    assert version() > between


def test_classes_are_applied_shown_and_taken_back(office: Office, database_url: str) -> None:
    planned = office.ok("POST", "/apply", json={"text": DEFAULT + CLASSES, "dry_run": True})
    (change,) = planned["changes"]
    assert (change["what"], change["name"], change["action"]) == ("data class", "confidential", "create")
    assert change["after"] == {
        "name": "confidential",
        "jurisdictions": ["DE", "local"],
        "level": "dedicated",
        "active": True,
    }
    assert seen(office, database_url).classes == {}
    assert office.ok("POST", "/apply", json={"text": DEFAULT + CLASSES})["changes"] == planned["changes"]
    assert office.ok("POST", "/apply", json={"text": DEFAULT + CLASSES})["changes"] == []
    strict = DataClass("confidential", frozenset({"DE", "local"}), "dedicated")
    assert seen(office, database_url).data_class(1, "confidential") == strict
    (gone,) = office.ok("POST", "/apply", json={"text": DEFAULT})["changes"]
    assert (gone["what"], gone["action"]) == ("data class", "deactivate")
    assert office.ok("POST", "/apply", json={"text": DEFAULT})["changes"] == []
    assert seen(office, database_url).data_class(1, "confidential") == DEFAULT_CLASSES["confidential"]
    (back,) = office.ok("POST", "/apply", json={"text": DEFAULT + CLASSES})["changes"]
    assert back["action"] == "change"
    assert seen(office, database_url).data_class(1, "confidential") == strict


def test_an_organisation_has_its_own_word_before_the_operators(
    office: Office, neighbour: str, database_url: str
) -> None:
    own = 'currency = "EUR"\n' + CLASSES.replace('"DE", ', "")
    office.ok("POST", "/apply", json={"text": DEFAULT + CLASSES})
    applied = office.ok("POST", "/apply", json={"text": own, "organisation": "neighbour"})
    assert (applied["organisation"], len(applied["changes"])) == ("neighbour", 1)
    snapshot = seen(office, database_url)
    theirs = snapshot.keys[hash_key(neighbour.encode())].organisation
    assert snapshot.data_class(theirs, "confidential").jurisdictions == {"local"}
    assert snapshot.data_class(theirs + 1, "confidential").jurisdictions == {"DE", "local"}
    assert snapshot.data_class(theirs, "public") == DEFAULT_CLASSES["public"]


def test_where_a_deployment_is_reaches_the_gateways(office: Office, database_url: str) -> None:
    embedded = deployment(seen(office, database_url), "smollm2-135m")
    assert (embedded.jurisdiction, embedded.level) == ("local", "own")
    moved = DEFAULT.replace(
        "context_tokens = 4096", 'context_tokens = 4096\njurisdiction = "EU"\nlevel = "no-retention"'
    )
    (change,) = office.ok("POST", "/apply", json={"text": moved})["changes"]
    assert (change["what"], change["action"]) == ("deployment", "change")
    assert (change["before"]["jurisdiction"], change["after"]["jurisdiction"]) == ("local", "EU")
    assert office.ok("POST", "/apply", json={"text": moved})["changes"] == []
    there = deployment(seen(office, database_url), "smollm2-135m")
    assert (there.jurisdiction, there.level) == ("EU", "no-retention")


def test_an_installation_from_before_residency_is_brought_up_to_it(office: Office) -> None:
    text = (resources.files("rechenwerk.store") / "migrations" / _MIGRATION).read_text(encoding="utf-8")

    async def again() -> None:
        async with office.pool.acquire() as connection:
            await connection.execute(
                "drop table data_class; alter table provider drop column secret;"
                " alter table deployment drop column jurisdiction, drop column level;"
                " alter table project drop column data_class"
            )
            await connection.execute(text)

    office.runner.run(again())
    assert office.ok("POST", "/apply", json={"text": DEFAULT})["changes"] == []
    assert office.ok("GET", "/projects")["projects"][0]["data_class"] == "internal"
