"""Grants: applications by size, signatures of different people, what is drawn, and what returns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from rechenwerk.contracts.lots import OpenGrant
from rechenwerk.office.governance.keeper import reclaim_idle
from rechenwerk.store.governance.lots import StoredLots
from tests.flows.governing import DAY, VECTORS, Hall
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office

CALL = 30
"""Tokens of a call of the bookkeeper."""


class Council(Hall):
    """A hall that gives grants from 100 and 1,000 tokens on, and two people who approve."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        office.clock.at += 1
        self.pool(100_000, small_grant=100, medium_grant=1_000, idle_days=10, notice_days=5, least_share=25)
        self.anna = self.officer("Anna", "approve")
        self.bela = self.officer("Bela", "approve")
        self.cora = self.officer("Cora", "approve", "keys")

    def wish(self, amount: int, since: int = 0, last: int = 99, **more: Any) -> dict[str, Any]:
        """An application of the project `default` of the admin's organisation."""
        body = {
            "pool": "main",
            "project": "default",
            "amount": amount,
            "purpose": "protein folding",
            "starts_on": self.date(since),
            "ends_on": self.date(last),
        }
        return {**body, **more}

    def apply(self, amount: int, since: int = 0, last: int = 99, **more: Any) -> Any:
        """An application that must be possible."""
        return self.office.ok("POST", "/grants", json=self.wish(amount, since, last, **more))

    def approve(self, number: int, key: str) -> Any:
        """A signature that must count."""
        return self.office.ok("POST", f"/grants/{number}/approve", key)

    def refused(self, number: int, key: str) -> str:
        """The code of a signature that does not count."""
        answer = self.office.answer("POST", f"/grants/{number}/approve", key)
        assert answer.status_code in {403, 404, 409}, answer.text
        code: str = answer.json()["error"]["code"]
        return code

    def shown(self, number: int = 1) -> Any:
        """A grant as the list shows it."""
        return next(one for one in self.office.ok("GET", "/grants")["grants"] if one["id"] == number)

    def reclaim(self, **more: Any) -> list[tuple[str, int, str]]:
        """Look for idle grants: action, tokens, and the day on which they return, counted from today."""
        steps = self.office.ok("POST", "/grants/reclaim", self.anna, json=more)["steps"]
        today = datetime.fromtimestamp(self.office.clock.at, UTC).date()
        return [
            (one["action"], one["idle"], str((datetime.fromisoformat(one["due"]).date() - today).days))
            for one in steps
        ]

    def open(self) -> tuple[OpenGrant, ...]:
        """What a gateway sees at this moment."""
        now = self.office.clock.at
        (pool,) = self.office.runner.run(StoredLots(self.office.pool).lots(now))
        return pool.at(now).grants


@pytest.fixture
def council(office: Office) -> Council:
    """Who decides about grants."""
    return Council(office)


SIZES = """
    tokens   size     approvals
       100   small    0
       101   medium   1
      1000   medium   1
      1001   large    2
"""


def test_the_size_says_how_many_people_must_approve(council: Council) -> None:
    for line in SIZES.strip().splitlines()[1:]:
        tokens, size, approvals = line.split()
        council.office.ok("POST", "/projects", json={"name": f"p{tokens}"})
        made = council.apply(int(tokens), project=f"p{tokens}")
        assert (made["size"], made["approvals_needed"]) == (size, int(approvals))
        for missing, key in zip(range(int(approvals), 0, -1), (council.anna, council.bela), strict=False):
            assert (made["stage"], made["approvals_needed"]) == ("applied", missing)
            made = council.approve(made["id"], key)
        assert (made["stage"], made["granted"]) == ("granted", int(tokens))


def test_many_small_ones_are_a_large_one(council: Council) -> None:
    assert council.apply(60)["size"] == "small"
    assert council.apply(41)["size"] == "medium", "101 together"
    assert council.apply(900)["size"] == "large", "1,001 together"
    council.office.ok("POST", "/projects", json={"name": "other"})
    assert council.apply(100, project="other")["size"] == "small", "another project's do not count"


