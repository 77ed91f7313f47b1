"""Keys: made, shown once, turned into another, revoked."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.listing import Column, Row, as_csv, ask
from rechenwerk.console.pages.projects import LIMITS, PERIODS, amount_of, budget_of, count_of, limits_of, used
from rechenwerk.console.visit import Visit, page

PATH = "/console/keys"
SCOPES = ("inference", "books", "keys", "documents", "audit", "operator", "emergency", "approve")
STATES = ("active", "expired", "revoked")


COLUMNS = (
    Column("name"),
    Column("hint"),
    Column("project"),
    Column("state"),
    Column("scopes"),
    Column("used", used, number=True),
    Column("created_at"),
    Column("expires_at"),
)


def _state(visit: Visit, key: Row) -> str:
    if key["revoked_at"] is not None:
        return "revoked"
    over = key["expires_at"] is not None and datetime.fromisoformat(key["expires_at"]) <= visit.now
    return "expired" if over else "active"


@page
async def index(visit: Visit) -> Response:
    """All keys; those that open something unless the address says otherwise."""
    query = visit.query if "state" in visit.query else {**visit.query, "state": "active"}
    query = query if query["state"] in STATES else {**query, "state": ""}
    listing, answer = await ask(visit, PATH, "/keys", "keys", COLUMNS, query, ("project", "state"), "name")
    if not answer.ok:
        return visit.failed(answer)
    rows = [{**one, "state": _state(visit, one)} for one in listing.rows]
    listing = msgspec.structs.replace(listing, rows=rows)
    if visit.query.get("download"):
        return as_csv("keys", COLUMNS, listing.rows)
    return visit.render(
        "keys.html",
        section="keys",
        list=listing,
        projects=answer.body["projects"],
        states=STATES,
        used=used,
    )


@page
async def new(visit: Visit) -> Response:
    """The form for a new one; what it sends makes the key and shows it, once."""
    fields = await visit.fields() if visit.request.method == "POST" else []
    form = dict(fields) or {"project": visit.query.get("project", "")}
    scopes = [value for name, value in fields if name == "scopes"] or ["inference"]
    answer: Answer | None = None
    if fields:
        answer = await visit.send("POST", "/keys", _body(form, scopes))
        if answer.ok:
            return _made(visit, answer.body)
    projects = await visit.get("/projects")
    return visit.render(
        "key_new.html",
        section="keys",
        form=form,
        chosen=scopes,
        scopes=[one for one in SCOPES if one == "inference" or visit.may(one)],
        projects=[one["name"] for one in projects.part("projects", [])],
        periods=PERIODS,
        limits=LIMITS,
        problem=answer.problem if answer else None,
    )


def _body(form: dict[str, str], scopes: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "project": form.get("project", ""),
        "name": form.get("name", "").strip(),
        "scopes": scopes,
        "limits": limits_of(form),
    }
    days = form.get("expires_in_days", "").strip()
    if days:
        body["expires_in_days"] = count_of(days)
    if amount_of(form.get("amount", "")):
        body["budgets"] = [budget_of(form)]
    return body


def _made(visit: Visit, key: dict[str, Any], old: dict[str, Any] | None = None) -> Response:
    url = visit.gateway
    return visit.render(
        "key_made.html",
        section="keys",
        key=key,
        old=old,
        secret=key["key"],
        snippets=snippets(url, key["key"]) if "inference" in key["scopes"] else [],
    )


def snippets(url: str, key: str) -> list[tuple[str, str]]:
    """How common clients are pointed here: the name of its text, and what to paste."""
    python = f'from openai import OpenAI\n\nclient = OpenAI(base_url="{url}/v1", api_key="{key}")'
    anthropic = f'from anthropic import Anthropic\n\nclient = Anthropic(base_url="{url}", api_key="{key}")'
    body = '{"model": "MODEL", "messages": [{"role": "user", "content": "Hello"}]}'
    curl = (
        f"curl {url}/v1/chat/completions \\\n  -H 'authorization: Bearer {key}' \\\n"
        f"  -H 'content-type: application/json' \\\n  -d '{body}'"
    )
    langchain = (
        "from langchain_openai import ChatOpenAI\n\n"
        f'model = ChatOpenAI(model="MODEL", base_url="{url}/v1", api_key="{key}")'
    )
    script = (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "{key}" }});'
    )
    vercel = (
        'import { createOpenAICompatible } from "@ai-sdk/openai-compatible";\n\n'
        f'const cloud = createOpenAICompatible({{\n  name: "rechenwerk", baseURL: "{url}/v1",'
        f' apiKey: "{key}",\n}});\n'
        'const model = cloud("MODEL");'
    )
    editor = (
        "name: Rechenwerk\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: MODEL\n    provider: openai\n"
        f"    model: MODEL\n    apiBase: {url}/v1\n    apiKey: {key}"
    )
    return [
        ("openai", python),
        ("openai_js", script),
        ("langchain", langchain),
        ("vercel", vercel),
        ("continue", editor),
        ("anthropic", anthropic),
        ("curl", curl),
        ("environment", f"export OPENAI_BASE_URL={url}/v1\nexport OPENAI_API_KEY={key}"),
        ("claude_code", f"export ANTHROPIC_BASE_URL={url}\nexport ANTHROPIC_AUTH_TOKEN={key}"),
        ("open_webui", f"OPENAI_API_BASE_URL={url}/v1\nOPENAI_API_KEY={key}"),
    ]


async def _find(visit: Visit) -> dict[str, Any]:
    answer = await visit.get(f"/keys/{visit.request.path_params['id']}")
    if not answer.ok:
        raise HTTPException(answer.status)
    return {**answer.body, "state": _state(visit, answer.body)}


@page
async def show(visit: Visit) -> Response:
    """One key, without itself."""
    return await _show(visit)


async def _show(visit: Visit, failed: Answer | None = None) -> Response:
    number = visit.request.path_params["id"]
    key, budgets = await asyncio.gather(_find(visit), visit.get("/budgets", key=number))
    return visit.render(
        "key.html",
        section="keys",
        key=key,
        lines=budgets.part("budgets", []),
        periods=PERIODS,
        limits=LIMITS,
        snippets=snippets(visit.gateway, key["hint"]) if "inference" in key["scopes"] else [],
        problem=failed.problem if failed else None,
    )


@page
async def budget(visit: Visit) -> Response:
    """Set or remove a key's budget."""
    number = visit.request.path_params["id"]
    answer = await visit.send("PUT", f"/keys/{number}/budget", budget_of(await visit.form()))
    return visit.go(f"{PATH}/{number}", "saved") if answer.ok else await _show(visit, answer)


