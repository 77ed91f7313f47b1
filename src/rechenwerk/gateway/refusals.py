"""Why a call is not served, in words that say what to do."""

from __future__ import annotations

from math import ceil

from rechenwerk.base.errors import Refusal, bad_request, unavailable
from rechenwerk.gateway.plans import Plan
from rechenwerk.providers.transport import Answer
from rechenwerk.wire.openai import Endpoint

_KNOWN = frozenset({400, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504, 529})

_LONGEST_NUMBER = 10

BOOKS_DOWN = unavailable(
    "The books cannot be written right now, so nothing is served; try again soon.", "books_unavailable"
)


def no_plan(exists: bool, model: str, endpoint: Endpoint) -> Refusal:
    """There is no such model for the organisation, or it does not serve the endpoint."""
    if exists:
        return bad_request(
            f"The model {model!r} does not serve {endpoint}; GET /v1/models lists the models.",
            "model",
            "endpoint_not_supported",
        )
    return bad_request(
        f"The model {model!r} does not exist or you do not have access to it; GET /v1/models lists yours.",
        "model",
        "model_not_found",
        404,
    )


def no_tier(plan: Plan, tier: str) -> Refusal:
    """The client asks for a service tier that no deployment of the model has."""
    return bad_request(
        f"No deployment of {plan.offer.model!r} has the service tier {tier!r}; leave service_tier out,"
        f" or send one of auto, {', '.join(sorted(plan.tiers))}.",
        "service_tier",
        "unsupported_value",
    )


def bad_gateway(reason: str) -> Refusal:
    """An attempt failed after it had left."""
    return unavailable(f"The call failed: {reason}. Try again.", "provider_failed", 502, None)


def no_step(plan: Plan, now: float) -> Refusal:
    """The model is there, but none of its deployments may or can serve this call now."""
    model = plan.offer.model
    if not plan.steps and plan.down:
        return unavailable(
            f"{model!r} cannot be served now: {'; '.join(plan.refused)}. Ask your operator.",
            "provider_unavailable",
        )
    if not plan.steps:
        why = "; ".join(plan.refused)
        return Refusal(
            403,
            "invalid_request_error",
            "no_deployment_allowed",
            f"No deployment of {model!r} may serve this project: {why}. Ask your operator.",
            "model",
        )
    soonest = min(step.health.breaker.reopens_at for step in plan.steps)
    return unavailable(
        f"No provider of {model!r} is well enough right now; try again soon.",
        "provider_unavailable",
        503,
        max(1, ceil(soonest - now)),
    )


def no_room(model: str, seconds: float) -> Refusal:
    """Everything that may serve the call is full."""
    wait = max(1, ceil(seconds))
    return Refusal(
        429,
        "rate_limit_error",
        "capacity_exceeded",
        f"All capacity for {model!r} is in use. Try again in {wait} s.",
        None,
        wait,
    )


def provider_refused(answer: Answer, refusal: Refusal) -> Refusal:
    """A provider's error as the client may see it: our credentials are not the client's business."""
    if answer.status in {401, 402, 403, 407}:
        return unavailable(
            "The provider does not accept this installation's credentials; tell your operator.",
            "provider_credentials",
            502,
            None,
        )
    if answer.status >= 300 and answer.status < 400:
        return bad_gateway(f"the provider redirects ({answer.status})")
    retry = answer.header(b"retry-after")
    seconds = int(retry) if retry is not None and retry.isdigit() and len(retry) < _LONGEST_NUMBER else None
    status = answer.status if answer.status in _KNOWN else (502 if answer.status >= 500 else 400)
    return Refusal(status, refusal.type, refusal.code, refusal.message, refusal.param, seconds)
