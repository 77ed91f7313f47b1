"""Providers and models: how they answer, their keys, and the configuration that names them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.listing import Column, arrange, as_csv
from rechenwerk.console.pages.projects import count_of
from rechenwerk.console.visit import Visit, page

PATH = "/console/providers"
CONFIGURATION = f"{PATH}/configuration"

COLUMNS = (
    Column("name"),
    Column("kind"),
    Column("base_url"),
    Column("state"),
    Column("calls", number=True),
    Column("failed", number=True),
    Column("first_byte_us", number=True),
)
HOURS = ("6", "24", "72", "168")
"""That can be looked back."""
_NO_BEAT: tuple[tuple[str, Any], ...] = (
    ("calls", 0),
    ("failed", 0),
    ("first_byte_us", None),
    ("slow_byte_us", None),
)


def _state(provider: dict[str, Any]) -> str:
    if not provider["active"]:
        return "gone"
    return "off" if provider["out_since"] else "active"


def timeline(health: dict[str, Any]) -> list[dict[str, Any]]:
    """All stretches, those without calls too; heights in percent of the busiest."""
    seconds = health["seconds"]
    since = datetime.fromisoformat(health["since"])
    known = {datetime.fromisoformat(one["starts"]): one for one in health["stretches"]}
    last = max(known, default=since)
    number = int((last - since).total_seconds()) // seconds + 1
    most = max((one["calls"] for one in known.values()), default=0) or 1
    rows = []
    for at in (since + timedelta(seconds=seconds * count) for count in range(number)):
        one = {**dict(_NO_BEAT), **known.get(at, {}), "starts": at.isoformat()}
        rows.append({**one, "tall": one["calls"] * 100 / most, "red": one["failed"] * 100 / most})
    return rows if known else []


@page
async def index(visit: Visit) -> Response:
    """All providers with what the last hour was like, and models with what they cost this month."""
    providers, pulse, models, sites = await asyncio.gather(
        visit.get("/providers", organisation=None),
        visit.get("/pulse", minutes=60),
        visit.get("/books/totals", days=31, by="model"),
        visit.get("/sites", organisation=None),
    )
    if not providers.ok:
        return visit.failed(providers)
    beats = {one["provider"]: one for one in pulse.part("providers", [])}
    rows = [
        {**dict(_NO_BEAT), **beats.get(one["name"], {}), **one, "state": _state(one)}
        for one in providers.body["providers"]
    ]
    listing = arrange(PATH, rows, COLUMNS, visit.query, ("name", "kind", "base_url"), ("state",), "name")
    if visit.query.get("download"):
        return as_csv("providers", COLUMNS, listing.rows)
    return visit.render(
        "providers.html",
        section="providers",
        list=listing,
        models=models.part("rows", []),
        currency=models.part("currency", ""),
        sites=sites.part("sites", []),
    )


async def _show(visit: Visit, failed: Answer | None = None) -> Response:
    name = visit.request.path_params["name"]
    hours = visit.query.get("hours", "24")
    providers, pulse, contracts, deployments, health = await asyncio.gather(
        visit.get("/providers", organisation=None),
        visit.get("/pulse", minutes=60),
        visit.get("/contracts"),
        visit.get("/deployments", organisation=None),
        visit.get(
            "/health",
            hours=hours if hours in HOURS else "24",
            provider=name,
            everyone="true",
            organisation=None,
        ),
    )
    found = next((one for one in providers.part("providers", []) if one["name"] == name), None)
    if found is None:
        raise HTTPException(404)
    served = [one for one in deployments.part("deployments", []) if one["provider"] == name]
    beat = next((one for one in pulse.part("providers", []) if one["provider"] == name), dict(_NO_BEAT))
    return visit.render(
        "provider.html",
        section="providers",
        provider=found,
        state=_state(found),
        stretches=timeline(health.body) if health.ok else [],
        hours=hours if hours in HOURS else "24",
        all_hours=HOURS,
        deployments=served,
        away=[one for one in served if one["breaker"]["state"] != "closed"],
        gateways=max((one["breaker"]["gateways"] for one in served), default=0),
        currency=contracts.part("currency", ""),
        call=visit.query.get("call", ""),
        beat=beat,
        contracts=[one for one in contracts.part("contracts", []) if one["provider"] == name],
        path=f"{PATH}/at/{quote(name)}",
        problem=failed.problem if failed else None,
    )


@page
async def show(visit: Visit) -> Response:
    """One provider."""
    return await _show(visit)


@page
async def secret(visit: Visit) -> Response:
    """Store or forget a provider's key."""
    form, name = await visit.form(), visit.request.path_params["name"]
    at = f"/providers/{quote(name)}/secret"
    if form.get("forget"):
        answer = await visit.send("DELETE", at, organisation=None)
    else:
        answer = await visit.send("PUT", at, {"secret": form.get("secret", "")}, organisation=None)
    return visit.go(f"{PATH}/at/{quote(name)}", "saved") if answer.ok else await _show(visit, answer)


