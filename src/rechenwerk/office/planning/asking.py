"""Routes of questions about a plan that are answered at once: sliders, reasons, stress, networks, files."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from rechenwerk.office.access import BooksRealm, Realm, ReckonRealm
from rechenwerk.office.errors import refuse
from rechenwerk.office.planning import bodies
from rechenwerk.office.planning.calculating import subject
from rechenwerk.office.planning.routes import PlanName, add_plan_routes, facts_of, found, version_of
from rechenwerk.office.planning.runs import add_run_routes

Scenario = Annotated[bodies.Word, Query(description="one of the plan's; empty: as written")]
Without = Annotated[list[bodies.Status], Query(description="statuses that are switched off")]
Version = Annotated[bodies.Number | None, Query(description="of the plan; the newest unless said otherwise")]
Period = Annotated[bodies.Word, Query(description="a period of the plan, such as 2027-06")]
Line = Annotated[bodies.Word, Query(description="a line of the plan")]
Said = Annotated[bodies.Language, Query(description="of what is written for people")]
Words = Annotated[list[bodies.Word], Query(max_length=20)]
_FORMS = MappingProxyType(
    {
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "csv": "text/csv; charset=utf-8",
        "parquet": "application/vnd.apache.parquet",
        "html": "text/html; charset=utf-8",
        "pdf": "application/pdf",
    }
)


async def _asked(
    realm: Realm, plan: str, version: int | None, scenario: str, without: list[Any], *, deals: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is asked about, and what is in it."""
    one = await version_of(realm, await found(realm, plan), version)
    about = subject(one.text, one.format, scenario, list(set(without)), one.deals if deals else "")
    return about, facts_of(one.facts)


async def _answer(realm: Realm, question: dict[str, Any]) -> Response:
    answer = await realm.office.planning.calculators.ask(realm.organisation_id, question)
    return Response(answer, media_type="application/json")


async def attempt(realm: ReckonRealm, plan: PlanName, body: bodies.TryBody) -> Response:
    """The plan with drivers multiplied, on a reduced sample: answered within a second; nothing is kept."""
    about, facts = await _asked(realm, plan, body.version, body.scenario, body.without)
    seed = facts["seed"] if body.seed is None else body.seed
    question = {"ask": "try", "subject": about, "factors": body.factors, "paths": body.paths}
    return await _answer(realm, {**question, "seed": seed, "language": body.language})


async def explain(
    realm: BooksRealm,
    plan: PlanName,
    figure: Annotated[bodies.Word, Query(description="an answer such as runway, or a line such as cash")],
    at: Period = "",
    depth: Annotated[int, Query(ge=0, le=6, description="levels of inputs")] = 3,
    scenario: Scenario = "",
    without: Without = [],  # noqa: B006 - FastAPI copies it
    version: Version = None,
    language: Said = "en",
) -> Response:
    """Where a figure comes from: formula, inputs with their values, sources, dates and status, as a tree."""
    about, _ = await _asked(realm, plan, version, scenario, without)
    question = {"ask": "explain", "subject": about, "name": figure, "at": at, "deep": depth}
    return await _answer(realm, {**question, "language": language})


async def sensitivity(
    realm: BooksRealm,
    plan: PlanName,
    line: Line = "cash",
    at: Period = "",
    scenario: Scenario = "",
    without: Without = [],  # noqa: B006 - FastAPI copies it
    version: Version = None,
) -> Response:
    """Which driver matters: each alone from its low to its high decile (a tornado)."""
    about, _ = await _asked(realm, plan, version, scenario, without)
    return await _answer(realm, {"ask": "sensitivity", "subject": about, "line": line, "at": at})


async def stress(
    realm: BooksRealm,
    plan: PlanName,
    together: Words = [],  # noqa: B006 - FastAPI copies it
    library: Annotated[bool, Query(description="one shock of every kind for all that it can hit")] = False,
    at: Period = "",
    scenario: Scenario = "",
    without: Without = [],  # noqa: B006 - FastAPI copies it
    version: Version = None,
) -> Response:
    """What breaks the plan: its shocks one by one, all, and some together, such as demand+bank@2027-07."""
    about, _ = await _asked(realm, plan, version, scenario, without)
    question = {"ask": "stress", "subject": about, "together": together, "at": at, "everything": library}
    return await _answer(realm, question)


