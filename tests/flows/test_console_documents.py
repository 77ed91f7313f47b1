"""The pages about documents without a browser: jobs, uploads, decisions, training; and who may not."""

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


def neighbour(office: Office, *scopes: str, organisation: str = "town") -> Browser:
    """Somebody of another organisation."""
    office.ok("POST", "/organisations", json={"name": organisation})
    office.ok("POST", "/projects", json={"name": "default"}, params={"organisation": organisation})
    key = office.ok(
        "POST",
        "/keys",
        json={"project": "default", "name": "clerk", "scopes": list(scopes)},
        params={"organisation": organisation},
    )
    return Browser(office, key["key"])


def colleague(office: Office, *scopes: str) -> Browser:
    """Somebody of the same organisation with other rights."""
    body = {"project": "default", "name": "+".join(scopes), "scopes": list(scopes)}
    return Browser(office, office.ok("POST", "/keys", json=body)["key"])


def test_a_neighbour_sees_and_changes_nothing(office: Office, admin: Browser) -> None:
    job = made(office, name="ours")
    assert sent(admin, office, job, [("a.txt", b"a")]).status_code == 303
    other = neighbour(office, "documents")
    assert "ours" not in other.page(JOBS)
    for part in (*PARTS, "/documents/1"):
        assert "ours" not in other.page(f"{JOBS}/jobs/{job}{part}", 404)
    for what in ("start", "pause", "resume", "reopen", "cancel", "delete"):
        assert other.post(f"{JOBS}/jobs/{job}/do/{what}").status_code == 404
    assert sent(other, office, job, [("b.txt", b"b")]).status_code == 404
    said = other.post(f"{JOBS}/jobs/{job}/documents/1/decision", field="total", action="accept", version="1")
    assert said.status_code == 404
    assert other.post(f"{JOBS}/jobs/{job}/documents/1/kind", schema="invoice").status_code == 404
    assert other.post(f"{JOBS}/jobs/{job}/contradictions/1", action="both", version="1").status_code == 404
    shown = office.ok("GET", f"/documents/jobs/{job}")
    assert (shown["state"], sum(shown["documents"].values())) == ("open", 1)


def test_a_document_is_shown_in_its_own_job_only(office: Office, admin: Browser) -> None:
    one, two = made(office), made(office)
    sent(admin, office, one, [("a.txt", b"a")])
    admin.page(f"{JOBS}/jobs/{one}/documents/1")
    admin.page(f"{JOBS}/jobs/{two}/documents/1", 404)
    for number in (0, 2**40, 2**70, 10**30):
        admin.page(f"{JOBS}/jobs/{number}", 404)
        admin.page(f"{JOBS}/jobs/{one}/documents/{number}", 404)


def test_a_name_that_no_address_has_room_for_is_refused(office: Office, admin: Browser) -> None:
    job = made(office)
    sent(admin, office, job, [("a.txt", b"a")])
    assert admin.post(f"{JOBS}/forms", name="x" * 70_000, words="a, b").status_code == 414
    said = {"field": "x" * 70_000, "action": "accept", "version": "1"}
    assert admin.post(f"{JOBS}/jobs/{job}/documents/1/decision", None, **said).status_code == 414
    assert admin.post(f"{JOBS}/training", name="x" * 70_000).status_code == 414


@pytest.mark.parametrize("scope", ["audit", "books", "inference"])
def test_who_may_not_is_told_so_and_changes_nothing(office: Office, admin: Browser, scope: str) -> None:
    job = made(office)
    other = colleague(office, scope)
    assert f'href="{JOBS}"' not in other.get("/console/profile").text
    for path in (JOBS, f"{JOBS}/new", f"{JOBS}/forms", f"{JOBS}/training", f"{JOBS}/jobs/{job}"):
        other.page(path, 403)
    assert other.post(f"{JOBS}/new", schema="invoice", model="none").status_code == 403
    assert other.post(f"{JOBS}/jobs/{job}/do/cancel").status_code == 403
    assert sent(other, office, job, [("b.txt", b"b")]).status_code == 403
    assert other.post(f"{JOBS}/forms", name="mine", words="a, b").status_code == 403
    assert office.ok("GET", f"/documents/jobs/{job}")["state"] == "open"
    assert f'href="{JOBS}"' in colleague(office, "documents").page(JOBS)
    assert admin.get(JOBS).status_code == 200


