"""Routes of a guided check: a provider is looked at step by step, and tried with one call that is booked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

import httpx2
import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from rechenwerk.base.errors import RechenwerkError, unavailable
from rechenwerk.base.ids import decode_call
from rechenwerk.base.money import plain_money
from rechenwerk.identity.secrets import provider_context, usable
from rechenwerk.office import bodies
from rechenwerk.office.access import OperatorRealm, Realm, Whose
from rechenwerk.office.checking import Asked, Check
from rechenwerk.office.errors import RefusedError, missing, refuse
from rechenwerk.office.exports import Streamed
from rechenwerk.office.journal_ports import BookedCall
from rechenwerk.office.providers import ProviderName
from rechenwerk.office.switch_ports import ShownDeployment
from rechenwerk.providers.registry import KINDS

Upstream = Annotated[str, StringConstraints(max_length=200)]
_PATIENCE = 60.0
_NEWS = 6.0
"""Seconds in which gateways have heard of a new deployment, or of a key."""
_BOOKED = 5.0
_LOOK = 0.2


class CheckBody(bodies.InOrganisation):
    """A provider that somebody thinks of adding, or one that is there."""

    name: Upstream = Field(default="", description="one that is there: its own address and key are checked")
    kind: Upstream = ""
    base_url: Annotated[str, StringConstraints(max_length=2000)] = ""
    secret: SecretStr | None = Field(default=None, description="its key; it is used once and stored nowhere")
    model: Upstream = Field(default="", description="that it has to list, as the provider calls it")
    own_server: bool = Field(default=False, description="it may stand in a private network, and speak http")


class TryBody(bodies.InOrganisation):
    """Which model of the provider is tried."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class TriedView(BaseModel):
    """The one call of a trial, as it is booked."""

    ok: bool
    call: str | None = Field(description="its id in the journal; null: none was made")
    booked: bool
    provider: str = Field(description="who answered: another one, where another is cheaper")
    status: int
    message: str
    price: str
    cost: str
    currency: str
    first_byte_us: int | None


class KindView(BaseModel):
    """A kind of provider."""

    name: str
    base_url: str = Field(description="its address; with a {part}, the shape of one; empty: write it")
    endpoints: list[str]
    cloud: bool = Field(description="somebody else runs it; else it is a server of one's own")


class KindsView(BaseModel):
    """The kinds of providers that there are."""

    kinds: list[KindView]


async def list_kinds(_: OperatorRealm) -> KindsView:
    """The kinds of providers that can be added."""
    return KindsView(
        kinds=[
            KindView(
                name=name, base_url=kind.base_url, endpoints=list(kind.serves), cloud="https" in kind.base_url
            )
            for name, kind in KINDS.items()
            if not kind.own
        ]
    )


async def check(realm: OperatorRealm, body: CheckBody, organisation: Whose = None) -> Streamed:
    """Look at a provider: address, name, connection, answer, key, models, price; as server-sent events.

    Each step is an event `step`, as `office.checking.Said` has it; `end` comes last, with `ok`. Nothing that
    is asked costs money.
    Private networks are reached only for a server of one's own.
    """
    realm = await realm.enter_configuration(body.organisation or organisation)
    asked = await _asked(realm, body)
    pieces = _events(Check(asked, realm.office.webhook_networks))
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Streamed(pieces, AsyncExitStack(), "text/event-stream", headers)


async def _events(check: Check) -> AsyncIterator[bytes]:
    good = True
    async for said in check.steps():
        good = good and said.state != "failed"
        yield b"event: step\ndata: %s\n\n" % msgspec.json.encode(said)
    yield b"event: end\ndata: %s\n\n" % msgspec.json.encode({"ok": good})


async def _asked(realm: Realm, body: CheckBody) -> Asked:
    secret = None if body.secret is None else body.secret.get_secret_value().strip() or None
    if secret is not None and not usable(secret):
        message = "secret: send one line of visible ASCII, at most 8192 characters"
        raise refuse(422, message, "invalid_value", "secret")
    if not body.name:
        return Asked(body.kind, body.base_url.strip(), secret, body.model, own=body.own_server)
    shown = next(
        (
            one
            for one in await realm.desk.configuration.providers(realm.organisation_id)
            if one.provider.name == body.name
        ),
        None,
    )
    if shown is None:
        raise missing("provider", body.name)
    deployments = [
        one
        for one in await realm.desk.switches.deployments(realm.organisation_id)
        if one.provider == body.name and body.model in {one.upstream, one.model}
    ]
    return Asked(
        shown.provider.kind,
        shown.provider.base_url,
        secret or await _stored(realm, body.name),
        deployments[0].upstream if deployments else body.model,
        own=body.own_server,
        rates=deployments[0].rates if deployments else None,
    )


