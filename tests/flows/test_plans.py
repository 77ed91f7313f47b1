"""Plans over HTTP: kept in versions, checked, calculated beside the office, asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.office_desk import Office

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "plan"
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
[[line]]
name = "sales"
formula = "users * 1 EUR/user/month * length()"
unit = "EUR"
group = "revenue"
[[line]]
name = "staff"
formula = "20 EUR/month * length()"
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
