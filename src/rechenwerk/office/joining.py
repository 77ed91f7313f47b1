"""Routes join the office's app."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI
from starlette.routing import BaseRoute


def join(app: FastAPI, routes: Iterable[BaseRoute]) -> None:
    """Serve routes whose paths are whole already.

    FastAPI's own `include_router` builds every route a second time, at the first request, and searches two
    lists for every request.
    """
    app.router.routes.extend(routes)