def test_nothing_is_changed_from_another_site(office: Office, admin: Browser) -> None:
    job = made(office)
    answer = admin.post(f"{JOBS}/jobs/{job}/do/cancel", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert office.ok("GET", f"/documents/jobs/{job}")["state"] == "open"


def test_a_job_is_made_paused_and_found_again(office: Office, admin: Browser) -> None:
    answer = admin.post(
        f"{JOBS}/new", schema="invoice", name="march", model="none", budget="2,50", mask="yes", keep_days="9"
    )
    assert answer.headers["location"] == f"{JOBS}/jobs/1"
    job = office.ok("GET", "/documents/jobs/1")
    assert (job["budget"], job["mask"], job["keep_days"], job["model"]) == ("2.50", True, 9, "")
    sent(admin, office, 1, [("a.txt", b"a")])
    for what, state in (
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ):
        assert admin.post(f"{JOBS}/jobs/1/do/{what}").status_code == 303
        assert office.ok("GET", "/documents/jobs/1")["state"] == state
    assert "march" in admin.page(f"{JOBS}?q=MAR&state=cancelled")
    assert "march" not in admin.page(f"{JOBS}?q=april")
    assert admin.post(f"{JOBS}/jobs/1/do/pause").status_code == 409
    assert admin.post(f"{JOBS}/jobs/1/do/nothing").status_code == 404
    assert admin.post(f"{JOBS}/jobs/1/do/delete").headers["location"] == JOBS
    admin.page(f"{JOBS}/jobs/1", 404)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("budget", "much", "budget"), ("keep_days", "0", "keep_days"), ("model", "model:nobody", "no model")],
)
def test_a_mistake_stands_in_the_form(
    office: Office, admin: Browser, field: str, value: str, says: str
) -> None:
    answer = admin.post(
        f"{JOBS}/new", SAME, **{"schema": "invoice", "model": "none", "name": NASTY, field: value}
    )
    assert answer.status_code in {404, 422}
    assert says in answer.text
    assert "<img src=x" not in answer.text
    assert office.ok("GET", "/documents/jobs")["jobs"] == []


def test_each_refused_file_has_its_reason(office: Office, admin: Browser) -> None:
    job = made(office)
    office.app.state.documents = office.app.state.documents.__replace__(
        setup=office.app.state.documents.setup.__replace__(largest=10)
    )
    answer = sent(admin, office, job, [("small.txt", b"a"), (f"{NASTY}.txt", b"b" * 11)])
    assert answer.status_code == 200
    assert "larger than 10 bytes" in answer.text
    assert "<img src=x" not in answer.text
    files = office.ok("GET", f"/documents/jobs/{job}/files")["documents"]
    assert [one["name"] for one in files] == ["small.txt"]


def test_a_form_of_ones_own_in_words_and_as_json(office: Office, admin: Browser) -> None:
    assert admin.post(f"{JOBS}/forms", name="dogs", words="breed, colour, born (date)").status_code == 303
    schema = '{"type": "object", "properties": {"weight": {"type": "number"}}}'
    assert admin.post(f"{JOBS}/forms", name="dogs", words=schema).status_code == 303
    versions = office.ok("GET", "/documents/schemas/dogs")["schemas"]
    assert [[field["name"] for field in one["fields"]] for one in versions] == [
        ["breed", "colour", "born"],
        ["weight"],
    ]
    broken = admin.post(f"{JOBS}/forms", name="dogs", words='{"type": ')
    assert broken.status_code == 422
    assert "begins like JSON" in broken.text
    assert admin.post(f"{JOBS}/forms", name=NASTY, words="a, b").status_code == 422


def test_what_was_learnt_is_nobody_elses(office: Office, admin: Browser) -> None:
    examples = [{"label": "bill", "text": NASTY}, {"label": NASTY[:50], "text": "b"}]
    office.ok("POST", "/documents/trained/post/examples", json={"examples": examples})
    assert "<img src=x" not in admin.page(f"{JOBS}/training/post")
    assert "post" in admin.page(f"{JOBS}/training")
    assert admin.post(f"{JOBS}/training/post/activate", version="9").status_code == 404
    assert (
        admin.post(f"{JOBS}/training", name="no", source="corrections", schema="invoice").status_code == 422
    )
    other = neighbour(office, "documents")
    other.page(f"{JOBS}/training/post", 404)
    for what in ("activate", "train", "delete"):
        assert other.post(f"{JOBS}/training/post/{what}", version="2").status_code == 404
    assert admin.post(f"{JOBS}/training/post/delete").status_code == 303


def test_no_redirect_leaves_the_job(office: Office, admin: Browser) -> None:
    job = made(office)
    for then in ("https://evil.example/", "//evil.example", "/console/sign-out"):
        answer = admin.post(f"{JOBS}/jobs/{job}/contradictions/1", action="both", version="1", then=then)
        assert answer.status_code == 404
        assert "evil" not in answer.headers.get("location", "")
