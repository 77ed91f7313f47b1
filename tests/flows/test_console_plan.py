"""The pages of plans, without and with a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rechenwerk.main_console import mount_console
from tests.flows.office_desk import Office
from tests.flows.test_console import Browser
from tests.flows.test_plans import ended


@pytest.fixture
def desk(office: Office) -> Iterator[Browser]:
    """The admin with the console; what calculates is ended."""
    mount_console(office.app, office.clock, 8080)
    yield Browser(office, office.first.key)
    office.runner.run(office.app.state.office.planning.close())


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_of_a_plan(office: Office, desk: Browser, language: str) -> None:
    visitor = Browser(office, desk.cookies["rw_session"], language)
    assert (
        visitor.post("/console/plan/example", example="openai").headers["location"]
        == "/console/plan/at/OpenAI"
    )
    assert ended(office, "OpenAI", 1)["state"] == "done"
    for path in (
        "/console/plan",
        "/console/plan/new",
        "/console/plan/at/OpenAI",
        "/console/plan/at/OpenAI/runs/1",
        "/console/plan/at/OpenAI/try",
        "/console/plan/at/OpenAI/risks",
        "/console/plan/at/OpenAI/risks?now=1&reverse=1",
        "/console/plan/at/OpenAI/scenarios?now=1",
        "/console/plan/at/OpenAI/network?now=1&fails=OpenAI",
        "/console/plan/at/OpenAI/source",
        "/console/plan/at/OpenAI/source?version=1",
        "/console/plan/at/OpenAI/explain?figure=runway",
    ):
        text = visitor.page(path)
        assert text.count("<h1") == 1, path
