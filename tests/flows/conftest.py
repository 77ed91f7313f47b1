"""Fixtures of the flows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rechenwerk.providers.assets import POTION, SMOLLM2, fetch
from rechenwerk.providers.embedded_child import Embedded, start
from tests import postgres
from tests.fakes.provider import running_fake
from tests.flows.browsing import axe, browser, cloud, visitor
from tests.flows.cloud import EMBEDDED_CONFIG, Site, fake_config, running_cloud, runtime_of
from tests.flows.cost_desk import APRIL, CONTRACTS, Till
from tests.flows.exporting import Books, year
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.served import Served

__all__ = ["axe", "browser", "cloud", "visitor"]
"""Fixtures that browsing.py makes, for all modules here."""

MODELS = Path(
    os.environ.get("RECHENWERK_TEST_MODELS") or Path(__file__).resolve().parents[2] / ".cache" / "models"
)


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    """A fresh installation after its first start."""
    office = Office(database_url)
    yield office
    office.close()


@pytest.fixture
def served(database_url: str) -> Iterator[Served]:
    """A fresh installation's office, listening."""
    served = Served(database_url)
    yield served
    served.close()


@pytest.fixture
def bookkeeper(office: Office, database_url: str) -> Iterator[Bookkeeper]:
    """Somebody who books calls."""
    bookkeeper = Bookkeeper(office, database_url)
    yield bookkeeper
    bookkeeper.close()


@pytest.fixture
def till(office: Office, database_url: str) -> Iterator[Till]:
    """Two organisations with projects under the contracts of docs/costs.md; who books their months."""
    office.ok("POST", "/apply", json={"text": CONTRACTS})
    for organisation, projects in (("town", ("citizens", "clerks")), ("school", ("pupils",))):
        office.ok("POST", "/organisations", json={"name": organisation})
        for project in projects:
            office.ok("POST", "/projects", json={"name": project, "organisation": organisation})
    office.clock.at = APRIL
    till = Till(office, database_url)
    yield till
    till.close()


@pytest.fixture
def neighbour(office: Office) -> str:
    """The key of another organisation, with every scope but operator."""
    office.ok("POST", "/organisations", json={"name": "neighbour"})
    office.ok("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
    body = {"period": "month", "amount": "7", "organisation": "neighbour"}
    office.ok("PUT", "/projects/default/budget", json=body)
    return office.key("default", "keys", "books", "inference", organisation="neighbour")


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """The real models in their child process, for all flows."""
    fetch(SMOLLM2, MODELS, print)
    fetch(POTION, MODELS, print)
    child = start(MODELS, context=4096, slots=4)
    yield child
    child.stop()


@pytest.fixture(scope="module", params=["fake", "embedded"])
def site(request: pytest.FixtureRequest, server: postgres.Server) -> Iterator[Site]:
    """A cloud before the fake provider, and one before the real llama.cpp."""
    url = server.fresh_sync()
    if request.param == "fake":
        with running_fake() as fake, running_cloud(url, fake_config(fake)) as cloud:
            yield Site(cloud, "fake-model", "fake-model", fake=fake)
        return
    child: Embedded = request.getfixturevalue("embedded")
    with running_cloud(url, EMBEDDED_CONFIG, runtime_of(child)) as cloud:
        yield Site(cloud, "smollm2-135m", "potion-multilingual", child=child)


@pytest.fixture(scope="module")
def full(server: postgres.Server) -> Iterator[Books]:
    """An organisation in which February, March and April of 2026 were booked."""
    url = server.fresh_sync()
    office = Office(url)
    books = Books(office, url)
    year(books)
    yield books
    books.close()
    office.close()
