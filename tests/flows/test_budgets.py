"""Budgets of organisation, project and key: a call needs all; who may see and set them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.office.ports import Guard
from tests.caller import ask, chat_body
from tests.fakes.provider import FakeProvider, running_fake
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.test_budget import HOLD, Crowd, priced, processes


@pytest.mark.parametrize("period", ["week", "year"])
def test_the_budget_of_an_organisation_holds_over_its_projects_and_processes(
    database_url: str, period: str
) -> None:
    with running_fake() as fake:
        asyncio.run(_over_projects(database_url, fake, period))


async def _over_projects(url: str, fake: FakeProvider, period: str) -> None:
    async with priced(url, fake) as there:
        wide = await there.tenant(project=(Guard("money", "total", 12 * HOLD),))
        other_project = await there.desk.tenants.create_project(wide.organisation, "other")
        other = await there.add_key(wide.organisation, other_project)
        stranger = await there.tenant("stranger")
        await there.desk.tenants.guard_organisation(wide.organisation, [Guard("money", period, 20 * HOLD)])
        with processes(url, 3, DRAIN_TIMEOUT="0.1", GRACE="1") as addresses:
            crowd = Crowd(addresses)
            assert await crowd.send(wide.key, 30) == (12, 18)  # its project's
            assert await crowd.send(other.key, 30) == (8, 22)  # the rest of the organisation's
            assert await crowd.send(wide.key, 3) == (0, 3)
            assert await crowd.send(stranger.key, 3) == (3, 0)
            refused = await ask(addresses[0], other.key, chat_body(1_000))
            assert (refused.status, refused.code) == (429, "insufficient_quota")
            assert "budget of this organisation" in refused.json["error"]["message"]
            await crowd.let_go()
            await there.settled(23)
        await there.assert_books_verify(wide.organisation)


def test_the_tree_shows_what_every_window_has_used_holds_and_has_left(
    office: Office, bookkeeper: Bookkeeper
) -> None:
    office.ok("PUT", "/projects/default/budget", json={"period": "week", "amount": "3", "hard": False})
    office.ok("PUT", "/budgets/organisation", json={"period": "year", "amount": "100"})
    office.ok("PUT", "/keys/admin/budget", json={"period": "quarter", "amount": "0.5"})
    open_hold = bookkeeper.hold("default", 1_000_000_000)
    bookkeeper.post(bookkeeper.hold("default", 2_000_000_000), "posted", 1_250_000_000, 1)
    found = office.ok("GET", "/budgets")
    assert found["projects"] == ["default"]
    lines = {(one["project"], one["key"], one["period"]): one for one in found["budgets"]}
    assert list(lines) == [
        (None, None, "year"),
        ("default", None, "week"),
        ("default", None, "month"),
        ("default", "admin", "quarter"),
    ]
    month = lines["default", None, "month"]
    assert (month["used"], month["held"], month["left"]) == ("1.25", "1.00", "97.75")
    assert (month["percent"], month["starts_at"]) == (1, "2027-01-01T00:00:00Z")
    week = lines["default", None, "week"]
    assert (week["starts_at"], week["ends_at"]) == ("2027-01-11T00:00:00Z", "2027-01-18T00:00:00Z")
    assert not week["hard"]
    assert lines[None, None, "year"]["left"] == "100.00"
    assert lines["default", "admin", "quarter"]["ends_at"] == "2027-04-01T00:00:00Z"
    bookkeeper.post(open_hold, "void", 0, 0)


def test_what_a_window_leads_to_is_told_when_a_tenth_of_it_is_over(
    office: Office, bookkeeper: Bookkeeper
) -> None:
    bookkeeper.post(bookkeeper.hold("default", 2_000_000_000), "posted", 1_000_000_000, 1)
    table = {"2027-01-03 12:00": None, "2027-01-11 08:00": "3.00", "2027-01-31 12:00": "1.02"}
    for moment, ahead in table.items():
        office.clock.at = datetime.fromisoformat(f"{moment}+00:00").timestamp()
        (line,) = office.ok("GET", "/budgets")["budgets"]
        shown = None if line["forecast"] is None else f"{float(line['forecast']):.2f}"
        assert shown == ahead, moment


def test_a_budget_that_is_removed_is_gone(office: Office) -> None:
    office.ok("PUT", "/budgets/organisation", json={"period": "day", "amount": "1"})
    found = office.ok("PUT", "/budgets/organisation", json={"period": "day", "amount": None})
    assert [one["period"] for one in found["budgets"]] == ["month"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/budgets/organisation", {"period": "decade", "amount": "1"}),
        ("/budgets/organisation", {"period": "month", "amount": "-1"}),
        ("/budgets/organisation", {"period": "month", "amount": 1}),
        ("/keys/1/budget", {"period": "minute", "amount": "1"}),
    ],
)
def test_a_wrong_budget_is_refused_in_one_line(office: Office, path: str, body: dict[str, Any]) -> None:
    office.refused(422, "PUT", path, json=body)


def test_a_neighbour_sees_and_sets_nothing_of_ours(office: Office, neighbour: str) -> None:
    (mine,) = office.ok("GET", "/budgets")["budgets"]
    assert mine["amount"] != "7.00"
    (theirs,) = office.ok("GET", "/budgets", neighbour)["budgets"]
    assert (theirs["project"], theirs["amount"]) == ("default", "7.00")
    office.refused(404, "GET", "/budgets", neighbour, params={"organisation": "default"})
    body = {"period": "month", "amount": "1"}
    office.refused(404, "PUT", "/keys/admin/budget", neighbour, json=body)
    office.refused(404, "PUT", "/keys/1/budget", neighbour, json={**body, "organisation": "default"})
    # What an organisation may spend is the operator's to say.
    office.refused(403, "PUT", "/budgets/organisation", neighbour, json=body)
    office.refused(403, "GET", "/budgets", office.key("default", "inference"))
    assert office.ok("GET", "/budgets")["budgets"] == [mine]


def test_a_soft_budget_of_an_organisation_tells_and_refuses_nobody(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_soft(database_url, fake))


async def _soft(url: str, fake: FakeProvider) -> None:
    async with priced(url, fake) as there:
        tenant = await there.tenant()
        soft = Guard("money", "month", NANO // 1_000, hard=False)
        await there.desk.tenants.guard_organisation(tenant.organisation, [soft])
        with processes(url, 1) as (address,):
            replies = [await ask(address, tenant.key, chat_body(1_000)) for _ in range(3)]
            assert {reply.status for reply in replies} == {200}
            await there.settled(3)
        await there.assert_books_verify(tenant.organisation)
