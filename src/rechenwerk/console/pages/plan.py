"""Plans: a list, a plan's answers and risks, sliders, scenarios, its network of deals, its text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console import plan_charts as charts
from rechenwerk.console.api import Answer
from rechenwerk.console.listing import Column, arrange, as_csv
from rechenwerk.console.pages.projects import count_of
from rechenwerk.console.visit import Visit, page, with_query

PATH = "/console/plan"
PATHS = (1000, 4000, 10_000, 50_000, 200_000)
HEADLINE = ("runway", "funding_gap", "lowest_cash", "cash_positive", "commitments", "break_even")
COLUMNS = (
    Column("name"),
    Column("title", lambda row: row["facts"]["title"]),
    Column("version", number=True),
    Column("out", lambda row: (row["runway"] or {}).get("out")),
    Column("ruin", lambda row: (row["runway"] or {}).get("ruin"), number=True),
    Column("changed_at"),
    Column("changed_by"),
)
_TABS = ("overview", "try", "risks", "scenarios", "network", "source")


def address(name: str, part: str = "", **query: object) -> str:
    """Where a page of a plan is."""
    return with_query(f"{PATH}/at/{quote(name, safe='')}" + (f"/{part}" if part else ""), **query)


def _api(visit: Visit, part: str = "") -> str:
    """A path of the API about the plan of this page."""
    return f"/plans/{quote(visit.request.path_params['plan'], safe='')}" + (f"/{part}" if part else "")


def _chosen(visit: Visit, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario and the statuses that the address chooses, as far as the plan has them."""
    wished = visit.query.get("scenario", "")
    switched = visit.request.query_params.getlist("without")
    return {
        "scenario": wished if wished in facts["scenarios"] else "",
        "without": [one for one in facts["statuses"] if one in switched],
    }


def _show(visit: Visit, template: str, tab: str, plan: dict[str, Any], **context: Any) -> Response:
    """A page of a plan."""
    name = plan["name"]
    tabs = [(one, address(name, "" if one == "overview" else one)) for one in _TABS]
    shown: dict[str, Any] = {
        "figure": charts.Shown(visit),
        "address": address,
        "plan": plan,
        "facts": plan["facts"],
    }
    may = visit.may("books")
    return visit.render(template, section="plan", tab=tab, tabs=tabs, may=may, **shown, **context)


@page
async def index(visit: Visit) -> Response:
    """All plans; what to do first where there is none."""
    answer = await visit.get("/plans")
    if not answer.ok:
        return visit.failed(answer)
    rows = answer.body["plans"]
    listing = arrange(PATH, rows, COLUMNS, visit.query, ("name", "title"), (), "name")
    if visit.query.get("download"):
        return as_csv("plans", COLUMNS, listing.rows)
    return _list(visit, listing)


def _list(visit: Visit, listing: Any, problem: Any = None) -> Response:
    may = visit.may("books")
    shown: dict[str, Any] = {"figure": charts.Shown(visit), "address": address, "may": may}
    return visit.render("plan.html", section="plan", list=listing, problem=problem, **shown)


async def _made(visit: Visit, answer: Answer) -> Response:
    """Go to a plan that was made and calculate it; else say on the list why there is none."""
    if answer.ok:
        name = answer.body["name"]
        await visit.send("POST", f"/plans/{quote(name, safe='')}/runs", {})
        return visit.go(address(name), "plan_made", name)
    plans = await visit.get("/plans")
    rows = plans.part("plans", [])
    return _list(visit, arrange(PATH, rows, COLUMNS, {}, (), (), "name"), answer.problem)


@page
async def example(visit: Visit) -> Response:
    """Add a plan that the product brings along."""
    form = await visit.form()
    return await _made(
        visit, await visit.send("POST", "/plans/example", {"example": form.get("example", "")})
    )


@page
async def from_books(visit: Visit) -> Response:
    """Draft a plan of what the books say."""
    form = await visit.form()
    return await _made(visit, await visit.send("POST", "/plans/from-books", {"name": form.get("name", "")}))


@page
async def new(visit: Visit) -> Response:
    """A plan from a file or from what is typed."""
    sent = await visit.form() if visit.request.method == "POST" else {}
    form = {"name": "", "text": "", "format": "toml", "deals": "", **sent}
    answer = None
    if sent:
        wanted = {key: form.get(key, "") for key in ("name", "text", "format", "deals")}
        wanted["format"] = wanted["format"] or "toml"
        answer = await visit.send("POST", "/plans", wanted)
        if answer.ok:
            return await _made(visit, answer)
    problem = answer.problem if answer is not None else None
    mistakes = await _mistakes(visit, form) if problem and problem.param == "text" else []
    return visit.render("plan_new.html", section="plan", form=form, problem=problem, mistakes=mistakes)


