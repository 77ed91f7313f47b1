"""Providers and models: how they answer, their keys, and the configuration that names them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.listing import Column, arrange, as_csv
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
_NO_BEAT: tuple[tuple[str, Any], ...] = (
    ("calls", 0),
    ("failed", 0),
    ("first_byte_us", None),
    ("slow_byte_us", None),
)


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
        {**dict(_NO_BEAT), **beats.get(one["name"], {}), **one, "state": "active" if one["active"] else "off"}
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
    providers, pulse, contracts = await asyncio.gather(
        visit.get("/providers", organisation=None), visit.get("/pulse", minutes=60), visit.get("/contracts")
    )
    found = next((one for one in providers.part("providers", []) if one["name"] == name), None)
    if found is None:
        raise HTTPException(404)
    beat = next((one for one in pulse.part("providers", []) if one["provider"] == name), dict(_NO_BEAT))
    return visit.render(
        "provider.html",
        200 if failed is None else failed.status,
        section="providers",
        provider=found,
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
        200 if answer is None else answer.status,
        section="providers",
        text=form.get("text", ""),
        changes=answer.body["changes"] if answer is not None and answer.ok else None,
        problem=answer.problem if answer else None,
        mistakes=answer.body.get("errors", []) if answer is not None and not answer.ok else [],
    )


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/providers", index, methods=["GET"]),
        Route("/providers/configuration", configuration, methods=["GET", "POST"]),
        Route("/providers/at/{name:path}/secret", secret, methods=["POST"]),
        Route("/providers/at/{name:path}", show, methods=["GET"]),
    ]
