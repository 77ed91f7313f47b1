"""The public routes: those with an endpoint serve calls and go down the road; the others only read."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.base.ids import CallIds, encode_call
from rechenwerk.gateway.metrics import Metrics
from rechenwerk.gateway.road import Road
from rechenwerk.gateway.server import JSON, HttpRequest
from rechenwerk.gateway.speech import error_of, name_lines
from rechenwerk.gateway.tenants import Tenant, Tenants
from rechenwerk.gateway.till import Till
from rechenwerk.wire.openai import Endpoint, model_list

_MAX_AGE = 30.0
"""Seconds that a snapshot may go unconfirmed before nothing is served by it."""


_MODELS = "/v1/models"


class Route(msgspec.Struct, frozen=True):
    """A path, its methods, and the endpoint that it serves calls for, if it does."""

    path: str
    methods: tuple[str, ...]
    endpoint: Endpoint | None = None


ROUTES = (
    Route("/v1/chat/completions", ("POST",), "chat"),
    Route("/v1/completions", ("POST",), "completions"),
    Route("/v1/embeddings", ("POST",), "embeddings"),
    Route("/v1/messages", ("POST",), "messages"),
    Route("/v1/messages/count_tokens", ("POST",), "count_tokens"),
    Route("/v1/responses", ("POST",), "responses"),
    Route("/v1/rerank", ("POST",), "rerank"),
    Route("/v2/rerank", ("POST",), "rerank"),
    Route(_MODELS, ("GET", "HEAD")),
    Route("/health/live", ("GET", "HEAD")),
    Route("/health/ready", ("GET", "HEAD")),
    Route("/metrics", ("GET", "HEAD")),
)


class App:
    """Answers every request of every client.

    Args:
        road: for calls.
        tenants: for keys and models.
        till: for readiness.
        metrics: for /metrics.
        ids: request ids of answers that are no calls.
    """

    def __init__(self, road: Road, tenants: Tenants, till: Till, metrics: Metrics, ids: CallIds) -> None:
        self._road = road
        self._tenants = tenants
        self._till = till
        self._metrics = metrics
        self._ids = ids
        self._routes = {route.path: route for route in ROUTES}

    async def __call__(self, http: HttpRequest) -> None:
        """Serve one request."""
        route = self._routes.get(http.path)
        if route is None and http.path.startswith(_MODELS + "/"):
            route = self._routes[_MODELS]
        if route is not None and route.endpoint is not None and http.method == "POST":
            tenant = self._authenticate(http)
            if isinstance(tenant, Tenant):
                await self._road.serve(http, tenant, route.endpoint)
            else:
                self._refuse(http, tenant, endpoint=route.endpoint)
        elif route is not None and http.method not in route.methods:
            allow = f"allow: {', '.join(route.methods)}\r\n".encode()
            self._refuse(
                http,
                bad_request(
                    f"{http.path} takes {' or '.join(route.methods)}, not {http.method}.",
                    code="method_not_allowed",
                    status=405,
                ),
                allow,
            )
        else:
            self._read_only(http)

    def _read_only(self, http: HttpRequest) -> None:
        if http.path == _MODELS or http.path.startswith(_MODELS + "/"):
            self._models(http)
        elif http.path == "/health/live":
            http.connection.respond(200, JSON + self.request_id(), b'{"status":"live"}')
        elif http.path == "/health/ready":
            self._ready(http)
        elif http.path == "/metrics":
            self._show_metrics(http)
        else:
            self._refuse(
                http,
                bad_request(
                    f"There is no {http.method} {http.path} here; the API begins with /v1.",
                    code="unknown_url",
                    status=404,
                ),
            )

    def gate(self, http: HttpRequest) -> Refusal | None:
        """Why the sender of this head may not send a large body, if so."""
        tenant = self._authenticate(http)
        return tenant if isinstance(tenant, Refusal) else None

    # -- who is it --------------------------------------------------------------------------------

    def _authenticate(self, http: HttpRequest, scope: str = "inference") -> Tenant | Refusal:
        header = http.headers.get(b"authorization")
        plain = http.headers.get(b"x-api-key")  # as Anthropic's clients send it
        if header is None and plain is None:
            return Refusal(
                401,
                "invalid_request_error",
                "missing_api_key",
                "No API key: send it as 'Authorization: Bearer rw-...'.",
            )
        tenant = None
        if plain is not None:
            tenant = self._tenants.tenant(plain.strip())
        elif header is not None:
            scheme, _, key = header.partition(b" ")
            tenant = self._tenants.tenant(key.strip()) if scheme.lower() == b"bearer" else None
        if tenant is None:
            return Refusal(
                401,
                "invalid_request_error",
                "invalid_api_key",
                "This API key is unknown, expired or revoked; ask whoever gave it to you for a new one.",
            )
        if scope not in tenant.row.scopes:
            return Refusal(
                403,
                "invalid_request_error",
                "missing_scope",
                f"This API key lacks the scope {scope!r}; create one that has it.",
            )
        if self._tenants.age > _MAX_AGE:
            return Refusal(
                503,
                "server_error",
                "configuration_outdated",
                "The gateway cannot see its configuration; try again soon.",
                None,
                1,
            )
        return tenant

    # -- the read-only routes ---------------------------------------------------------------------

    def _models(self, http: HttpRequest) -> None:
        tenant = self._authenticate(http)
        if isinstance(tenant, Refusal):
            self._refuse(http, tenant)
            return
        models = self._tenants.models(tenant.row)
        name = unquote(http.path.removeprefix(_MODELS).removeprefix("/"))
        if not name:
            http.connection.respond(200, JSON + self.request_id(), model_list(models))
            return
        found = [model for model in models if model[0] == name]
        if not found:
            self._refuse(
                http,
                bad_request(
                    f"The model {name!r} does not exist or you do not have access to it.",
                    "model",
                    "model_not_found",
                    404,
                ),
            )
            return
        _, created, owner = found[0]
        body = {"id": name, "object": "model", "created": created, "owned_by": owner}
        http.connection.respond(200, JSON + self.request_id(), msgspec.json.encode(body))

    def _ready(self, http: HttpRequest) -> None:
        age = self._tenants.age
        problem = None
        if self._tenants.snapshot is None or age > _MAX_AGE:
            problem = "no current configuration"
        elif self._till.failing:
            problem = "the books cannot be written"
        body = {"status": problem or "ready", "snapshot_age_seconds": round(age, 3)}
        http.connection.respond(503 if problem else 200, JSON + self.request_id(), msgspec.json.encode(body))

    def _show_metrics(self, http: HttpRequest) -> None:
        if not _is_local(http):
            operator = self._authenticate(http, "operator")
            if isinstance(operator, Refusal):
                self._refuse(http, operator)
                return
        kind = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n"
        http.connection.respond(200, kind + self.request_id(), self._metrics.text())

    # -- answers ----------------------------------------------------------------------------------

    def request_id(self, endpoint: Endpoint | None = None) -> bytes:
        """The header lines that name an answer which is no call."""
        return name_lines(endpoint, encode_call(self._ids.next()))

    def _refuse(
        self, http: HttpRequest, refusal: Refusal, headers: bytes = b"", endpoint: Endpoint | None = None
    ) -> None:
        self._metrics.refused(refusal.code)
        body = None if endpoint is None else error_of(endpoint, refusal)
        http.connection.refuse(refusal, self.request_id(endpoint) + headers, body)


def _is_local(http: HttpRequest) -> bool:
    """From this machine, and not through a proxy on it: then metrics need no key."""
    if b"x-forwarded-for" in http.headers or b"forwarded" in http.headers:
        return False
    try:
        return ipaddress.ip_address(http.connection.peer).is_loopback
    except ValueError:
        return False
