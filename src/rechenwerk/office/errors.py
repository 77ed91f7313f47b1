"""Refusals of the office, all in the shape of OpenAI's errors."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rechenwerk.base.errors import (
    RechenwerkError,
    Refusal,
    RefusedError,
    bad_request,
    error_document,
    refuse,
    unavailable,
)
from rechenwerk.base.toml_reader import Mistake, MistakesError
from rechenwerk.office.ports import TakenError, Unfit

__all__ = ["RefusedError", "accept", "add_handlers", "answer", "missing", "refuse"]

T = TypeVar("T")


_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "project": "; `rechenwerk project list` shows those there are, `project create` makes one",
        "document": "; `rechenwerk books documents` lists them",
        "wallet": "; `rechenwerk wallet open` opens one, the first `wallet topup` too",
        "alert": "; `rechenwerk alert list` shows those there are",
        "call": "; `rechenwerk books journal` lists the newest",
        "proof": "; it ran in an office that was started again since, so start another one",
    }
)
"""What to do when something is missing -> what is missing."""


def missing(what: str, name: str) -> RefusedError:
    """Nothing of that name in reach of the caller: not there, or another organisation's."""
    hint = _HINTS.get(what, "")
    return refuse(404, f"there is no {what} {name!r}{hint}", f"{what}_not_found", what)


def accept(found: T | Refusal) -> T:
    """What storage or a rule brought, unless it is a refusal: that is raised."""
    if isinstance(found, Refusal):
        raise RefusedError(found)
    return found


def german_of(error: Exception) -> str:
    """What an error says in German, where it says it."""
    return str(getattr(error, "german", ""))


def mistake_row(one: Mistake) -> dict[str, Any]:
    """A mistake as it is told."""
    row = {"line": one.line, "message": str(one.message), "fix": str(one.fix)}
    return {**row, "message_de": one.message_de, "fix_de": one.fix_de} if one.message_de else row


def answer(refusal: Refusal, extra: Mapping[str, Any] | None = None, german: str = "") -> JSONResponse:
    """A refusal as a response, with what it says in German where that is known."""
    headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    told = {"message_de": german} if german else {}
    return JSONResponse({**error_document(refusal), **(extra or {}), **told}, refusal.status, headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedError)
    return answer(error.refusal)


async def _mistakes(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MistakesError)
    rows = [mistake_row(one) for one in error.mistakes]
    refusal = bad_request(str(error), "text", "configuration_wrong", 422)
    return answer(refusal, {"errors": rows}, error.german)


async def _taken(_: Request, error: Exception) -> JSONResponse:
    return answer(bad_request(f"{error}; choose another name", "name", "name_taken", 409))


