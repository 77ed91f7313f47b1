"""Where a command's installation is, and how it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec
import typer

from rechenwerk.base.errors import RechenwerkError


class Answered(msgspec.Struct, frozen=True):
    """An answer that is not an error of transport: its status and JSON body."""

    status: int
    body: Any


class Remote(msgspec.Struct, frozen=True):
    """Addresses and key of the installation that a command talks to."""

    url: str
    office_url: str
    key: str

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The office's answer to ``/api/v1`` and `path`.

        Raises:
            RechenwerkError: no key, nobody there, or a refusal; one line that says what to do.
        """
        answered = self.try_ask(method, path, body, **query)
        if answered.status >= 400:
            raise RechenwerkError(explain(answered.status, answered.body, self.office_url))
        return answered.body

    def ask_public(self, path: str, **query: Any) -> Any:
        """The office's answer to a path that is open to all: without a key.

        Raises:
            RechenwerkError: nobody there, or a refusal.
        """
        answered = self._send("GET", path, {}, None, query)
        if answered.status >= 400:
            raise RechenwerkError(explain(answered.status, answered.body, self.office_url))
        return answered.body

    def try_ask(self, method: str, path: str, body: Any = None, **query: Any) -> Answered:
        """The same as `ask`, for a caller that wants to see refusals."""
        return self._send(method, f"/api/v1{path}", self.headers(), body, query)

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: Any, query: Mapping[str, Any]
    ) -> Answered:
        address = f"{self.office_url.rstrip('/')}{path}"
        params = {name: value for name, value in query.items() if value is not None}
        with telling(self.office_url, "RECHENWERK_OFFICE_URL"):
            answer = httpx2.request(method, address, headers=headers, params=params, json=body, timeout=120)
        try:
            return Answered(answer.status_code, answer.json())
        except ValueError:
            raise RechenwerkError(
                f"what answers at {self.office_url} is not a Rechenwerk office; check RECHENWERK_OFFICE_URL"
            ) from None

    def headers(self) -> Mapping[str, str]:
        """The key as a header.

        Raises:
            RechenwerkError: there is none.
        """
        if not self.key:
            raise RechenwerkError(
                "no key: set RECHENWERK_KEY or give --key before the command;"
                " the first start of `rechenwerk serve` shows one"
            )
        if not self.key.isascii() or not self.key.isprintable():
            raise RechenwerkError("the key has characters that no key has; copy it again")
        return {"authorization": f"Bearer {self.key}"}


@contextmanager
def telling(address: str, variable: str) -> Iterator[None]:
    """Turn failures of the network into one line with what to do."""
    try:
        yield
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        raise RechenwerkError(
            f"{address!r} is not an address; write {variable} like http://127.0.0.1:8080"
        ) from None
    except httpx2.ConnectError:
        raise RechenwerkError(
            f"nobody answers at {address}; start `rechenwerk serve` or set {variable}"
        ) from None
    except httpx2.TimeoutException:
        raise RechenwerkError(f"{address} takes too long to answer; `rechenwerk doctor` looks why") from None
    except httpx2.HTTPError as error:
        raise RechenwerkError(f"the connection to {address} broke: {error or type(error).__name__}") from None


def explain(status: int, body: Any, address: str) -> str:
    """One line out of an error's body."""
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    if not message:
        return f"{address} answered {status} without saying why; check that it is a Rechenwerk"
    if status == 401:
        return f"{message} (RECHENWERK_KEY or --key; sent to {address})"
    return str(message)


def remote(context: typer.Context) -> Remote:
    """The addresses and key that stand before the command."""
    found = context.obj
    assert isinstance(found, Remote)
    return found
