"""The reserve and emergency draws on it: two people, a limit, a time, and the audit."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from rechenwerk.contracts.lots import PoolLots
from rechenwerk.main_console import mount_console
from rechenwerk.store.governance.lots import StoredLots
from tests.flows.governing import Hall
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.test_console import Browser

KEEP = {
    "pool": "main",
    "service": "critical",
    "nominal": 30_000,
    "lendable": 20_000,
    "reclaim": 30,
    "draw_most": 10_000,
    "draw_minutes": 30,
}
NEED = {"pool": "main", "amount": 6_000, "minutes": 20, "reason": "the hospital's own model is down"}


class Watch(Hall):
    """A hall with a reserve, and three people who hold roles."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        office.ok("PUT", "/reserve", json=KEEP)
        self.anna = self.officer("Anna", "emergency")
        self.bela = self.officer("Bela", "emergency")
        self.chief = self.officer("Chief", "approve")

    def ask(self, key: str = "", **more: Any) -> int:
        """Anna asks."""
        number: int = self.office.ok("POST", "/reserve/draws", key or self.anna, json={**NEED, **more})["id"]
        return number

    def approve(self, number: int, key: str) -> Any:
        """Somebody approves."""
        return self.office.ok("POST", f"/reserve/draws/{number}/approve", key)

    def refused(self, number: int, key: str) -> str:
        """Somebody may not approve; the code of the refusal."""
        path = f"/reserve/draws/{number}/approve"
        answer = self.office.answer("POST", path, key)
        assert answer.status_code in {403, 404, 409}, answer.text
        code: str = answer.json()["error"]["code"]
        return code

    def state(self, number: int) -> str:
        """Where a draw stands."""
        draws = self.office.ok("GET", "/reserve")["draws"]
        found: str = next(one["state"] for one in draws if one["id"] == number)
        return found

    def lots(self) -> PoolLots:
        """What a gateway would see at this moment."""
        now = self.office.clock.at
        (found,) = self.office.runner.run(StoredLots(self.office.pool).lots(now))
        return found.at(now)


@pytest.fixture
def watch(office: Office) -> Watch:
    """A reserve and three people."""
    return Watch(office)


def test_a_draw_begins_with_the_second_person_and_ends_by_itself(watch: Watch) -> None:
    number = watch.ask()
    assert (watch.state(number), watch.lots().draws) == ("requested", ())
    made = watch.approve(number, watch.bela)
    assert (made["state"], made["requested_by"], made["approved_by"]) == ("active", "Anna", "Bela")
    (seen,) = watch.lots().draws
    assert (seen.taken_from, seen.given_to, seen.amount) == ("critical", "standard", 6_000)
    watch.office.clock.at += 20 * 60 - 1
    assert (watch.state(number), len(watch.lots().draws)) == ("active", 1)
    watch.office.clock.at += 1
    assert (watch.state(number), watch.lots().draws) == ("ended", ())
    assert watch.audited()[-2:] == [
        ("Anna", "emergency draw requested", f"emergency draw {number}"),
        ("Bela", "emergency draw approved", f"emergency draw {number}"),
    ]
    event = watch.office.ok("GET", "/audit")["events"][0]
    assert event["before"]["draw"]["approved_by"] is None
    assert event["after"]["draw"]["approved_by"]["name"] == "Bela"


def test_one_person_is_never_two(watch: Watch) -> None:
    number = watch.ask()
    assert watch.refused(number, watch.anna) == "same_person"
    twin = watch.officer(" anna ", "emergency", "approve")
    assert watch.refused(number, twin) == "same_person"
    assert watch.state(number) == "requested"
    watch.approve(number, watch.chief)
    assert watch.refused(number, watch.bela) == "emergency_active"


def test_only_a_named_role_asks_and_approves(watch: Watch) -> None:
    admin = watch.office.first.key
    error = watch.office.refused(403, "POST", "/reserve/draws", admin, json=NEED)
    assert "'emergency'" in error["message"], "operator includes every right, but no role"
    watch.office.refused(403, "POST", "/reserve/draws", watch.chief, json=NEED)
    number = watch.ask()
    assert watch.refused(number, admin) == "missing_scope"
    stranger = watch.buyer("north")
    assert watch.refused(number, stranger) == "missing_scope"
    guest = watch.person("Guest", "emergency", organisation="north")
    assert watch.refused(number, guest) == "emergency_draw_not_found"
    assert watch.office.refused(404, "POST", "/reserve/draws", guest, json=NEED)["code"] == "pool_not_found"
    seen = watch.office.ok("GET", "/reserve", guest)
    assert (seen["reserves"], seen["draws"], seen["borrowers"]) == ([], [], [])


