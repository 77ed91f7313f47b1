"""Trained models on the office: vectors through the endpoint, a place in the organisation's catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import asyncpg
import httpx2
from fastapi import FastAPI

from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.documents.learning.process import TrainerProcess
from rechenwerk.documents.learning.service import LearningOffice
from rechenwerk.documents.learning_ports import PREFIX
from rechenwerk.documents.office_ports import DocumentOffice
from rechenwerk.office.access import Office
from rechenwerk.office.config import diff, parse
from rechenwerk.office.ports import Change, Configured, Deployment, Desk
from rechenwerk.providers.sentences import MINILM
from rechenwerk.store.learning import StoredLearning

PROVIDER = "trained"
_CONTRACT = "trained on demand"
_EMBEDDED = "embedded-embeddings"
_BATCH = 128
_KNOWN = 40
"""Tries, a quarter of a second apart, until every gateway has heard of a new key."""
_TIMEOUT = httpx2.Timeout(30.0, read=600.0)


class EndpointVectors:
    """Embeds at the public endpoint. Fills `documents.learning_ports.Vectors`.

    Args:
        url: of the endpoint.
        usual: the model for German and where there is no better one.
    """

    def __init__(self, url: Callable[[], str], usual: str) -> None:
        self._url = url
        self._usual = usual

    async def choose(self, key: str, wanted: str, *, german: bool) -> str:
        """See `documents.learning_ports.Vectors`."""
        async with self._client(key) as client:
            answer = await self._ask(client, "GET", "/v1/models", None)
        # To answer, a trained model needs the vectors on its own machine.
        there = {one["id"] for one in answer.json()["data"] if one["owned_by"] == _EMBEDDED}
        if wanted and wanted not in there:
            names = ", ".join(sorted(there)) or "none runs"
            raise ModelRefusedError(
                f"{wanted!r} is no embeddings model of this installation ({names}); take one of them"
            )
        best = (self._usual, MINILM.name) if german else (MINILM.name, self._usual)
        return wanted or next((name for name in best if name in there), "")

    async def vectors(self, key: str, model: str, texts: Sequence[str]) -> list[list[float]]:
        """See `documents.learning_ports.Vectors`."""
        rows: list[list[float]] = []
        async with self._client(key) as client:
            for at in range(0, len(texts), _BATCH):
                body = {"model": model, "input": list(texts[at : at + _BATCH]), "encoding_format": "float"}
                answer = await self._ask(client, "POST", "/v1/embeddings", body)
                data = sorted(answer.json()["data"], key=lambda one: one["index"])
                rows += [one["embedding"] for one in data]
        return rows

    def _client(self, key: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self._url(),
            headers={"authorization": f"Bearer {key}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )

    async def _ask(self, client: httpx2.AsyncClient, method: str, path: str, body: object) -> httpx2.Response:
        """Ask; a new key is unknown for a moment."""
        for _ in range(_KNOWN):
            try:
                answer = await client.request(method, path, json=body)
            except httpx2.HTTPError as error:
                raise ModelRefusedError(
                    f"the endpoint does not answer: {error or type(error).__name__}"
                ) from error
            if answer.status_code != 401:
                break
            await asyncio.sleep(0.25)
        if answer.status_code != 200:
            raise ModelRefusedError(f"the texts cannot be embedded: {_message(answer)}")
        return answer


def _message(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


class CatalogueShelf:
    """Trained models in their organisation's own catalogue. Fills `documents.learning_ports.Shelf`.

    Args:
        desk: the office's storage.
    """

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk

    async def offer(self, organisation_id: int, name: str) -> None:
        """See `documents.learning_ports.Shelf`."""
        await self._desk().configuration.apply(organisation_id, lambda now: offered(now, PREFIX + name))

    async def withdraw(self, organisation_id: int, name: str) -> None:
        """See `documents.learning_ports.Shelf`."""
        await self._desk().configuration.apply(organisation_id, lambda now: withdrawn(now, PREFIX + name))


def offered(current: Configured, model: str) -> list[Change]:
    """What to write so that a trained model is served; everything else of the catalogue stays."""
    wanted = parse(f"""currency = "{current.currency}"
[[provider]]
name = "{PROVIDER}"
kind = "trained"
[[contract]]
name = "{_CONTRACT}"
provider = "{PROVIDER}"
kind = "on-demand"
[[deployment]]
model = "{model}"
provider = "{PROVIDER}"
contract = "{_CONTRACT}"
endpoints = ["chat"]
context_tokens = 131072
max_output_tokens = 8192
cost = {{ input = "0", output = "0" }}
[[tariff]]
model = "{model}"
price = {{ input = "0", output = "0" }}
""")
    sold = any(row.model == model for row in current.tariffs)
    return [
        change
        for change in diff(current, wanted)
        if change.action != "deactivate"
        and getattr(change.after, "model", model) == model
        and not (change.what == "tariff" and sold)
    ]


def withdrawn(current: Configured, model: str) -> list[Change]:
    """What to write so that a trained model is served no longer."""
    return [
        change
        for change in diff(current, Configured(current.currency, at=current.at))
        if change.action == "deactivate"
        and isinstance(change.after, Deployment)
        and (change.after.model, change.after.provider) == (model, PROVIDER)
    ]


def mount_learning(
    app: FastAPI, pool: asyncpg.Pool, url: str | Callable[[], str], usual: str
) -> LearningOffice:
    """Give the routes of trained models what they work with.

    Args:
        app: the office's, with documents mounted.
        pool: connections to the installation's database.
        url: of the public endpoint.
        usual: model that embeds.
    """
    documents: DocumentOffice = app.state.documents

    def desk() -> Desk:
        office: Office = app.state.office
        return office.desk

    learning = LearningOffice(
        StoredLearning(pool),
        documents.vault,
        documents.keys,
        TrainerProcess(),
        EndpointVectors(url if callable(url) else lambda: url, usual),
        CatalogueShelf(desk),
    )
    app.state.learning = learning
    return learning