def test_nobody_approves_what_is_their_own_or_twice(council: Council) -> None:
    number = council.apply(5_000)["id"]
    admin_twin = council.officer("ADMIN", "approve")
    assert council.refused(number, admin_twin) == "own_application", "the admin applied"
    council.approve(number, council.anna)
    assert council.refused(number, council.anna) == "same_person"
    assert council.refused(number, council.officer("anna", "approve")) == "same_person"
    assert council.refused(number, council.office.first.key) == "missing_scope"
    assert council.shown(number)["approvals_needed"] == 1
    council.approve(number, council.bela)
    assert council.refused(number, council.cora) == "already_decided"
    own = council.office.ok("POST", "/grants", council.cora, json=council.wish(500, project="default"))
    assert council.refused(own["id"], council.cora) == "own_application"
    about_grants = [event for event in council.audited() if event[1].startswith("grant")]
    assert about_grants[-4:] == [
        ("Anna", "grant approved", f"grant {number}"),
        ("Bela", "grant approved", f"grant {number}"),
        ("Bela", "grant made", f"grant {number}"),
        ("Cora", "grant applied for", f"grant {own['id']}"),
    ]


def test_signatures_that_come_together_make_one_grant(council: Council) -> None:
    number = council.apply(5_000)["id"]
    path = f"/grants/{number}/approve"
    people = (council.anna, council.anna, council.bela, council.bela, council.cora)
    answers = council.at_once([("POST", path, key, None) for key in people])
    assert sorted(one.status_code for one in answers)[:2] == [200, 200]
    assert sum(one.status_code == 200 for one in answers) == 2
    shown = council.shown(number)
    assert len({one["name"] for one in shown["approvals"]}) == 2
    assert len(council.office.sql("select from granted")) == 1


def test_the_database_makes_no_grant_without_its_signatures(council: Council) -> None:
    council.apply(5_000)
    with pytest.raises(asyncpg.CheckViolationError):
        council.office.sql("insert into granted select id, tokens, 0, starts_on from grant_application")


def test_declined_is_declined(council: Council) -> None:
    number = council.apply(5_000)["id"]
    body = {"reason": "no purpose for the public"}
    declined = council.office.ok("POST", f"/grants/{number}/decline", council.anna, json=body)
    assert (declined["stage"], declined["decision"]) == ("declined", body["reason"])
    assert council.refused(number, council.bela) == "already_decided"
    assert council.office.refused(409, "POST", f"/grants/{number}/decline", council.anna, json=body)
    assert council.apply(100)["size"] == "small", "what was declined counts no more"


def test_gpu_hours_are_converted_at_the_pools_rate(council: Council) -> None:
    refused = council.office.refused(409, "POST", "/grants", json=council.wish(2, unit="gpu hours"))
    assert refused["code"] == "no_gpu_rate"
    council.office.ok("PUT", "/pools/main", json={"tokens_per_gpu_hour": 51})
    made = council.apply(2, unit="gpu hours")
    assert (made["amount"], made["tokens"], made["size"]) == (2, 102, "medium")


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"pool": "none"}, 404, "no pool 'none'"),
        ({"project": "none"}, 404, "no project 'none'"),
        ({"amount": 0}, 422, "amount"),
        ({"purpose": " "}, 422, "purpose"),
        ({"starts_on": "2027-01-14"}, 422, "starts today or later"),
        ({"ends_on": "2027-01-14"}, 422, "ends after it starts"),
        ({"use_by": "2027-09-01"}, 422, "use-by lies in the window"),
        ({"organisation": "nobody"}, 404, "no organisation"),
    ],
)
def test_a_wrong_application_gets_one_clear_line(
    council: Council, change: dict[str, object], status: int, words: str
) -> None:
    body = {**council.wish(10), **change}
    assert words in council.office.refused(status, "POST", "/grants", json=body)["message"]


def test_booked_calls_draw_the_grant_that_ends_first(council: Council, bookkeeper: Bookkeeper) -> None:
    long = council.apply(90, 0, 50)["id"]
    short = council.apply(40, 0, 20)["id"]
    council.approve(short, council.anna)
    for _ in range(2):
        bookkeeper.post(bookkeeper.hold("default", 10), "posted", 1, 1)
    assert (council.shown(short)["drawn"], council.shown(long)["drawn"]) == (40, 20)
    assert (council.shown(short)["stage"], council.shown(long)["stage"]) == ("used up", "granted")
    assert [(one.id, one.left) for one in council.open()] == [(long, 70)]
    council.office.clock.at += 51 * DAY
    assert council.open() == ()
    assert council.shown(long)["stage"] == "over"


