"""Fixtures that every kind of test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """One PostgreSQL for the whole run."""
    with postgres.running() as running:
        yield running


@pytest.fixture
def database_url(server: postgres.Server) -> str:
    """A fresh, migrated database."""
    return server.fresh_sync()