async def reverse(
    realm: BooksRealm,
    plan: PlanName,
    shock: Words = [],  # noqa: B006 - FastAPI copies it
    scenario: Scenario = "",
    without: Without = [],  # noqa: B006 - FastAPI copies it
    version: Version = None,
) -> Response:
    """The mildest combination of shocks that empties the cash; of all unless some are named."""
    about, _ = await _asked(realm, plan, version, scenario, without)
    return await _answer(realm, {"ask": "reverse", "subject": about, "shocks": shock})


async def compare(
    realm: BooksRealm,
    plan: PlanName,
    scenario: Words = [],  # noqa: B006 - FastAPI copies it
    paths: Annotated[int, Query(ge=1, le=5000)] = 1000,
    line: Line = "cash",
    without: Without = [],  # noqa: B006 - FastAPI copies it
    version: Version = None,
    language: Said = "en",
) -> Response:
    """Scenarios side by side, all unless some are named, and why each differs from the plan as written."""
    about, _ = await _asked(realm, plan, version, "", without)
    question = {"ask": "compare", "subject": about, "scenarios": scenario, "paths": paths, "line": line}
    return await _answer(realm, {**question, "language": language})


async def network(
    realm: BooksRealm,
    plan: PlanName,
    fails: Annotated[bodies.Word, Query(description="a firm that stops paying and earning")] = "",
    at: Period = "",
    scenario: Scenario = "",
    without: Without = [],  # noqa: B006 - FastAPI copies it
    version: Version = None,
) -> Response:
    """Firms and what they promised each other, who cannot pay, and who would fall if one of them failed."""
    about, _ = await _asked(realm, plan, version, scenario, without, deals=True)
    if not about["deals"]:
        raise refuse(409, "the plan has no deals; add them beside its text", "no_deals")
    return await _answer(realm, {"ask": "network", "subject": about, "fails": fails, "at": at})


async def file(
    realm: BooksRealm,
    plan: PlanName,
    form: Literal["xlsx", "csv", "parquet", "html", "pdf"],
    paths: Annotated[int, Query(ge=0, le=20_000, description="0: as the plan says")] = 0,
    scenario: Scenario = "",
    without: Without = [],  # noqa: B006 - FastAPI copies it
    version: Version = None,
    language: Said = "en",
) -> Response:
    """The plan as a workbook of formulas, as a table of all figures, or as a report."""
    about, facts = await _asked(realm, plan, version, scenario, without)
    count = min(paths or facts["paths"], 20_000)
    question = {"ask": "file", "subject": about, "form": form, "paths": count, "language": language}
    data = await realm.office.planning.calculators.write(realm.organisation_id, question)
    headers = {"content-disposition": f'attachment; filename="plan.{form}"'}
    return Response(data, media_type=_FORMS[form], headers=headers)


def add_planning_routes(router: APIRouter) -> None:
    """Join the routes of plans to the API."""
    add_plan_routes(router)
    add_run_routes(router)

    def add(path: str, route: Any, view: type[BaseModel] | None, method: str = "GET") -> None:
        told: dict[int | str, dict[str, Any]] = {} if view is None else {200: {"model": view}}
        router.add_api_route(
            f"/plans/{{plan}}/{path}", route, methods=[method], tags=["plans"], responses=told
        )

    add("try", attempt, bodies.TriedView, "POST")
    add("explain", explain, bodies.ExplainedView)
    add("sensitivity", sensitivity, bodies.SensitivityView)
    add("stress", stress, bodies.StressView)
    add("reverse", reverse, bodies.ReverseView)
    add("compare", compare, bodies.ComparedView)
    add("network", network, bodies.NetworkView)
    add("files/{form}", file, None)