def test_who_gets_a_role_stands_in_the_audit(watch: Watch) -> None:
    given = [event for event in watch.audited() if event[1].startswith("role")]
    assert [(who, what) for who, what, _ in given] == [("admin", "role given")] * 3
    keys = watch.office.ok("GET", "/keys", params={"organisation": "operator"})["keys"]
    anna = next(one["id"] for one in keys if one["name"] == "Anna")
    for _ in range(2):
        watch.office.ok("POST", f"/keys/{anna}/revoke", params={"organisation": "operator"})
    taken = [event for event in watch.audited() if event[1] == "role taken"]
    assert taken == [("admin", "role taken", f"key {anna}")], "once, however often it is revoked"
    watch.person("app", "inference")
    assert [event for event in watch.audited() if event[1].startswith("role")] == [*given, *taken]


def test_a_draw_may_be_for_one_organisation(watch: Watch) -> None:
    watch.buyer("hospital")
    number = watch.ask(only_for="hospital")
    made = watch.approve(number, watch.bela)
    assert made["only_for"] == "hospital"
    (seen,) = watch.lots().draws
    assert (
        seen.organisation == watch.office.sql("select id from organisation where name = 'hospital'")[0]["id"]
    )
    body = {**NEED, "only_for": "nobody"}
    assert (
        watch.office.refused(404, "POST", "/reserve/draws", watch.anna, json=body)["param"] == "organisation"
    )


def test_limits_hold_for_all_draws_together(watch: Watch) -> None:
    for change, code in (
        ({"amount": 10_001}, "emergency_too_large"),
        ({"minutes": 31}, "emergency_too_long"),
        ({"taken_from": "batch"}, "emergency_not_foreseen"),
        ({"given_to": "critical"}, "invalid_value"),
        ({"pool": "none"}, "pool_not_found"),
        ({"reason": " "}, "invalid_value"),
    ):
        answer = watch.office.answer("POST", "/reserve/draws", watch.anna, json={**NEED, **change})
        assert answer.json()["error"]["code"] == code
    first, second, third = watch.ask(), watch.ask(), watch.ask(amount=4_000)
    watch.approve(first, watch.bela)
    assert watch.refused(second, watch.bela) == "emergency_too_large"
    watch.approve(third, watch.bela)
    watch.office.clock.at += 20 * 60
    assert watch.approve(second, watch.bela)["state"] == "active", "the first ones are over"


def test_an_approval_can_come_too_late(watch: Watch) -> None:
    number = watch.ask()
    watch.office.clock.at += 3_600
    assert watch.state(number) == "lapsed"
    assert watch.refused(number, watch.bela) == "emergency_lapsed"


def test_one_person_is_enough_to_end_it(watch: Watch) -> None:
    number = watch.ask()
    watch.approve(number, watch.bela)
    watch.office.clock.at += 60
    assert watch.office.ok("POST", f"/reserve/draws/{number}/end", watch.anna)["state"] == "ended"
    assert watch.lots().draws == ()
    watch.office.refused(409, "POST", f"/reserve/draws/{number}/end", watch.anna)
    withdrawn = watch.ask()
    assert watch.office.ok("POST", f"/reserve/draws/{withdrawn}/end", watch.anna)["state"] == "lapsed"
    assert watch.refused(withdrawn, watch.bela) == "emergency_lapsed"


def test_approvals_that_race_make_one_draw_and_keep_the_limit(watch: Watch) -> None:
    numbers = [watch.ask() for _ in range(3)]
    paths = [f"/reserve/draws/{number}/approve" for number in numbers]
    answers = watch.at_once(
        [("POST", path, key, None) for path in paths for key in (watch.bela, watch.chief)]
    )
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409, 409, 409]
    assert sum(draw.amount for draw in watch.lots().draws) == 6_000