@page
async def revoke(visit: Visit) -> Response:
    """From now on it opens nothing."""
    number = visit.request.path_params["id"]
    answer = await visit.send("POST", f"/keys/{number}/revoke")
    if not answer.ok:
        return await _show(visit, answer)
    return visit.go(f"{PATH}/{number}", "key_revoked", answer.body["name"])


@page
async def rotate(visit: Visit) -> Response:
    """A new key with all that the old one has; the old one opens until it is revoked."""
    old = await _find(visit)
    body: dict[str, Any] = {
        "project": old["project"],
        "name": old["name"],
        "scopes": old["scopes"],
        "budgets": [{name: one[name] for name in ("period", "amount", "hard")} for one in old["budgets"]],
        "limits": old["limits"],
    }
    if old["expires_at"] is not None:
        left = datetime.fromisoformat(old["expires_at"]) - visit.now
        body["expires_in_days"] = max(1, math.ceil(left.total_seconds() / 86400))
    answer = await visit.send("POST", "/keys", body)
    return _made(visit, answer.body, old) if answer.ok else await _show(visit, answer)


def routes() -> list[Route]:
    """Of this page."""
    return [
        Route("/keys", index, methods=["GET"]),
        Route("/keys/new", new, methods=["GET", "POST"]),
        Route("/keys/{id:number}", show, methods=["GET"]),
        Route("/keys/{id:number}/budget", budget, methods=["POST"]),
        Route("/keys/{id:number}/revoke", revoke, methods=["POST"]),
        Route("/keys/{id:number}/rotate", rotate, methods=["POST"]),
    ]
