"""Routes of plans: kept with all versions, checked before they are, made from examples and the books."""

from __future__ import annotations

import json
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.office.access import BooksRealm, Realm, ReckonRealm
from rechenwerk.office.bodies import Name
from rechenwerk.office.books import show_balance
from rechenwerk.office.errors import german_of, missing, mistake_row, refuse
from rechenwerk.office.part_ports import Cut
from rechenwerk.office.planning import bodies
from rechenwerk.office.planning.calculating import CalculationError, subject
from rechenwerk.office.planning.ports import KeptPlan, KeptVersion, NewVersion
from rechenwerk.office.positions import list_contracts, show_contract
from rechenwerk.office.totals import show_totals

PlanName = Annotated[Name, Path(description="of a plan")]
_VERSIONS = 500
_PLANS = 200
EXAMPLES = MappingProxyType(
    {
        "firm": ("A firm that buys compute", "firm.toml", ""),
        "openai": ("OpenAI", "openai.toml", "openai-deals.toml"),
    }
)
"""Plans that the product brings along: name, file, and the file of deals beside it."""


async def found(realm: Realm, name: str) -> KeptPlan:
    """A plan of this organisation."""
    plan = await realm.desk.plans.plan(realm.organisation_id, name)
    if plan is None:
        raise missing("plan", name)
    return plan


async def version_of(realm: Realm, plan: KeptPlan, number: int | None) -> KeptVersion:
    """One of its versions."""
    kept = await realm.desk.plans.version(plan.id, number)
    if kept is None:
        raise missing("version", str(number))
    return kept


def facts_of(text: str) -> dict[str, Any]:
    """What is in a version, as it was kept."""
    facts: dict[str, Any] = json.loads(text)
    return facts


def _view(plan: KeptPlan) -> bodies.PlanView:
    return bodies.PlanView(
        name=plan.name,
        main=plan.main,
        version=plan.versions,
        made_at=plan.made_at,
        changed_at=plan.changed_at,
        changed_by=plan.changed_by,
        facts=facts_of(plan.facts),
        runway=None
        if plan.run_headline is None
        else bodies.RunwayView.model_validate(
            {
                **facts_of(plan.run_headline),
                "run": plan.run,
                "scenario": plan.run_scenario,
                "ended_at": plan.run_at,
            }
        ),
    )


async def _checked(realm: Realm, body: bodies.TextBody) -> NewVersion:
    """A text that is a plan.

    Raises:
        MistakesError, RechenwerkError: it is none.
    """
    question = {"ask": "check", "subject": subject(body.text, body.format, "", (), body.deals)}
    facts = await realm.office.planning.calculators.ask(realm.organisation_id, question)
    person = realm.caller.key_name
    return NewVersion(body.format, body.text, body.deals, facts.decode(), person, realm.office.now())


async def list_plans(realm: BooksRealm) -> bodies.PlansView:
    """The plans of an organisation, each with what is in it."""
    plans = await realm.desk.plans.plans(realm.organisation_id)
    realm.office.planning.runner.wake(realm.desk.plans)
    return bodies.PlansView(organisation=realm.organisation, plans=[_view(one) for one in plans])


async def check(realm: ReckonRealm, body: bodies.TextBody) -> bodies.CheckView:
    """Whether a text is a plan: all its mistakes with line and fix, or what is in it. Nothing is kept."""
    try:
        version = await _checked(realm, body)
    except MistakesError as error:
        mistakes = [bodies.MistakeView.model_validate(mistake_row(one)) for one in error.mistakes]
        german = error.german
        return bodies.CheckView(
            ok=False, message=str(error), message_de=german, mistakes=mistakes, facts=None
        )
    except CalculationError:
        raise
    except RechenwerkError as error:
        german = german_of(error)
        return bodies.CheckView(ok=False, message=str(error), message_de=german, mistakes=[], facts=None)
    return bodies.CheckView(ok=True, message="", mistakes=[], facts=facts_of(version.facts))


async def _make(realm: Realm, name: str, body: bodies.TextBody) -> bodies.PlanView:
    if len(await realm.desk.plans.plans(realm.organisation_id)) >= _PLANS:
        raise refuse(409, f"there are {_PLANS} plans already; write another version of one", "too_many_plans")
    version = await _checked(realm, body)
    if not await realm.desk.plans.make(realm.organisation_id, name, version):
        raise refuse(409, f"there is a plan {name!r} already; choose another name", "name_taken", "name")
    await realm.changed("plan made", f"plan {name}", None, {"version": 1})
    return _view(await found(realm, name))


async def make(realm: BooksRealm, body: bodies.PlanBody) -> bodies.PlanView:
    """Keep a new plan. The organisation's first is its main one."""
    return await _make(realm, body.name, body)