async def _stored(realm: Realm, name: str) -> str | None:
    sealed = await realm.desk.switches.secret(realm.organisation_id, name)
    box = realm.office.box
    if sealed is None or box is None:
        return None
    try:
        return box.open(sealed, provider_context(realm.organisation_id, name))
    except RechenwerkError:
        message = "its key was sealed with another secret key than this office's; store it again"
        raise refuse(409, message, "cannot_open_secret") from None


async def try_provider(
    request: Request, realm: OperatorRealm, name: ProviderName, body: TryBody, organisation: Whose = None
) -> TriedView:
    """Make the smallest call of a model, through the gateway, with the caller's own key.

    It is a call like any other: held, booked on the key's project, in the journal. Where the model has other
    deployments, one of those may answer; the answer says which did.
    """
    configuration = await realm.enter_configuration(body.organisation or organisation)
    deployments = await realm.desk.switches.deployments(configuration.organisation_id)
    found = next((one for one in deployments if one.provider == name and one.model == body.model), None)
    if found is None:
        raise missing("deployment", f"{body.model} at {name}")
    if not realm.office.gateway_url:
        raise RefusedError(unavailable("this office does not know where the gateway is", "no_gateway"))
    providers = await realm.desk.configuration.providers(configuration.organisation_id)
    kind = next(one.provider.kind for one in providers if one.provider.name == name)
    answer = await _called(realm, request.headers["authorization"], found, kind)
    call = answer.headers.get("x-request-id")
    booked = await _booking(realm, call) if call is not None else None
    return TriedView(
        ok=answer.is_success,
        call=call if booked is not None else None,
        booked=booked is not None,
        provider="" if booked is None else booked.provider,
        status=answer.status_code,
        message="it answered" if answer.is_success else _message(answer),
        price=plain_money(0 if booked is None else booked.price),
        cost=plain_money(0 if booked is None else booked.cost),
        currency=await realm.desk.tenants.currency(),
        first_byte_us=None if booked is None else booked.first_byte_us,
    )


async def _called(realm: Realm, bearer: str, deployment: ShownDeployment, kind: str) -> httpx2.Response:
    path, content = smallest(deployment, kind)
    headers = {"authorization": bearer}
    loop = asyncio.get_running_loop()
    until = loop.time() + _NEWS
    async with httpx2.AsyncClient(
        base_url=realm.office.gateway_url, trust_env=False, timeout=_PATIENCE
    ) as client:
        while True:
            try:
                answer = await client.post(path, json=content, headers=headers)
            except httpx2.HTTPError as error:
                message = f"the gateway does not answer: {type(error).__name__}"
                raise RefusedError(unavailable(message, "gateway_away")) from None
            # A gateway hears of a new deployment, and of a new key, a moment later.
            if answer.status_code not in {401, 404} or loop.time() > until:
                return answer
            await asyncio.sleep(_LOOK)


def smallest(deployment: ShownDeployment, kind: str) -> tuple[str, dict[str, object]]:
    """The least that can be asked of a deployment: path and body, in OpenAI's words."""
    model = deployment.model
    if "chat" in deployment.endpoints:
        cap = KINDS[kind].cap_field if kind in KINDS else "max_tokens"
        # Models that think before they speak refuse fewer.
        return "/v1/chat/completions", {
            "model": model,
            "messages": [{"role": "user", "content": "Say OK."}],
            cap: 16,
        }
    if "completions" in deployment.endpoints:
        return "/v1/completions", {"model": model, "prompt": "OK", "max_tokens": 1}
    if "embeddings" in deployment.endpoints:
        return "/v1/embeddings", {"model": model, "input": "OK"}
    return "/v1/rerank", {"model": model, "query": "OK", "documents": ["OK"]}


async def _booking(realm: Realm, call: str) -> BookedCall | None:
    """The call in the books, where it stands a moment after it was answered."""
    try:
        number = decode_call(call)
    except (RechenwerkError, ValueError):
        return None
    loop = asyncio.get_running_loop()
    until = loop.time() + _BOOKED
    while True:
        found = await realm.desk.books.call(realm.caller.organisation_id, number)
        if found is not None or loop.time() > until:
            return found
        await asyncio.sleep(_LOOK)


def _message(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return f"the gateway answers {answer.status_code}"


def add_check_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/providers/kinds", list_kinds, methods=["GET"], tags=["configuration"])
    add("/providers/check", check, methods=["POST"], tags=["configuration"], response_class=StreamingResponse)
    add("/providers/{name:path}/try", try_provider, methods=["POST"], tags=["configuration"])
