"""People who chat over the API of a running installation."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.fakes.knobs import DEFAULT_MODEL
from tests.flows.browsing import Cloud

Event = tuple[str, Any]


class Talker:
    """Somebody with a key: a person's session, or a program's."""

    def __init__(self, cloud: Cloud, key: str) -> None:
        self.cloud, self.key = cloud, key
        self._headers = {"authorization": f"Bearer {key}"}
        self._api = f"{cloud.office_url}/api/v1"

    def answer(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return httpx2.request(
            method, f"{self._api}{path}", headers=self._headers, timeout=60, verify=False, **more
        )

    def ok(self, method: str, path: str, **more: Any) -> Any:
        answer = self.answer(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **more: Any) -> Any:
        answer = self.answer(method, path, **more)
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert "\n" not in error["message"]
        return error

    def begin(self) -> int:
        """A new conversation."""
        return int(self.ok("POST", "/chats", json={})["id"])

    @contextmanager
    def asking(self, chat: int, once: str | None = None, **body: Any) -> Iterator[Iterator[Event]]:
        """Events of an answer, as they come."""
        headers = self._headers | ({} if once is None else {"idempotency-key": once})
        request = {"model": DEFAULT_MODEL, **body}
        url = f"{self._api}/chats/{chat}/messages"
        with httpx2.stream("POST", url, json=request, headers=headers, timeout=60, verify=False) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield _events(answer)

    def leave(self, chat: int, **body: Any) -> None:
        """Ask, and hang up at once."""
        office = urlsplit(self.cloud.office_url)
        data = json.dumps({"model": DEFAULT_MODEL, **body}).encode()
        headers = {**self._headers, "host": office.netloc, "content-type": "application/json"}
        lines = [f"POST /api/v1/chats/{chat}/messages HTTP/1.1", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection((office.hostname, office.port)) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + data)

    def ask(self, chat: int, text: str | None, parent: int | None = None, **more: Any) -> Any:
        """The whole answer, as its last event has it."""
        with self.asking(chat, text=text, parent=parent, **more) as events:
            found = list(events)
        assert found[0][0] == "begun"
        name, end = found[-1]
        assert name == "end"
        assert "".join(data["text"] for kind, data in found if kind == "text") == end["text"]
        return end

    def said(self, chat: int) -> list[Any]:
        """All messages."""
        return list(self.ok("GET", f"/chats/{chat}")["messages"])


def _events(answer: httpx2.Response) -> Iterator[Event]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def person(cloud: Cloud, role: str = "member", project: str = "default", **more: Any) -> Talker:
    """A new person of this role, signed in."""
    email = f"{secrets.token_hex(4)}@example.org"
    body = {"role": role, "project": project, "email": email, **more}
    token = cloud.api("POST", "/invitations", json=body)["token"]
    accepted = {"token": token, "email": email, "name": "Nora <b>", "password": secrets.token_hex(16)}
    with httpx2.Client(verify=False) as client:
        answer = client.post(f"{cloud.office_url}/api/v1/invitations/accept", json=accepted, timeout=60)
        assert answer.is_success, answer.text
        return Talker(cloud, str(client.cookies["rw_session"]))
