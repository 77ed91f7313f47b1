"""The public endpoint as a document job uses it: the product started with its models, called with a key."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2

from bench import stack
from bench.lab import Lab
from bench.machine import BenchError
from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.documents.ports import Question

SMALL = "smollm2-135m"
LARGE = "qwen2.5-coder-1.5b"
VECTORS = "potion-multilingual-128m"
SHOWN = {SMALL: "135M", LARGE: "1.5B"}
KNOWN_S = 60
SLOW = "900"
"""Seconds until a first byte: a large model reads a page of text on one core for a minute."""


@dataclass(frozen=True)
class Endpoint:
    """Where the running product listens, and a key for it."""

    url: str
    key: str


def started(lab: Lab, models_dir: str) -> Endpoint:
    """The product with the models that lie in a folder."""
    environment = {"RECHENWERK_FIRST_BYTE_TIMEOUT": SLOW, "RECHENWERK_TOTAL_TIMEOUT": SLOW}
    if models_dir:
        environment["RECHENWERK_MODELS_DIR"] = models_dir
    data = Path(lab.folder) / lab.fresh("data")
    served = stack.serve(lab, data, cores=lab.cores, environment=environment, models=True)
    owner = str(served.line["key"])
    key = stack.ask("key", "create", "--project", "default", "--name", "documents", served=served, key=owner)
    return Endpoint(str(served.line["url"]), str(key["key"]))


def offered(endpoint: Endpoint) -> set[str]:
    """The models that can be asked, once the gateway knows the key."""
    until = time.monotonic() + KNOWN_S
    while time.monotonic() < until:
        found = httpx2.get(
            f"{endpoint.url.removesuffix('/v1')}/v1/models",
            headers={"authorization": f"Bearer {endpoint.key}"},
        )
        if found.status_code == 200:
            return {one["id"] for one in found.json()["data"]}
        time.sleep(0.25)
    raise BenchError(f"the gateway does not know the new key after {KNOWN_S} s")


class Asker:
    """Fills `documents.ports.Asker` with plain calls of one model; counts them."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self.model = model
        self.calls = 0
        self.tokens = 0
        self._client = httpx2.AsyncClient(
            base_url=endpoint.url.removesuffix("/v1"),
            headers={"authorization": f"Bearer {endpoint.key}"},
            timeout=httpx2.Timeout(30.0, read=900.0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(path, json=body)
        if answer.status_code != 200:
            raise ModelRefusedError(f"{self.model}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found

    async def ask(self, question: Question) -> str:
        """One chat completion, kept to the schema where there is one."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": question.system},
                {"role": "user", "content": question.user},
            ],
            "max_tokens": question.max_tokens,
            "temperature": 0,
        }
        if question.schema is not None:
            wanted = {"name": "answer", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        found = await self._post("/v1/chat/completions", body)
        self.calls += 1
        self.tokens += int(found["usage"]["total_tokens"])
        return str(found["choices"][0]["message"]["content"] or "")

    async def embed(self, texts: Sequence[str], purpose: str) -> list[list[float]]:
        """Vectors of the embedded table."""
        del purpose
        found = await self._post("/v1/embeddings", {"model": VECTORS, "input": list(texts)})
        self.calls += 1
        return [one["embedding"] for one in found["data"]]