async def make_example(realm: BooksRealm, body: bodies.ExampleBody) -> bodies.PlanView:
    """Add a plan that the product brings along: an example firm, or the public figures of OpenAI."""
    name, file, deals = EXAMPLES[body.example]
    folder = resources.files("rechenwerk.planner") / "examples"
    text = (folder / file).read_text("utf-8")
    beside = (folder / deals).read_text("utf-8") if deals else ""
    return await _make(realm, body.name or name, bodies.TextBody(text=text, deals=beside))


async def make_from_books(realm: BooksRealm, body: bodies.DraftBody) -> bodies.PlanView:
    """Draft a plan of what the books of the last months say: series of each model, contracts, cash."""
    question = {"ask": "draft", "subject": subject("", "toml", "", ()), "paths": 10_000}
    question |= {"periods": body.periods, **await _books(realm, body.months)}
    drafted = await realm.office.planning.calculators.write(realm.organisation_id, question)
    text = json.loads(drafted)["text"]
    return await _make(realm, body.name, bodies.TextBody(text=text, deals=""))


async def _books(realm: Realm, count: int) -> dict[str, Any]:
    """What the books tell of the last months, as the API tells it."""
    today = realm.office.now().date()
    last = today.year * 12 + today.month - 2  # the last month that is over, counted from year 0
    months = [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(last - count + 1, last + 1)]
    first = today.replace(year=int(months[0][:4]), month=int(months[0][5:]), day=1)
    days = (today - first).days + 1

    async def rows(by: Any) -> list[dict[str, Any]]:
        view = (await show_totals(realm, None, days, by, "month")).model_dump(mode="json")
        return [row for row in view["rows"] if months[0] <= row["starts"][:7] <= months[-1]]

    names = [one.name for one in (await list_contracts(realm)).contracts]
    return {
        "months": months,
        "models": await rows("model"),
        "by_contract": await rows("contract"),
        "contracts": [(await show_contract(realm, name)).model_dump(mode="json") for name in names],
        "balance": (await show_balance(realm, Cut())).model_dump(mode="json"),
    }


async def show(realm: BooksRealm, plan: PlanName) -> bodies.PlanView:
    """A plan and what is in it."""
    return _view(await found(realm, plan))


async def change(realm: BooksRealm, plan: PlanName, body: bodies.VersionBody) -> bodies.PlanView:
    """Another version of a plan; earlier ones stay as they are."""
    kept = await found(realm, plan)
    version = await _checked(realm, body)
    if not await realm.desk.plans.add(kept, version, body.after):
        newest = (await found(realm, plan)).versions
        told = f"somebody wrote version {newest} after version {body.after}; look at it, then change that one"
        raise refuse(409, told, "changed_meanwhile", "after")
    await realm.changed("plan changed", f"plan {plan}", {"version": body.after}, {"version": body.after + 1})
    return _view(await found(realm, plan))


async def choose(realm: BooksRealm, plan: PlanName) -> bodies.PlanView:
    """Make it the organisation's main plan: the one whose runway the first page shows."""
    kept = await found(realm, plan)
    await realm.desk.plans.choose(realm.organisation_id, kept.id)
    if not kept.main:
        await realm.changed("plan chosen", f"plan {plan}")
    return _view(msgspec.structs.replace(kept, main=True))


async def versions(realm: BooksRealm, plan: PlanName) -> bodies.VersionsView:
    """The versions of a plan, the newest first."""
    kept = await found(realm, plan)
    rows = [
        bodies.VersionView.model_validate(
            {"number": one.number, "format": one.format, "made_by": one.made_by, "made_at": one.made_at}
        )
        for one in await realm.desk.plans.versions(kept.id, _VERSIONS)
    ]
    return bodies.VersionsView(plan=plan, versions=rows)


async def source(realm: BooksRealm, plan: PlanName, number: bodies.Number) -> bodies.SourceView:
    """The text of a version."""
    one = await version_of(realm, await found(realm, plan), number)
    return bodies.SourceView.model_validate(
        {
            "plan": plan,
            "number": one.number,
            "format": one.format,
            "made_by": one.made_by,
            "made_at": one.made_at,
            "text": one.text,
            "deals": one.deals,
        }
    )


def add_plan_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/plans", list_plans, methods=["GET"], tags=["plans"])
    add("/plans", make, methods=["POST"], tags=["plans"])
    add("/plans/check", check, methods=["POST"], tags=["plans"])
    add("/plans/example", make_example, methods=["POST"], tags=["plans"])
    add("/plans/from-books", make_from_books, methods=["POST"], tags=["plans"])
    add("/plans/{plan}", show, methods=["GET"], tags=["plans"])
    add("/plans/{plan}", change, methods=["PUT"], tags=["plans"])
    add("/plans/{plan}/main", choose, methods=["PUT"], tags=["plans"])
    add("/plans/{plan}/versions", versions, methods=["GET"], tags=["plans"])
    add("/plans/{plan}/versions/{number}", source, methods=["GET"], tags=["plans"])
