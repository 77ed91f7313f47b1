"""The console on the office's app: at /console, and where somebody looks who knows only the address."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse

from rechenwerk.base.clock import Clock
from rechenwerk.console.app import create_console


def mount_console(app: FastAPI, clock: Clock, gateway_port: int) -> None:
    """Mount it; its pages get what they show from the app's own API.

    Args:
        app: the office.
        clock: wall time.
        gateway_port: where models are called.
    """

    async def home(_: Request) -> RedirectResponse:
        return RedirectResponse("/console/", 303)

    app.add_route("/", home, methods=["GET"], include_in_schema=False)
    app.mount("/console", create_console(app, clock, gateway_port))
