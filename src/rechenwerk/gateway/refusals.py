"""Why a call is not served, in words that say what to do."""

from __future__ import annotations

from rechenwerk.base.errors import Refusal, bad_request, unavailable
from rechenwerk.providers.transport import Answer
from rechenwerk.wire.openai import Endpoint, read_error

_KNOWN = frozenset({400, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504})

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


def bad_gateway(reason: str) -> Refusal:
    """An attempt failed after it had left."""
    return unavailable(f"The call failed: {reason}. Try again.", "provider_failed", 502, None)


def provider_refused(answer: Answer) -> Refusal:
    """A provider's error as the client may see it: our credentials are not the client's business."""
    refusal = read_error(answer.status, answer.body)
    if answer.status in {401, 403, 407}:
        return unavailable(
            "The provider does not accept this installation's credentials; tell your operator.",
            "provider_credentials",
            502,
            None,
        )
    if answer.status >= 300 and answer.status < 400:
        return bad_gateway(f"the provider redirects ({answer.status})")
    retry = answer.header(b"retry-after")
    seconds = int(retry) if retry is not None and retry.isdigit() else None
    status = answer.status if answer.status in _KNOWN else (502 if answer.status >= 500 else 400)
    return Refusal(status, refusal.type, refusal.code, refusal.message, refusal.param, seconds)
