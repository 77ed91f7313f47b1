"""Questions of a job to a model: calls of the job's own key at the public endpoint, each asked once.

An answer is kept by its purpose; after a crash it comes from there. A question that was under way goes out
again under the same Idempotency-Key, so that the gateway answers from its own memory where it still can.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx2
import msgspec

from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.documents.job_ports import Claimed, Queue
from rechenwerk.documents.ports import Question
from rechenwerk.documents.vault import Vault

PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds before another try of a call that was not served; after the last the document waits."""
_LONGEST_WAIT = 30.0
_TIMEOUT = httpx2.Timeout(30.0, read=900.0)
_MONEY = frozenset({"insufficient_quota", "wallet_empty"})
_LATER = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_HELD_UP = 15.0
"""Seconds that a document waits when nobody answers."""

Sleep = Callable[[float], Awaitable[None]]


class PausedError(ModelRefusedError):
    """Only a person can lift it: no budget left, no provider allowed, no such model. The job pauses."""


class HeldUpError(ModelRefusedError):
    """Nobody answers now; the document waits.

    Attributes:
        seconds: until another try makes sense.
    """

    def __init__(self, message: str, seconds: float = _HELD_UP) -> None:
        super().__init__(message)
        self.seconds = seconds


class Endpoint(msgspec.Struct, frozen=True):
    """The public endpoint, and the client that calls it.

    Attributes:
        vectors: the model that embeds.
        sleep: how to wait between two tries.
    """

    client: httpx2.AsyncClient
    url: str
    vectors: str
    sleep: Sleep = asyncio.sleep


class JobAsker:
    """Asks for one document of a job. Fills `documents.ports.Asker`.

    Args:
        endpoint: whom to ask.
        claimed: the document with its job.
        key: of the job.
        queue: where answers are kept.
        vault: seals them.

    Attributes:
        trouble: what kept the last question from being answered; whoever extracts may make do without the
            answer, but the document is not finished then.
    """

    def __init__(self, endpoint: Endpoint, claimed: Claimed, key: str, queue: Queue, vault: Vault) -> None:
        self._endpoint = endpoint
        self._claimed = claimed
        self._key = key
        self._queue = queue
        self._vault = vault
        self.trouble: ModelRefusedError | None = None

    async def ask(self, question: Question) -> str:
        """See `documents.ports.Asker`."""
        messages = [{"role": "system", "content": question.system}] if question.system else []
        messages.append({"role": "user", "content": question.user})
        body: dict[str, Any] = {
            "model": self._claimed.job.model,
            "messages": messages,
            "max_tokens": question.max_tokens,
            "temperature": 0,
        }
        if question.schema is not None:
            shape = {"name": "answer", "schema": question.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        return await self._once(question.purpose, "/v1/chat/completions", body, _said)

    async def embed(self, texts: Sequence[str], purpose: str) -> list[list[float]]:
        """See `documents.ports.Asker`."""
        body = {"model": self._endpoint.vectors, "input": list(texts)}
        found = await self._once(purpose, "/v1/embeddings", body, _vectors)
        return msgspec.json.decode(found, type=list[list[float]])

    async def _once(self, purpose: str, path: str, body: Any, take: Callable[[Any], str]) -> str:
        """The answer, from storage if the same was asked before."""
        job = self._claimed.job
        name = f"document {self._claimed.document.id}: {purpose}"
        content = msgspec.json.encode(body)
        digest = hashlib.sha256(path.encode() + b"\0" + content).digest()
        sealed_as = f"answer/{job.id}/{name}"
        known = await self._queue.answer(job.organisation_id, job.id, name)
        if known is not None and known[0] == digest:
            return self._vault.open(job.organisation_id, sealed_as, known[1])
        once = hashlib.sha256(name.encode() + digest).hexdigest()
        try:
            answer = take(await self._posted(path, content, f"documents-{job.id}-{once}"))
        except ModelRefusedError as error:
            self.trouble = error
            raise
        sealed = self._vault.seal(job.organisation_id, sealed_as, answer)
        await self._queue.keep_answer(self._claimed, name, digest, sealed)
        return answer

    async def _posted(self, path: str, content: bytes, once: str) -> Any:
        """The answer's body; patient with what passes by itself."""
        headers = {
            "authorization": f"Bearer {self._key}",
            "content-type": "application/json",
            "idempotency-key": once,
        }
        said = ""
        for pause in (*PAUSES, None):
            wait: float | None = None
            try:
                answer = await self._endpoint.client.post(
                    self._endpoint.url + path, headers=headers, content=content, timeout=_TIMEOUT
                )
            except httpx2.HTTPError as error:
                said = f"the endpoint {self._endpoint.url} does not answer: {error or type(error).__name__}"
            else:
                if answer.status_code == 200:
                    return _json(answer)
                said, wait = _refused(answer)
            if pause is None:
                break
            await self._endpoint.sleep(min(_LONGEST_WAIT, max(pause, wait or 0.0)))
        raise HeldUpError(said)


def _refused(answer: httpx2.Response) -> tuple[str, float | None]:
    """What was said, and how long to wait, where trying again helps.

    Raises:
        ModelRefusedError: it does not.
    """
    body = _json(answer)
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    message = str(error.get("message") or f"the endpoint answered {answer.status_code}")
    if error.get("code") in _MONEY or answer.status_code == 402:
        raise PausedError(message)
    if answer.status_code in {401, 403, 404} and error.get("code") != "invalid_api_key":
        raise PausedError(message)
    if answer.status_code not in _LATER and answer.status_code != 401:
        raise ModelRefusedError(message)
    told = answer.headers.get("retry-after", "")
    return message, float(told) if told.isdecimal() and len(told) < 6 else None


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise HeldUpError(f"what answers at {answer.url.host} is not a gateway") from None


def _said(body: Any) -> str:
    try:
        return str(body["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        raise ModelRefusedError("the model's answer has no text") from None


def _vectors(body: Any) -> str:
    try:
        rows = sorted(body["data"], key=lambda row: row["index"])
        return msgspec.json.encode([row["embedding"] for row in rows]).decode()
    except (KeyError, TypeError):
        raise ModelRefusedError("the model's answer has no vectors") from None