async def _wrong(_: Request, error: Exception) -> JSONResponse:
    return answer(bad_request(str(error)), german=german_of(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return answer(_explain(error.errors()), german=explain_in_german(error.errors()))


def _explain(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """One clear line out of pydantic's list: the first field at fault and what it should be."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return bad_request("the body is not JSON", None, "invalid_json", 422)
    place = ".".join(str(part) for part in first["loc"][1:])
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        message = _mismatch(first)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    line = f"{place or 'the body'}: {message[:1].lower()}{message[1:]}{more}"
    return bad_request(line, place or None, "invalid_value", 422)


_GERMAN: Mapping[str, str] = MappingProxyType(
    {
        "missing": "fehlt",
        "string_too_short": "braucht mindestens {min_length} Zeichen",
        "string_too_long": "hat höchstens {max_length} Zeichen",
        "too_short": "braucht mindestens {min_length} Einträge",
        "too_long": "hat höchstens {max_length} Einträge",
        "greater_than": "muss größer als {gt} sein",
        "greater_than_equal": "muss mindestens {ge} sein",
        "less_than": "muss kleiner als {lt} sein",
        "less_than_equal": "darf höchstens {le} sein",
        "int_parsing": "ist keine ganze Zahl",
        "int_type": "ist keine ganze Zahl",
        "int_from_float": "ist keine ganze Zahl",
        "float_parsing": "ist keine Zahl",
        "decimal_parsing": "ist keine Zahl",
        "bool_parsing": "ist weder ja noch nein",
        "string_type": "ist kein Text",
        "date_parsing": "ist kein Tag; schreiben Sie ihn wie 2027-12-31",
        "date_from_datetime_parsing": "ist kein Tag; schreiben Sie ihn wie 2027-12-31",
        "datetime_parsing": "ist kein Zeitpunkt; schreiben Sie ihn wie 2027-12-31T12:00",
        "datetime_from_date_parsing": "ist kein Zeitpunkt; schreiben Sie ihn wie 2027-12-31T12:00",
        "literal_error": "ist keines von {expected}",
        "enum": "ist keines von {expected}",
        "extra_forbidden": "ist unbekannt; lassen Sie es weg",
    }
)
"""What pydantic finds wrong with a field -> in German, behind the field's name."""


def explain_in_german(errors: Sequence[Mapping[str, Any]]) -> str:
    """The same line in German; '' where there is none for it."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return "der Inhalt der Anfrage ist kein JSON"
    said = _GERMAN.get(first["type"], "").format_map(first.get("ctx") or {})
    if first["type"] == "string_pattern_mismatch":
        said = _mismatch(first, german=True)
    place = ".".join(str(part) for part in first["loc"][1:]) or "die Anfrage"
    more = f" (und {len(errors) - 1} weitere)" if len(errors) > 1 else ""
    return f"{place} {said}{more}" if said else ""


_PATTERNS = (
    (
        "^[0-9]{1,15}",
        "{given!r} is not an amount from 0 on; write it like 12.50",
        "ist kein Betrag ab 0, sondern {given!r}; schreiben Sie ihn wie 12.50",
    ),
    (
        r"^\d{1,2}",
        "{given!r} is not a percentage from 0 to 99; write it like 19 or 7.5",
        "ist kein Prozentsatz von 0 bis 99, sondern {given!r}; schreiben Sie ihn wie 19 oder 7.5",
    ),
    ("", "{given!r} does not fit the pattern {pattern}", "hat nicht die erwartete Form: {given!r}"),
)
"""How a pattern begins; what to write instead, for a pattern is no sentence, in English and German."""


def _mismatch(first: Mapping[str, Any], *, german: bool = False) -> str:
    pattern = str(first["ctx"]["pattern"])
    _, *said = next(one for one in _PATTERNS if pattern.startswith(one[0]))
    return said[german].format(given=first["input"], pattern=pattern)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message = f"there is nothing at {request.url.path}; the routes are at /docs"
        return answer(bad_request(message, None, "unknown_route", 404))
    if error.status_code == 405:
        message = f"{request.method} is not possible at {request.url.path}; the routes are at /docs"
        return answer(bad_request(message, None, "method_not_allowed", 405))
    return answer(bad_request(str(error.detail), None, None, error.status_code))


async def _no_csv(_: Request, error: Exception) -> JSONResponse:
    return answer(bad_request(f"this is no CSV: {error}; save it as CSV again", None, "invalid_csv", 422))


async def _away(_: Request, __: Exception) -> JSONResponse:
    return answer(unavailable("the database does not answer; try again in a moment", "database_away"))


async def _broken(_: Request, __: Exception) -> JSONResponse:
    message = "the office failed to answer; its log says why"
    return answer(unavailable(message, "internal_error", 500))


def add_handlers(app: FastAPI, unfit: Unfit) -> None:
    """Every error leaves through here; what storage cannot hold is the request's own mistake."""

    async def cannot_hold(_: Request, error: Exception) -> JSONResponse:
        reason = unfit.reason(error)
        if reason is None:
            raise error
        line = f"the request has {reason}, which nothing here can have; mend it"
        return answer(bad_request(line, None, "invalid_value", 422))

    app.add_exception_handler(unfit.raised, cannot_hold)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(MistakesError, _mistakes)
    app.add_exception_handler(TakenError, _taken)
    app.add_exception_handler(RechenwerkError, _wrong)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(csv.Error, _no_csv)
    app.add_exception_handler(OSError, _away)
    app.add_exception_handler(Exception, _broken)