FORGED = (
    """update emergency_draw set approved_organisation = requested_organisation, approved_key = requested_key,
    approved_by = 'Somebody', approved_at = requested_at""",
    """update emergency_draw set approved_organisation = requested_organisation, approved_by = 'ANNA',
    approved_key = (select max(id) from api_key), approved_at = requested_at""",
    "update emergency_draw set approved_at = requested_at",
)


def test_the_database_itself_knows_that_two_are_two(watch: Watch) -> None:
    watch.ask()
    for statement in FORGED:
        with pytest.raises(asyncpg.CheckViolationError):
            watch.office.sql(statement)


def test_a_gateway_sees_the_reserve_and_what_was_sold(watch: Watch) -> None:
    watch.buyer("north")
    watch.sell("north", 40_000, 1, 2, lendable=10_000, reclaim=5)
    critical, *rest = watch.lots().lots
    assert (critical.service, critical.nominal, critical.lendable, critical.reclaim) == (
        *("critical", 30_000),
        *(20_000, 30),
    )
    assert rest == [], "the sale has not begun"
    (all_of_it,) = watch.office.runner.run(StoredLots(watch.office.pool).lots(watch.office.clock.at))
    begins = all_of_it.next_change(watch.office.clock.at)
    _, sold = all_of_it.at(begins).lots
    assert (sold.service, sold.nominal, sold.lendable, sold.reclaim) == ("", 40_000, 10_000, 5)
    assert sold.organisation == watch.office.sql("select id from organisation where name = 'north'")[0]["id"]
    assert len(all_of_it.at(begins - 1).lots) == 1
    assert all_of_it.capacity == 100_000
    assert len(all_of_it.deployments) == 1


def test_a_reserve_that_is_changed_wakes_the_gateways(watch: Watch, database_url: str) -> None:
    async def heard() -> bool:
        connection = await asyncpg.connect(database_url)
        rung = asyncio.Event()
        await connection.add_listener("rechenwerk_config", lambda *_: rung.set())
        await watch.office.client.put(
            "/api/v1/reserve",
            headers={"authorization": f"Bearer {watch.office.first.key}"},
            json={**KEEP, "nominal": 20_000},
        )
        await asyncio.wait_for(rung.wait(), 10)
        await connection.close()
        return True

    assert watch.office.runner.run(heard())


def test_who_used_a_reserve_and_who_borrowed(office: Office, bookkeeper: Bookkeeper) -> None:
    Hall(office, total=2)
    office.ok("PUT", "/reserve", json={"pool": "main", "service": "critical", "nominal": 2, "lendable": 2})
    assert office.ok("GET", "/reserve")["borrowers"] == []
    bookkeeper.post(bookkeeper.hold("default", 1000), "posted", 500, 500)
    seen = {
        "pool": "main",
        "service": "critical",
        "organisation": "default",
        "project": "default",
        "tokens": 30,
    }
    shown = office.ok("GET", "/reserve")
    assert shown["since"] == "2026-12-17"
    assert shown["borrowers"] == [{**seen, "project_service": "standard", "own": False, "borrowed": 30}]
    office.ok("PUT", "/projects/default/service", json={"service_class": "critical"})
    shown = office.ok("GET", "/reserve", params={"days": 1})
    assert shown["borrowers"] == [{**seen, "project_service": "critical", "own": True, "borrowed": 0}]
    office.refused(422, "GET", "/reserve", params={"days": 0})
    mount_console(office.app, office.clock, 8080)
    text = Browser(office, office.first.key).page("/console/contracts")
    assert "Who used it" in text
    assert "its own class" in text
    office.clock.at += 40 * 86_400
    assert office.ok("GET", "/reserve")["borrowers"] == [], "long ago"
    neighbour = office.key("default", "books")
    assert office.ok("GET", "/reserve", neighbour) == {
        "reserves": [],
        "draws": [],
        "borrowers": [],
        "since": "2027-01-26",
    }, "the operator's pools are the operator's to see"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lendable": 30_001}, "lendable: at most the nominal"),
        ({"draw_most": 30_001}, "draw_most: at most the nominal"),
        ({"service": "urgent"}, "service"),
        ({"reclaim": 86_401}, "reclaim"),
        ({"nominal": -1}, "nominal"),
    ],
)
def test_a_wrong_reserve_gets_one_clear_line(watch: Watch, change: dict[str, object], words: str) -> None:
    assert words in watch.office.refused(422, "PUT", "/reserve", json={**KEEP, **change})["message"]
