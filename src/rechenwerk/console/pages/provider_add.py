"""A provider is added: looked at step by step, written into the configuration, its key sealed, and tried."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer, Problem
from rechenwerk.console.pages.projects import count_of
from rechenwerk.console.pages.providers import PATH, tried
from rechenwerk.console.visit import Visit, page

NEW = f"{PATH}/new"
CODES = (
    *("address", "resolved", "connected", "encrypted", "answered", "key_taken", "no_key_needed", "models"),
    *("price_known", "price_missing", "not_here", "not_listed", "unknown_kind", "no_address", "odd_address"),
    *("not_encrypted", "not_public", "not_found", "unreachable", "certificate", "no_tls", "no_answer"),
    *("redirect", "no_models_route", "busy", "wrong_key", "needs_key", "refused", "not_a_list", "no_models"),
    *("no_such_model",),
)
"""What a step may find out, as the API says it; each has a text."""
STEPS = ("address", "resolve", "connect", "answer", "authenticate", "models", "price")
_RATES = ("input", "output")
_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {"endpoints": "chat", "context_tokens": "128000", "max_output_tokens": "8192"}
)


def configuration(currency: str, form: dict[str, str]) -> str:
    """The tables of a new provider, one model of it, and what both sides pay."""
    contract = f"{form.get('name', '')} on demand"
    model = form.get("model", "") or form.get("upstream", "")
    cost = {one: form[f"cost_{one}"] for one in _RATES if form.get(f"cost_{one}")}
    price = {one: form[f"price_{one}"] for one in _RATES if form.get(f"price_{one}")} or cost
    provider = {"name": form.get("name", ""), "kind": form.get("kind", "")}
    if form.get("base_url"):
        provider["base_url"] = form["base_url"]
    deployment: dict[str, Any] = {
        "model": model,
        "provider": form.get("name", ""),
        "contract": contract,
        "upstream": form.get("upstream", "") or model,
        "endpoints": [form.get("endpoints", "chat")],
        "context_tokens": count_of(form.get("context_tokens", "").strip()),
        "max_output_tokens": count_of(form.get("max_output_tokens", "").strip()),
        "cost": cost,
    }
    if form.get("jurisdiction"):
        deployment["jurisdiction"] = form["jurisdiction"]
    tables = (
        ("provider", provider),
        ("contract", {"name": contract, "provider": form.get("name", ""), "kind": "on-demand"}),
        ("deployment", deployment),
        ("tariff", {"model": model, "price": price}),
    )
    lines = [f"currency = {_toml(currency)}"]
    for name, table in tables:
        lines += ["", f"[[{name}]]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@page
async def new(visit: Visit) -> Response:
    """The form; a check of what it says; or what it says is added."""
    form = await visit.form() if visit.request.method == "POST" else dict(_DEFAULTS)
    if visit.request.method == "POST" and form.get("do") != "check":
        return await _add(visit, form)
    steps = await _checked(visit, form) if form.get("do") == "check" else []
    return await _form(visit, form, steps=steps)


async def _checked(visit: Visit, form: dict[str, str]) -> list[dict[str, Any]]:
    """All steps at once, for who has no scripts."""
    body = {one: form.get(one, "") for one in ("kind", "base_url")}
    wanted = {**body, "secret": form.get("secret") or None, "own_server": form.get("own_server") == "yes"}
    answer = await visit.api.raw("POST", "/providers/check", wanted, {"organisation": None})
    events = answer.text.split("\n\n") if answer.status_code == 200 else []
    return [json.loads(one.partition("data: ")[2]) for one in events if one.startswith("event: step")]


async def _add(visit: Visit, form: dict[str, str]) -> Response:
    name = form.get("name", "").strip()
    known = await visit.get("/providers", organisation=None)
    taken = any(one["name"] == name for one in known.part("providers", []))
    if taken:
        return await _form(visit, form, Problem(409, "name_taken", visit.t("providers.taken"), "name"))
    tariffs = await visit.get("/contracts")
    text = configuration(tariffs.part("currency", "EUR"), form)
    answer = await visit.send("POST", "/apply", {"text": text, "add": True}, organisation=None)
    if not answer.ok:
        return await _form(visit, form, answer.problem, mistakes=answer.body.get("errors", []))
    return await _sealed_and_tried(visit, form, name)


async def _sealed_and_tried(visit: Visit, form: dict[str, str], name: str) -> Response:
    at, here = f"/providers/{quote(name)}", f"{PATH}/at/{quote(name)}"
    if form.get("secret"):
        sealed = await visit.send("PUT", f"{at}/secret", {"secret": form["secret"]}, organisation=None)
        if sealed.problem is not None:
            return visit.go(here, "key_missing", sealed.problem.message)
    model = form.get("model", "") or form.get("upstream", "")
    trial: Answer = await visit.send("POST", f"{at}/try", {"model": model})
    if trial.problem is not None:
        return visit.go(here, "trial_failed", trial.problem.message)
    return tried(visit, name, trial)


async def _form(
    visit: Visit,
    form: dict[str, str],
    problem: Problem | None = None,
    steps: list[dict[str, Any]] | None = None,
    mistakes: list[dict[str, Any]] | None = None,
) -> Response:
    kinds, contracts = await asyncio.gather(visit.get("/providers/kinds"), visit.get("/contracts"))
    if not kinds.ok:
        return visit.failed(kinds)
    words = {
        **{f"step.{one}": visit.t(f"check_step.{one}") for one in STEPS},
        **{f"code.{one}": visit.t(f"check.{one}") for one in CODES},
        **{f"state.{one}": visit.t(f"check_state.{one}") for one in ("ok", "failed", "skipped", "running")},
        **{one: visit.t(f"providers.check_{one}") for one in ("good", "bad", "broken")},
    }
    return visit.render(
        "provider_add.html",
        section="providers",
        form={**form, "secret": ""},
        kinds=kinds.body["kinds"],
        currency=contracts.part("currency", ""),
        words=json.dumps(words, ensure_ascii=False),
        steps=steps or [],
        names=next((one["models"] for one in steps or [] if one["models"]), []),
        problem=problem,
        mistakes=mistakes or [],
    )


def routes() -> list[Route]:
    """Of this page."""
    return [Route("/providers/new", new, methods=["GET", "POST"])]
