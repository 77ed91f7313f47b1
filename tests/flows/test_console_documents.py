"""The pages about documents without a browser: jobs, uploads, review, contradictions, training; who may not."""

from __future__ import annotations

from typing import Any

import pytest

from rechenwerk.main_console import mount_console
from tests.flows.browsing import NASTY
from tests.flows.office_desk import Office
from tests.flows.test_console import SAME, Browser

JOBS = "/console/documents"


@pytest.fixture
def admin(office: Office) -> Browser:
    """The admin of the first start, with the console mounted."""
    mount_console(office.app, office.clock, 8080)
    return Browser(office, office.first.key)


def made(office: Office, **fields: Any) -> int:
    """A job."""
    body = {"schema": "invoice", "model": "", **fields}
    number: int = office.ok("POST", "/documents/jobs", json=body)["id"]
    return number


def sent(browser: Browser, office: Office, job: int, files: list[tuple[str, bytes]]) -> Any:
    """A form with files, as a browser without scripts sends it."""
    parts = [("files", (name, data, "application/octet-stream")) for name, data in files]
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    request = office.client.post(f"{JOBS}/jobs/{job}/files", files=parts, headers={**SAME, "cookie": cookie})
    return office.runner.run(request)


PARTS = ("", "/files", "/values", "/review", "/contradictions", "/facts", "/history")


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_of_a_job_escapes_what_people_wrote(office: Office, admin: Browser, language: str) -> None:
    job = made(office, name=NASTY)
    visitor = Browser(office, admin.cookies["rw_session"], language)
    answer = sent(admin, office, job, [("<b>.txt", b"a"), ("b.txt", b"b")])
    assert answer.status_code == 303
    for part in PARTS:
        text = visitor.page(f"{JOBS}/jobs/{job}{part}")
        assert "<img src=x" not in text
        assert "<b>.txt" not in text
        assert text.count("<h1") == 1
    assert "&lt;b&gt;.txt" in visitor.page(f"{JOBS}/jobs/{job}/files")
    assert "<img src=x" not in visitor.page(JOBS)
