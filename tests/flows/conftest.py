"""Fixtures of the office's flows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.office_desk import Bookkeeper, Office


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    """A fresh installation after its first start."""
    office = Office(database_url)
    yield office
    office.close()


@pytest.fixture
def bookkeeper(office: Office, database_url: str) -> Iterator[Bookkeeper]:
    """Somebody who books calls."""
    bookkeeper = Bookkeeper(office, database_url)
    yield bookkeeper
    bookkeeper.close()


@pytest.fixture
def neighbour(office: Office) -> str:
    """The key of another organisation, with every scope but operator."""
    office.ok("POST", "/organisations", json={"name": "neighbour"})
    office.ok("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
    body = {"period": "month", "amount": "7", "organisation": "neighbour"}
    office.ok("PUT", "/projects/default/budget", json=body)
    return office.key("default", "keys", "books", "inference", organisation="neighbour")