@page
async def switch(visit: Visit) -> Response:
    """Switch a provider off or on."""
    form, name = await visit.form(), visit.request.path_params["name"]
    return await _switched(visit, f"/providers/{quote(name)}/out", form, name)


@page
async def switch_deployment(visit: Visit) -> Response:
    """Switch one model of a provider off or on."""
    form, name = await visit.form(), visit.request.path_params["name"]
    number = visit.request.path_params["deployment"]
    return await _switched(visit, f"/deployments/{number}/out", form, name)


async def _switched(visit: Visit, at: str, form: dict[str, str], name: str) -> Response:
    off = form.get("off") == "yes"
    if off:
        answer = await visit.send("PUT", at, {"reason": form.get("reason", "")}, organisation=None)
    else:
        answer = await visit.send("DELETE", at, organisation=None)
    told = "switched_off" if off else "switched_on"
    return visit.go(f"{PATH}/at/{quote(name)}", told, name) if answer.ok else await _show(visit, answer)


@page
async def limits(visit: Visit) -> Response:
    """Set the most that a deployment is given."""
    form, name = await visit.form(), visit.request.path_params["name"]
    number = visit.request.path_params["deployment"]
    given = {one: form.get(one, "").strip() for one in ("concurrency", "tokens_per_minute")}
    body = {one: count_of(text) if text else None for one, text in given.items()}
    answer = await visit.send("PUT", f"/deployments/{number}/limits", body, organisation=None)
    return visit.go(f"{PATH}/at/{quote(name)}", "saved") if answer.ok else await _show(visit, answer)


@page
async def trial(visit: Visit) -> Response:
    """Make one smallest call, which is booked."""
    form, name = await visit.form(), visit.request.path_params["name"]
    answer = await visit.send("POST", f"/providers/{quote(name)}/try", {"model": form.get("model", "")})
    return tried(visit, name, answer) if answer.ok else await _show(visit, answer)


def tried(visit: Visit, name: str, answer: Answer) -> Response:
    """To the provider's page, with what a trial said."""
    at, found = f"{PATH}/at/{quote(name)}", answer.body
    call = f"?call={found['call']}" if found["call"] else ""
    if not found["ok"]:
        return visit.go(f"{at}{call}", "trial_failed", found["message"])
    elsewhere = found["booked"] and found["provider"] != name
    told = "trial_elsewhere" if elsewhere else "trial_answered"
    return visit.go(f"{at}{call}", told, found["provider"] if elsewhere else found["call"] or "")


@page
async def configuration(visit: Visit) -> Response:
    """Compare a configuration with the one that stands; apply it when its differences were seen."""
    form: dict[str, str] = {}
    answer: Answer | None = None
    if visit.request.method == "POST":
        form = await visit.form()
        body = {"text": form.get("text", ""), "dry_run": form.get("apply") != "yes"}
        answer = await visit.send("POST", "/apply", body, organisation=None)
        if answer.ok and answer.body["applied"]:
            return visit.go(PATH, "applied", str(len(answer.body["changes"])))
    return visit.render(
        "configuration.html",
        section="providers",
        text=form.get("text", ""),
        changes=answer.body["changes"] if answer is not None and answer.ok else None,
        problem=answer.problem if answer else None,
        mistakes=answer.body.get("errors", []) if answer is not None and not answer.ok else [],
    )


def routes() -> list[Route]:
    """Of these pages."""
    deployment = "/providers/at/{name:path}/deployments/{deployment:number}"
    return [
        Route("/providers", index, methods=["GET"]),
        Route("/providers/configuration", configuration, methods=["GET", "POST"]),
        Route("/providers/at/{name:path}/secret", secret, methods=["POST"]),
        Route("/providers/at/{name:path}/switch", switch, methods=["POST"]),
        Route("/providers/at/{name:path}/try", trial, methods=["POST"]),
        Route(f"{deployment}/switch", switch_deployment, methods=["POST"]),
        Route(f"{deployment}/limits", limits, methods=["POST"]),
        Route("/providers/at/{name:path}", show, methods=["GET"]),
    ]
