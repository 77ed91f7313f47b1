"""Fixtures that every kind of test may use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """One PostgreSQL for the whole run."""
    with postgres.running() as running:
        yield running


@pytest.fixture
def database_url(server: postgres.Server) -> Iterator[str]:
    """A fresh, migrated database."""
    url = server.fresh_sync()
    yield url
    asyncio.run(server.drop(url))
