"""Routes of runs: many paths of a plan, calculated beside the requests, kept with version, seed and paths."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.planning import bodies
from rechenwerk.office.planning.ports import KeptPlan, KeptRun, NewRun
from rechenwerk.office.planning.routes import PlanName, facts_of, found, version_of

_RUNS = 100
_OPEN = 20
"""Runs of an organisation that are not over."""
RunId = Annotated[int, Path(ge=1, le=2**62)]


def _view(plan: KeptPlan, run: KeptRun) -> bodies.RunView:
    return bodies.RunView(
        id=run.id,
        plan=plan.name,
        version=run.version,
        scenario=run.scenario,
        without=list(run.without),
        paths=run.paths,
        seed=run.seed,
        state=run.state,
        done=run.done,
        failed=run.failed,
        headline=None if run.headline is None else bodies.HeadlineView(**facts_of(run.headline)),
        made_by=run.made_by,
        made_at=run.made_at,
        ended_at=run.ended_at,
    )


async def _run(realm: Realm, plan: KeptPlan, run: int) -> KeptRun:
    kept = await realm.desk.plans.run(plan.id, run)
    if kept is None:
        raise missing("run", str(run))
    return kept


async def start(realm: BooksRealm, plan: PlanName, body: bodies.RunBody) -> bodies.RunView:
    """Begin to calculate many paths; `GET` of the id says how far it is. Same seed, same bytes."""
    kept = await found(realm, plan)
    version = await version_of(realm, kept, body.version)
    facts = facts_of(version.facts)
    if body.scenario and body.scenario not in facts["scenarios"]:
        raise refuse(422, f"the plan has no scenario {body.scenario!r}", "invalid_value", "scenario")
    wanted = NewRun(
        version.number,
        body.scenario,
        sorted(set(body.without)),
        body.paths or min(facts["paths"], bodies.MOST_PATHS),
        facts["seed"] if body.seed is None else body.seed,
        realm.caller.key_name,
        realm.office.now(),
    )
    plans = realm.desk.plans
    run = await plans.begin(realm.organisation_id, kept.id, wanted, _OPEN)
    if run is None:
        raise refuse(429, f"{_OPEN} runs wait already; cancel one, or wait for them to end", "busy")
    realm.office.planning.runner.wake(plans)
    return _view(kept, run)


async def list_runs(realm: BooksRealm, plan: PlanName) -> bodies.RunsView:
    """The newest runs of a plan, without their results."""
    kept = await found(realm, plan)
    realm.office.planning.runner.wake(realm.desk.plans)
    runs = await realm.desk.plans.runs(kept.id, _RUNS)
    return bodies.RunsView(plan=plan, runs=[_view(kept, one) for one in runs])


async def show(
    realm: BooksRealm,
    plan: PlanName,
    run: RunId,
    wait: Annotated[float, Query(ge=0, le=10, description="seconds for which news is waited for")] = 0,
) -> bodies.RunView:
    """How far a run is; one whose office ended is taken up again."""
    kept = await found(realm, plan)
    one = await _run(realm, kept, run)
    if one.state in {"waiting", "running"}:
        runner = realm.office.planning.runner
        runner.wake(realm.desk.plans)
        if wait:
            await runner.wait(wait)
            one = await _run(realm, kept, run)
    return _view(kept, one)


async def result(realm: BooksRealm, plan: PlanName, run: RunId) -> Response:
    """All that a run found: answers, quantiles, obligations, series; byte for byte as it was calculated."""
    one = await _run(realm, await found(realm, plan), run)
    text = await realm.desk.plans.result(one.id)
    if text is None:
        why = one.failed or f"it is {one.state}"
        raise refuse(409, f"run {run} has no result: {why}", "no_result")
    return Response(text, media_type="application/json")


async def cancel(realm: BooksRealm, plan: PlanName, run: RunId) -> bodies.RunView:
    """End a run that is not over; its process ends in a moment."""
    kept = await found(realm, plan)
    one = await _run(realm, kept, run)
    await realm.desk.plans.cancel(one.id, realm.office.now())
    return _view(kept, await _run(realm, kept, run))


def add_run_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    told: dict[int | str, dict[str, Any]] = {200: {"model": bodies.ResultView}}
    add("/plans/{plan}/runs", start, methods=["POST"], tags=["plans"])
    add("/plans/{plan}/runs", list_runs, methods=["GET"], tags=["plans"])
    add("/plans/{plan}/runs/{run}", show, methods=["GET"], tags=["plans"])
    add("/plans/{plan}/runs/{run}", cancel, methods=["DELETE"], tags=["plans"])
    add("/plans/{plan}/runs/{run}/result", result, methods=["GET"], tags=["plans"], responses=told)
