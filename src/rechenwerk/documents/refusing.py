"""Refusals of the routes of documents, in the shape of all others."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from rechenwerk.base.errors import DocumentError, Refusal, bad_request, error_document


class DocumentRefusedError(DocumentError):
    """Carries a refusal out of a route to the one place that answers it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(status: int, message: str, code: str, param: str | None = None) -> DocumentRefusedError:
    """A refusal, to be raised."""
    return DocumentRefusedError(bad_request(message, param, code, status))


def missing(what: str, name: object) -> DocumentRefusedError:
    """Nothing of that name in reach of the caller: not there, or another organisation's."""
    return refuse(404, f"there is no {what} {name!r}", f"{what.replace(' ', '_')}_not_found", what)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DocumentRefusedError)
    return JSONResponse(error_document(error.refusal), error.refusal.status)


def add_document_handlers(app: FastAPI) -> None:
    """Every refusal leaves through here."""
    app.add_exception_handler(DocumentRefusedError, _refused)