async def _mistakes(visit: Visit, form: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is wrong in a text, line by line."""
    wanted = {"text": form.get("text", ""), "format": form.get("format") or "toml"}
    found = await visit.send("POST", "/plans/check", {**wanted, "deals": form.get("deals", "")})
    mistakes: list[dict[str, Any]] = found.part("mistakes", [])
    return mistakes


@page
async def overview(visit: Visit) -> Response:
    """When the money runs out, how probable that is, what is promised: of the newest run or a given one."""
    plan, runs = await visit.get(_api(visit)), await visit.get(_api(visit, "runs"))
    if not plan.ok:
        return visit.failed(plan)
    rows = runs.part("runs", [])
    number = visit.request.path_params.get("run")
    active = next((one for one in rows if one["state"] in {"waiting", "running"}), None)
    newest = next((one for one in rows if one["state"] == "done"), None)
    if number is not None:
        asked = await visit.get(_api(visit, f"runs/{number}"))
        if not asked.ok:
            return visit.failed(asked)
        active = asked.body if asked.body["state"] in {"waiting", "running"} else None
        newest = asked.body if asked.body["state"] == "done" else None
        failed = asked.body if asked.body["state"] in {"failed", "cancelled"} else None
    else:
        failed = rows[0] if rows and rows[0]["state"] == "failed" else None
    found = await visit.get(_api(visit, f"runs/{newest['id']}/result")) if newest else None
    result = found.body if found is not None and found.ok else None
    return _show(
        visit,
        "plan_overview.html",
        "overview",
        plan.body,
        runs=rows[:10],
        run=newest,
        active=active,
        failed=failed,
        result=result,
        headline=charts.chosen(result, HEADLINE) if result else [],
        fan=charts.fan(result, visit.t) if result else None,
        owed=charts.owed(result, visit.t) if result else None,
        paths=PATHS,
    )


@page
async def run(visit: Visit) -> Response:
    """Begin a calculation."""
    fields = await visit.fields()
    form = dict(fields)
    body: dict[str, Any] = {
        "scenario": form.get("scenario", ""),
        "without": [value for name, value in fields if name == "without"],
    }
    body |= {name: count_of(form[name].strip()) for name in ("paths", "seed") if form.get(name, "").strip()}
    answer = await visit.send("POST", _api(visit, "runs"), body)
    if not answer.ok:
        return visit.failed(answer)
    return visit.go(address(visit.request.path_params["plan"], f"runs/{answer.body['id']}"))


@page
async def cancel(visit: Visit) -> Response:
    """End a calculation."""
    answer = await visit.send("DELETE", _api(visit, f"runs/{visit.request.path_params['run']}"))
    return visit.go(address(visit.request.path_params["plan"])) if answer.ok else visit.failed(answer)


@page
async def choose(visit: Visit) -> Response:
    """Make it the main plan."""
    answer = await visit.send("PUT", _api(visit, "main"))
    if not answer.ok:
        return visit.failed(answer)
    return visit.go(address(visit.request.path_params["plan"]), "plan_main", answer.body["name"])


@page
async def sliders(visit: Visit) -> Response:
    """Drivers that can be moved; the island asks the API what comes of it."""
    answer = await visit.get(_api(visit))
    if not answer.ok:
        return visit.failed(answer)
    plan = answer.body
    chosen = _chosen(visit, plan["facts"])
    shown = {name: visit.t(f"plan.{name}") for name in ("never", "none", "paths_shown")}
    told = {
        "url": visit.direct(_api(visit, "try")),
        "language": visit.language,
        "words": {**charts.words(visit.t), **shown},
    }
    return _show(visit, "plan_try.html", "try", plan, told=json.dumps(told), headline=HEADLINE, **chosen)


async def _later(visit: Visit, template: str, tab: str, asking: Any) -> Response:
    """A page whose answers take a while: first the page, then, asked again by it, the answers."""
    answer = await visit.get(_api(visit))
    if not answer.ok:
        return visit.failed(answer)
    plan = answer.body
    chosen = _chosen(visit, plan["facts"])
    here = {key: value for key, value in visit.query.items() if key in {"fails", "reverse"}}
    now = address(plan["name"], tab, now=1, **chosen, **here)
    found = await asking(visit, plan, chosen) if visit.query.get("now") else None
    return _show(visit, template, tab, plan, now=now, found=found, fails=here.get("fails", ""), **chosen)


async def _risks(visit: Visit, plan: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    bars = await _ask(visit, "sensitivity", chosen)
    shocks = bool(plan["facts"]["shocks"])
    own = await _ask(visit, "stress", chosen) if shocks else None
    library = await _ask(visit, "stress", {**chosen, "library": "true"})
    turned = await _ask(visit, "reverse", chosen) if shocks and visit.query.get("reverse") else None
    drawn = charts.tornado(bars.body, visit.t) if bars.ok and bars.body["bars"] else None
    return {"bars": bars, "tornado": drawn, "own": own, "library": library, "reverse": turned}


async def _ask(visit: Visit, what: str, chosen: Mapping[str, Any]) -> Answer:
    """A question about the plan; lists are said several times in the address."""
    return await visit.get(_api(visit, what), **chosen)


async def _sides(visit: Visit, _: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    answer = await _ask(visit, "compare", {"without": chosen["without"], "language": visit.language})
    lines = charts.sides(answer.body, visit.t) if answer.ok else None
    return {"answer": answer, "lines": lines}


async def _deals(visit: Visit, plan: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    if not plan["facts"]["firms"]:
        return {"answer": None}
    fails = visit.query.get("fails", "")
    answer = await _ask(
        visit, "network", {**chosen, "fails": fails if fails in plan["facts"]["firms"] else ""}
    )
    graph = charts.graph(answer.body, visit.t) if answer.ok else None
    return {"answer": answer, "graph": graph}


@page
async def risks(visit: Visit) -> Response:
    """Which driver matters, and what breaks the plan."""
    return await _later(visit, "plan_risks.html", "risks", _risks)


@page
async def scenarios(visit: Visit) -> Response:
    """Scenarios side by side."""
    return await _later(visit, "plan_scenarios.html", "scenarios", _sides)


@page
async def network(visit: Visit) -> Response:
    """Who promised whom what, and who falls if one fails."""
    return await _later(visit, "plan_network.html", "network", _deals)


@page
async def source(visit: Visit) -> Response:
    """The text, its mistakes with their lines, and its versions."""
    plan, versions = await visit.get(_api(visit)), await visit.get(_api(visit, "versions"))
    if not plan.ok:
        return visit.failed(plan)
    wished = visit.query.get("version", "")
    number = int(wished) if wished.isdecimal() and len(wished) < 9 else plan.body["version"]
    kept = await visit.get(_api(visit, f"versions/{number}"))
    if not kept.ok:
        return visit.failed(kept)
    form = {"text": kept.body["text"], "deals": kept.body["deals"], "format": kept.body["format"]}
    problem, mistakes = None, []
    if visit.request.method == "POST":
        sent = await visit.form()
        form |= {key: sent[key] for key in form if key in sent}
        after = sent.get("after", "")
        body = {**form, "after": int(after) if after.isdecimal() and len(after) < 9 else 1}
        answer = await visit.send("PUT", _api(visit), body)
        if answer.ok:
            return visit.go(address(plan.body["name"], "source"), "plan_saved", str(answer.body["version"]))
        problem = answer.problem
        mistakes = await _mistakes(visit, form)
    context = {
        "form": form,
        "number": number,
        "versions": versions.part("versions", []),
        "mistakes": mistakes,
    }
    return _show(visit, "plan_source.html", "source", plan.body, problem=problem, **context)


@page
async def explain(visit: Visit) -> Response:
    """A figure's formula and inputs, down to what is put in."""
    plan = await visit.get(_api(visit))
    if not plan.ok:
        return visit.failed(plan)
    wanted = {"figure": visit.query.get("figure", ""), "at": visit.query.get("at", "")}
    chosen = _chosen(visit, plan.body["facts"])
    found = await _ask(visit, "explain", {**wanted, **chosen, "language": visit.language})
    if not found.ok:
        return visit.failed(found)
    return _show(visit, "plan_explain.html", "", plan.body, found=found.body, **chosen)


def routes() -> list[Route]:
    """Of these pages."""
    at = "/plan/at/{plan}"
    return [
        Route("/plan", index, methods=["GET"]),
        Route("/plan/new", new, methods=["GET", "POST"]),
        Route("/plan/example", example, methods=["POST"]),
        Route("/plan/from-books", from_books, methods=["POST"]),
        Route(at, overview, methods=["GET"]),
        Route(f"{at}/run", run, methods=["POST"]),
        Route(f"{at}/main", choose, methods=["POST"]),
        Route(f"{at}/runs/{{run:number}}", overview, methods=["GET"]),
        Route(f"{at}/runs/{{run:number}}/cancel", cancel, methods=["POST"]),
        Route(f"{at}/try", sliders, methods=["GET"]),
        Route(f"{at}/risks", risks, methods=["GET"]),
        Route(f"{at}/scenarios", scenarios, methods=["GET"]),
        Route(f"{at}/network", network, methods=["GET"]),
        Route(f"{at}/source", source, methods=["GET", "POST"]),
        Route(f"{at}/explain", explain, methods=["GET"]),
    ]