def test_a_grant_begins_with_its_window(council: Council) -> None:
    number = council.apply(90, 3, 5)["id"]
    assert council.open() == ()
    council.office.clock.at += 3 * DAY
    (seen,) = council.open()
    assert (seen.id, seen.left, seen.ends - seen.starts) == (number, 90, 3 * DAY)


def test_what_lies_idle_returns_after_a_notice(council: Council, bookkeeper: Bookkeeper) -> None:
    council.apply(90, 0, 99)
    bookkeeper.post(bookkeeper.hold("default", 10), "posted", 1, 1)
    assert council.reclaim() == []
    council.office.clock.at += 10 * DAY
    assert council.reclaim(dry_run=True) == [("notice", 60, "5")]
    assert council.shown()["noticed_on"] is None
    assert council.reclaim() == [("notice", 60, "5")]
    assert council.shown()["noticed_on"] == council.date(0)
    council.office.clock.at += 4 * DAY
    assert council.reclaim() == [("wait", 60, "1")]
    council.office.clock.at += DAY
    assert council.reclaim() == [("return", 60, "0")]
    shown = council.shown()
    assert (shown["granted"], shown["returned"], shown["drawn"], shown["stage"]) == (30, 60, 30, "used up")
    assert council.open() == ()
    assert council.reclaim() == []
    assert [what for _, what, _ in council.audited()[-2:]] == ["grant notice", "grant returned"]
    assert (
        "nothing was drawn for 15 days" in council.office.ok("GET", "/audit")["events"][0]["after"]["reason"]
    )


def test_what_a_grant_that_is_over_paid_for_was_not_drawn_from_another(
    council: Council, bookkeeper: Bookkeeper
) -> None:
    council.apply(40, 0, 20)
    second = council.apply(50, 0, 60)["id"]
    bookkeeper.post(bookkeeper.hold("default", 10), "posted", 1, 1)
    council.office.clock.at += 25 * DAY
    assert council.reclaim() == [("notice", 50, "5")]
    assert council.shown(second)["drawn"] == 0
    assert [(one.id, one.left) for one in council.open()] == [(second, 50)]


def test_who_draws_after_the_notice_keeps_the_grant(council: Council, bookkeeper: Bookkeeper) -> None:
    council.apply(90, 0, 99)
    council.office.clock.at += 10 * DAY
    assert council.reclaim() == [("notice", 90, "5")]
    council.office.clock.at += 5 * DAY
    bookkeeper.post(bookkeeper.hold("default", 10), "posted", 1, 1)
    assert council.reclaim() == []
    council.office.clock.at += 10 * DAY
    assert council.reclaim() == [("notice", 60, "5")], "the old notice warned of something else"


def test_an_organisation_sees_only_its_own_grants(council: Council, neighbour: str) -> None:
    number = council.apply(50)["id"]
    body = {**council.wish(70), "project": "default"}
    made = council.office.ok("POST", "/grants", neighbour, json=body)
    assert (made["organisation"], made["stage"]) == ("neighbour", "granted"), "from the pool of all"
    assert [one["id"] for one in council.office.ok("GET", "/grants", neighbour)["grants"]] == [made["id"]]
    tenant = council.person("Tenant", "approve", organisation="neighbour")
    other = council.apply(500)["id"]
    assert council.refused(other, tenant) == "application_not_found", "the pool is not theirs"
    own = council.office.ok("POST", "/grants", neighbour, json={**body, "amount": 700})["id"]
    assert council.refused(own, tenant) == "application_not_found", "they cannot give to themselves"
    assert council.approve(own, council.anna)["stage"] == "granted"
    seen = {one["id"] for one in council.office.ok("GET", "/grants", council.anna)["grants"]}
    assert seen == {number, made["id"], other, own}, "who approves sees all applications for the pool"
    events = council.office.ok("GET", "/audit", neighbour)["events"]
    about = {event["subject"] for event in events if event["what"].startswith("grant")}
    assert about == {f"grant {made['id']}", f"grant {own}"}


# -- what an application opens ------------------------------------------------------------------------

