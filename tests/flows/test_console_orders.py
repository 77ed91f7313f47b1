"""Lists of the console in other orders: columns that sort, pages that go on, files that follow the filter."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest

from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.test_console import Browser
from tests.flows.test_console_documents import JOBS, admin, made, sent

__all__ = ["admin"]

SORTS = ("made_at", "-made_at", "name", "-name", "state", "-state", "cost", "-cost")


def walked(browser: Browser, path: str, pattern: str) -> list[str]:
    """What all pages of a list name, one after the other."""
    found: list[str] = []
    while path:
        text = browser.page(path)
        found += re.findall(pattern, text)
        ahead = re.search(r'<a href="([^"]+)" rel="next"', text)
        path = html.unescape(ahead[1]) if ahead else ""
    return found


def table(browser: Browser, path: str) -> list[dict[str, str]]:
    """A file, row by row."""
    return list(csv.DictReader(io.StringIO(browser.page(path))))


def test_jobs_page_through_in_every_order_and_download_what_fits(office: Office, admin: Browser) -> None:
    names = [f"Akte {at % 7}-{at:03}" for at in range(120)]
    numbers = {str(made(office, name=name)): name for name in names}
    for number in list(numbers)[:60]:
        office.ok("POST", f"/documents/jobs/{number}/cancel")
    for sort in SORTS:
        found = walked(admin, f"{JOBS}?sort={sort}", r'href="/console/documents/jobs/(\d+)"')
        assert sorted(found) == sorted(numbers), sort
        if sort.endswith("name"):
            assert [numbers[one] for one in found] == sorted(names, reverse=sort.startswith("-"))
    text = admin.page(f"{JOBS}?sort=name")
    assert 'aria-sort="ascending"><a href="/console/documents?sort=-name"' in text
    rows = table(admin, f"{JOBS}?sort=-name&state=cancelled&q=akte&download=csv")
    assert [one["name"] for one in rows] == sorted(names[:60], reverse=True)
    assert len(table(admin, f"{JOBS}?download=csv")) == 120
    assert admin.page(f"{JOBS}?sort=password").count('aria-sort="descending"') == 1, "its own order"


def test_files_sort_and_download_what_fits(office: Office, admin: Browser) -> None:
    job = made(office)
    names = [f"{word}-{at:02}.txt" for at in range(30) for word in ("Brief", "anlage")]
    assert sent(admin, office, job, [(name, name.encode()) for name in names]).status_code == 303
    path = f"{JOBS}/jobs/{job}/files"
    for sort in ("name", "-name", "size", "-made_at", "state", "pages", "unproven"):
        found = walked(admin, f"{path}?sort={sort}", r">([A-Za-z]+-\d\d\.txt)</a>")
        assert sorted(found) == sorted(names), sort
    found = walked(admin, f"{path}?sort=name", r">([A-Za-z]+-\d\d\.txt)</a>")
    assert found == sorted(names, key=str.lower)
    rows = table(admin, f"{path}?sort=-name&q=brief&download=csv")
    assert [one["name"] for one in rows] == sorted((one for one in names if "Brief" in one), reverse=True)
    assert table(admin, f"{JOBS}/jobs/{job}/values?download=csv") == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_pages_of_a_job_offer_their_orders(office: Office, admin: Browser, language: str) -> None:
    job = made(office)
    visitor = Browser(office, admin.cookies["rw_session"], language)
    for part in ("files", "values", "review", "contradictions", "facts"):
        for sort in ("-made_at", "name", "-state", "who"):
            assert "documents.order" not in visitor.page(f"{JOBS}/jobs/{job}/{part}?sort={sort}")


def test_the_journal_sorts_and_says_when_it_cannot(
    office: Office, admin: Browser, bookkeeper: Bookkeeper
) -> None:
    calls = []
    for price in (500, 300, 900, 700, 100):
        hold = bookkeeper.hold("default", 1000)
        calls.append(bookkeeper.post(hold, "posted", price, price))
    pattern = r'href="/console/journal/(call_[A-Za-z0-9]+)"'
    assert walked(admin, "/console/journal", pattern) == calls[::-1]
    assert walked(admin, "/console/journal?sort=started_at", pattern) == calls
    dearest = [calls[at] for at in (2, 3, 0, 1, 4)]
    assert walked(admin, "/console/journal?sort=-price", pattern) == dearest
    assert walked(admin, "/console/journal?sort=price&outcome=posted", pattern) == dearest[::-1]
    text = admin.page("/console/journal?sort=-price&outcome=posted")
    assert 'aria-sort="descending"><a href="/console/journal?outcome=posted&amp;sort=price"' in text
    office.sql("update call_day set calls = 200001")
    answer = admin.get("/console/journal?sort=-price")
    assert answer.status_code == 422
    assert "200,001 calls lie in these days" in answer.text
    assert '<a href="/console/journal">' in answer.text
