"""Governance in tests: an installation with a pool, and people with roles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.flows.office_desk import Office

CHAT = ("smollm2-135m", "embedded")
VECTORS = ("potion-multilingual", "embedded-embeddings")
DAY = 86_400


class Hall:
    """An office whose operator governs one pool, `main`, of 100,000 tokens per minute."""

    def __init__(self, office: Office, total: int = 100_000) -> None:
        self.office = office
        self.pool(total)

    def pool(self, *tokens: int, name: str = "main", **more: Any) -> Any:
        """Make the pool of the first so many deployments of the installation."""
        members = [
            {"model": model, "provider": provider, "tokens_per_minute": one}
            for (model, provider), one in zip((CHAT, VECTORS), tokens, strict=False)
        ]
        return self.office.ok("PUT", f"/pools/{name}", json={"members": members, **more})

    def shown(self) -> Any:
        """The pool as the API shows it."""
        return self.office.ok("GET", "/pools")["pools"][0]

    def person(self, name: str, *scopes: str, organisation: str | None = None) -> str:
        """A key of that name: the operator's own people, unless they belong to another organisation."""
        body = {"project": "default", "name": name, "scopes": list(scopes), "organisation": organisation}
        made: str = self.office.ok("POST", "/keys", json=body)["key"]
        return made

    def officer(self, name: str, *scopes: str) -> str:
        """Somebody of the operator with roles, and no other right."""
        if not self.office.sql("select from project where organisation_id = 0"):
            self.office.ok("POST", "/projects", json={"name": "default", "organisation": "operator"})
        return self.person(name, *scopes, organisation="operator")

    def buyer(self, name: str) -> str:
        """An organisation, and a key that may read and govern what is its own."""
        self.office.ok("POST", "/organisations", json={"name": name})
        self.office.ok("POST", "/projects", json={"name": "default", "organisation": name})
        return self.person(f"{name}'s admin", "keys", "books", organisation=name)

    def day(self, number: float) -> str:
        """Midnight so many days from the clock's today, as text."""
        now = self.office.clock.at
        return datetime.fromtimestamp(now - now % DAY + number * DAY, UTC).isoformat()

    def date(self, number: int) -> str:
        """The date of that day."""
        return self.day(number)[:10]

    def sale(self, buyer: str, amount: int, since: float, until: float, **more: Any) -> dict[str, Any]:
        """A body for a sale of throughput at 1.00 per 1,000 tokens per minute and day."""
        body = {
            "organisation": buyer,
            "pool": "main",
            "unit": "tokens per minute",
            "amount": amount,
            "starts_at": self.day(since),
            "ends_at": self.day(until),
            "rate": "1",
        }
        return {**body, **more}

    def sell(self, buyer: str, amount: int, since: float, until: float, **more: Any) -> Any:
        """A sale that must be possible."""
        return self.office.ok("POST", "/sales", json=self.sale(buyer, amount, since, until, **more))

    def at_once(self, requests: Sequence[tuple[str, str, str, Any]]) -> list[httpx2.Response]:
        """Requests that run together: method, path, key (empty: the admin's), body."""

        async def all_of_them() -> list[httpx2.Response]:
            return await asyncio.gather(
                *(
                    self.office.client.request(
                        method,
                        f"/api/v1{path}",
                        headers={"authorization": f"Bearer {key or self.office.first.key}"},
                        json=body,
                    )
                    for method, path, key, body in requests
                )
            )

        return self.office.runner.run(all_of_them())

    def audited(self, *more: str) -> list[tuple[str, str, str]]:
        """What the audit says, oldest first: who, what, subject."""
        del more
        events = self.office.ok("GET", "/audit", params={"limit": 1000})["events"]
        return [(one["who"], one["what"], one["subject"]) for one in reversed(events)]