MACHINES = """
[[provider]]
name = "machine"
kind = "vllm"
base_url = "http://127.0.0.1:9/v1"
"""
SHARE = """
[[contract]]
name = "{name}"
provider = "machine"
kind = "grant"
quantity = "1000"
unit = "token"
purposes = ["research"]
[[deployment]]
model = "{name}"
provider = "machine"
contract = "{name}"
endpoints = ["chat"]
context_tokens = 1000
max_output_tokens = 100
tokens_per_minute = 5000
cost = {{ input = "0" }}
[[tariff]]
model = "{name}"
price = {{ input = "0" }}
"""


def shares(council: Council, *names: str) -> None:
    """A pool `shares` of deployments under grant contracts of these names, and of one on demand."""
    text = DEFAULT + MACHINES + "".join(SHARE.format(name=name) for name in names)
    council.office.ok("POST", "/apply", json={"text": text})
    machines = [{"model": name, "provider": "machine", "tokens_per_minute": 1000} for name in names]
    more = [{"model": VECTORS[0], "provider": VECTORS[1], "tokens_per_minute": 10}]
    council.office.clock.at += 1
    council.office.ok("PUT", "/pools/shares", json={"members": [*machines, *more], "small_grant": 100})


@pytest.mark.parametrize(
    ("there", "wanted", "opens"),
    [
        (["a"], [], ["a"]),
        (["a"], ["a"], ["a"]),
        (["a", "b"], ["b"], ["b"]),
        (["a", "b", "c"], ["c", "a", "c"], ["a", "c"]),
        ([], [], []),
    ],
)
def test_an_application_opens_the_contracts_that_it_names(
    council: Council, there: list[str], wanted: list[str], opens: list[str]
) -> None:
    shares(council, *there)
    made = council.apply(50, pool="shares", contracts=wanted)
    assert made["stage"] == "granted"
    assert made["contracts"] == opens == council.shown(made["id"])["contracts"]
    now = council.office.clock.at
    lots = council.office.runner.run(StoredLots(council.office.pool).lots(now))
    (grant,) = next(pool for pool in lots if pool.name == "shares").at(now).grants
    rows = council.office.sql("select id, name from contract where kind = 'grant'")
    assert {row["name"] for row in rows if row["id"] in grant.contracts} == set(opens)
    assert len(grant.contracts) == len(opens)


@pytest.mark.parametrize(
    ("there", "wanted", "code", "message"),
    [
        (
            ["a", "b"],
            [],
            "contract_missing",
            "the pool 'shares' has several grant contracts: say in contracts which are meant, of 'a', 'b'",
        ),
        (["a"], ["c"], "contract_not_found", "the pool 'shares' has no grant contract 'c': it has 'a'"),
        (
            [],
            ["c"],
            "contract_not_found",
            "the pool 'shares' has no grant contract 'c': it has none; leave contracts out",
        ),
    ],
)
def test_what_an_application_cannot_open(
    council: Council, there: list[str], wanted: list[str], code: str, message: str
) -> None:
    shares(council, *there)
    error = council.office.refused(
        422, "POST", "/grants", json=council.wish(50, pool="shares", contracts=wanted)
    )
    assert (error["code"], error["message"]) == (code, message)


# -- what the house does by itself --------------------------------------------------------------------


def test_idle_grants_return_by_themselves(council: Council, caplog: pytest.LogCaptureFixture) -> None:
    """As the command does it, under the house's own name in the audit; done once, whoever runs it again."""

    def alone() -> list[tuple[str, int]]:
        done = council.office.runner.run(reclaim_idle(council.office.desk, council.office.clock))
        return [(step.action, step.idle.tokens) for step, _ in done]

    number = council.apply(100)["id"]
    assert alone() == []
    council.office.clock.at += 10 * DAY
    assert alone() == [("notice", 100)]
    assert alone() == []
    assert council.shown(number)["noticed_on"] == council.date(0)
    council.office.clock.at += 5 * DAY
    assert alone() == [("return", 100)]
    assert council.shown(number)["returned"] == 100
    events = [one for one in council.office.ok("GET", "/audit")["events"] if one["what"].startswith("grant ")]
    assert [(one["who"], one["key"]) for one in events[:2]] == [("rechenwerk, by itself", 0)] * 2
    assert [one["what"] for one in events[:2]] == ["grant returned", "grant notice"]
    assert "return of 100 tokens, nothing was drawn for 15 days" in caplog.text
