"""Plans over HTTP: kept in versions, checked, calculated beside the office, asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from rechenwerk.base.errors import RechenwerkError, RefusedError
from rechenwerk.office.planning.calculating import CHILD, CalculationError, Calculator, Calculators, subject
from tests.flows.office_desk import Office

SMALL = """title = "Small"
currency = "EUR"
shown_in = "EUR"
starts = "2027-01"
periods = 24
[opening]
unit = "EUR"
cash = 100
[[driver]]
name = "users"
unit = "users"
value = 10
noise = "growth"
spread = "20%"
[[driver]]
name = "price"
unit = "EUR/user/month"
value = 1
[[driver]]
name = "wages"
unit = "EUR/month"
value = 20
[[line]]
name = "sales"
formula = "users * price * length()"
unit = "EUR"
group = "revenue"
[[line]]
name = "staff"
formula = "wages * length()"
unit = "EUR"
group = "operating"
"""


@pytest.fixture
def plans(office: Office) -> Iterator[Office]:
    yield office
    office.runner.run(office.app.state.office.planning.close())


def ended(office: Office, plan: str, run: int) -> Any:
    """The run when it is over."""
    for _ in range(600):
        found = office.ok("GET", f"/plans/{plan}/runs/{run}", params={"wait": 5})
        if found["state"] not in {"waiting", "running"}:
            return found
    return pytest.fail("the run does not end")


def test_an_example_is_added_run_and_asked(plans: Office) -> None:
    made = plans.ok("POST", "/plans/example", json={"example": "firm", "name": "firm"})
    assert (made["name"], made["main"], made["version"]) == ("firm", True, 1)
    run = plans.ok("POST", "/plans/firm/runs", json={"paths": 4000})
    assert ended(plans, "firm", run["id"])["state"] == "done"
    result = plans.answer("GET", f"/plans/firm/runs/{run['id']}/result")
    assert result.json()["paths"] == 4000
    again = plans.ok("POST", "/plans/firm/runs", json={"paths": 4000})
    assert ended(plans, "firm", again["id"])["done"] == 4000
    assert plans.answer("GET", f"/plans/firm/runs/{again['id']}/result").content == result.content
    tried = plans.ok("POST", "/plans/firm/try", json={"factors": {"users": 2}})
    assert tried["quantiles"]["cash"][2][-1] > result.json()["quantiles"]["cash"][2][-1]


def test_versions_are_kept_and_none_is_lost(plans: Office) -> None:
    plans.ok("POST", "/plans", json={"name": "small", "text": SMALL})
    other = SMALL.replace("value = 10\n", "value = 30\n")
    changed = plans.ok("PUT", "/plans/small", json={"text": other, "after": 1})
    assert changed["version"] == 2
    lost = plans.refused(409, "PUT", "/plans/small", json={"text": SMALL, "after": 1})
    assert lost["code"] == "changed_meanwhile"
    assert plans.ok("GET", "/plans/small/versions/1")["text"] == SMALL
    assert [one["number"] for one in plans.ok("GET", "/plans/small/versions")["versions"]] == [2, 1]
    plans.refused(409, "POST", "/plans", json={"name": "small", "text": SMALL})
    plans.ok("POST", "/plans", json={"name": "second", "text": SMALL})
    plans.ok("PUT", "/plans/second/main")
    assert [one["main"] for one in plans.ok("GET", "/plans")["plans"]] == [True, False]
    for statement in ("update plan_version set text = ''", "delete from plan_version"):
        with pytest.raises(asyncpg.PostgresError):
            plans.sql(statement)


def test_mistakes_are_told_with_their_lines(plans: Office) -> None:
    wrong = SMALL.replace('noise = "growth"', 'noise = "loud"')
    found = plans.ok("POST", "/plans/check", json={"text": wrong})
    assert not found["ok"]
    assert found["mistakes"][0]["line"] == wrong.split("\n").index('noise = "loud"') + 1
    answer = plans.answer("POST", "/plans", json={"name": "wrong", "text": wrong})
    assert answer.status_code == 422
    assert answer.json()["errors"] == found["mistakes"]
    assert found["mistakes"][0]["message_de"] == "noise: unbekanntes Wort 'loud'"
    assert answer.json()["message_de"] == found["message_de"]
    assert found["message_de"].startswith(f"Zeile {found['mistakes'][0]['line']}: noise: unbekanntes Wort")
    assert plans.ok("GET", "/plans")["plans"] == []


def test_numbers_and_texts_that_nothing_can_be_kept_under_are_refused(plans: Office) -> None:
    plans.ok("POST", "/plans", json={"name": "small", "text": SMALL})
    late = {"version": 1 << 31}
    plans.refused(422, "GET", f"/plans/small/versions/{1 << 31}")
    plans.refused(422, "GET", "/plans/small/explain", params={"figure": "cash", **late})
    plans.refused(422, "POST", "/plans/small/runs", json=late)
    plans.refused(422, "POST", "/plans/small/try", json=late)
    wide = SMALL + "# " + "ä" * 500_000
    assert "1,000,000" in plans.refused(422, "POST", "/plans", json={"name": "wide", "text": wide})["message"]


HOSTILE = (
    SMALL.replace("periods = 24", "periods = 1000000000"),
    SMALL.replace("users * price", "(" * 900 + "users" + ")" * 900 + " * price"),
    SMALL.replace("users * price", "-" * 3000 + "users * price"),
    SMALL.replace("users * price", "9" * 4000 + " * users * price"),
    SMALL.replace("value = 10\n", "value = 1e308\n").replace("users * price", "users * price * 10 ^ 300"),
    SMALL + "".join(f'[[line]]\nname = "l{at}"\nformula = "1"\nunit = "1"\n' for at in range(3000)),
    SMALL.replace("users * price", "__import__('os').system('true') * price"),
    "a = " + "[" * 50_000,
    "\x00",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_plan_gets_one_line_and_the_office_goes_on(plans: Office, text: str) -> None:
    answer = plans.answer("POST", "/plans/check", json={"text": text})
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        assert not answer.json()["ok"] or plans.answer("POST", "/plans", json={"name": "odd", "text": text})
    assert plans.ok("POST", "/plans/check", json={"text": SMALL})["ok"]


def test_a_yaml_whose_references_multiply_is_refused(plans: Office) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 9)]
    answer = plans.answer("POST", "/plans/check", json={"text": "\n".join(levels), "format": "yaml"})
    assert answer.status_code < 500
    assert answer.status_code != 200 or not answer.json()["ok"]
    assert plans.ok("POST", "/plans/check", json={"text": SMALL})["ok"]


def test_a_calculation_that_takes_too_long_is_ended(plans: Office) -> None:
    question = {"ask": "run", "subject": subject(SMALL, "toml", "", ()), "paths": 50_000_000, "seed": 1}

    async def ask() -> None:
        calculator = Calculator(CHILD, 2048)
        with pytest.raises(CalculationError, match="longer than"):
            await calculator.ask(question, 0.5)
        check = {"ask": "check", "subject": question["subject"]}
        assert b'"title":"Small"' in await calculator.ask(check, 60)  # another process, as if nothing was
        await calculator.close()

    plans.runner.run(ask())


def test_a_calculation_that_needs_too_much_memory_is_refused(plans: Office) -> None:
    question = {"ask": "check", "subject": subject(SMALL, "toml", "", ())}

    async def ask() -> None:
        calculator = Calculator(CHILD, 60)  # too little even to begin
        with pytest.raises(RechenwerkError, match="memory"):
            await calculator.ask(question, 60)
        await calculator.close()

    plans.runner.run(ask())


def test_files_wait_for_each_other_and_too_many_are_refused(plans: Office) -> None:
    question = {"ask": "file", "subject": subject(SMALL, "toml", "", ())}

    async def ask() -> None:
        calculators = Calculators()
        asked = [asyncio.create_task(calculators.write(1, question)) for _ in range(13)]
        (first, *more), waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert not more
        with pytest.raises(RefusedError, match="ask again in a moment"):
            first.result()
        await calculators.close()

    plans.runner.run(ask())


def test_a_run_is_cancelled_and_one_whose_office_ended_is_taken_up(plans: Office) -> None:
    plans.ok("POST", "/plans", json={"name": "small", "text": SMALL})
    run = plans.ok("POST", "/plans/small/runs", json={"paths": 1_000_000})
    assert plans.ok("DELETE", f"/plans/small/runs/{run['id']}")["state"] == "cancelled"
    assert plans.refused(409, "GET", f"/plans/small/runs/{run['id']}/result")["code"] == "no_result"
    plans.sql(
        "insert into plan_run (organisation_id, plan_id, version, paths, seed, made_by, made_at, state,"
        " seen_at) select organisation_id, id, 1, 100, 1, 'x', now(), 'running', now() - interval '1 hour'"
        " from plan"
    )
    assert ended(plans, "small", run["id"] + 1)["state"] == "done"


def test_who_only_reads_calculates_and_changes_nothing(plans: Office) -> None:
    plans.ok("POST", "/plans", json={"name": "small", "text": SMALL})
    auditor = plans.key("default", "audit")
    assert plans.ok("POST", "/plans/small/try", auditor, json={"factors": {"users": 3}})["paths"] == 300
    assert plans.ok("POST", "/plans/check", auditor, json={"text": SMALL})["ok"]
    for method, path, body in (
        ("POST", "/plans", {"name": "x", "text": SMALL}),
        ("POST", "/plans/example", {"example": "firm"}),
        ("PUT", "/plans/small", {"text": SMALL, "after": 1}),
        ("PUT", "/plans/small/main", {}),
        ("POST", "/plans/small/runs", {}),
    ):
        plans.refused(403, method, path, auditor, json=body)
    plans.refused(403, "GET", "/plans", plans.key("default", "inference"))


def test_questions_about_the_case_of_openai(plans: Office) -> None:
    plans.ok("POST", "/plans/example", json={"example": "openai", "name": "case"})
    german = plans.ok("GET", "/plans/case/explain", params={"figure": "runway", "language": "de"})
    assert german["unit"] == "Monate"
    stress = plans.ok("GET", "/plans/case/stress", params={"library": "true"})
    assert stress["rows"][0]["shocks"] == []
    net = plans.ok("GET", "/plans/case/network", params={"fails": "OpenAI"})
    assert "Oracle" in next(one for one in net["if_one_fails"] if one["firm"] == "OpenAI")["falls"] or any(
        one["firm"] == "Oracle" for one in net["failures"]
    )
    sides = plans.ok("GET", "/plans/case/compare", params={"scenario": "contracted", "paths": 100})
    assert [one["scenario"] for one in sides["sides"]] == ["", "contracted"]
    some = plans.ok("POST", "/plans/case/try", json={"without": ["conditional"], "paths": 10})
    assert some["paths"] == 10
    table = plans.answer("GET", "/plans/case/files/csv", params={"paths": 100})
    assert table.text.startswith("line,")
    plans.refused(400, "GET", "/plans/case/explain", params={"figure": "nothing"})
