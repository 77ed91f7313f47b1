"""Sold capacity and emergency draws at a real gateway: what is kept for a buyer nobody else gets."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec

from rechenwerk.base.clock import SystemClock
from rechenwerk.main_gateway import Gateway
from rechenwerk.office.app import create_app
from tests.fakes.provider import Knobs, running_fake
from tests.flows.cloud import Cloud, fake_config, running_cloud, until
from tests.installation import ONE_TRY, Tenant

LARGE = 600
"""Tokens of an answer; the pool serves 2,000 a minute."""
IMPATIENT = msgspec.structs.replace(ONE_TRY, queue_deadline=0.2)


class Hall:
    """A cloud whose office is asked in the gateway's own loop."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        app = create_app(cloud.town.desk, SystemClock(), secrets.token_bytes)
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://office")
        self.operator = cloud.tenant("operators", scopes=("operator",))

    def office(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """The office's answer, which must be good."""
        headers = {"authorization": f"Bearer {key or self.operator.key}"}
        request = self._client.request(method, f"/api/v1{path}", headers=headers, json=body)
        answer = self.cloud.run(request)
        assert answer.is_success, answer.text
        return answer.json()

    def signer(self, name: str) -> str:
        """The key of somebody with a role."""
        body = {"project": "project", "name": name, "scopes": ["emergency", "operator"]}
        made: str = self.office("POST", "/keys", body)["key"]
        return made

    def knows(self, *lots: tuple[str, int, int]) -> None:
        """Wait until admission has these lots: class, organisation, nominal."""

        def known(gateway: Gateway) -> bool:
            found = {(*one.owner, one.nominal) for one in gateway.admission.in_use() if one.unit == "tokens"}
            return {one for one in found if one[2]} == set(lots)

        self.cloud.run(until(lambda: known(self.cloud.gateway)))

    def call(self, tenant: Tenant) -> int:
        """A call of 600 tokens; its status."""
        body = {
            "model": "fake-model",
            "messages": [{"role": "user", "content": "Say much."}],
            "max_tokens": LARGE,
        }
        headers = {"authorization": f"Bearer {tenant.key}"}
        answer = httpx2.post(
            f"{self.cloud.address}/v1/chat/completions", headers=headers, json=body, timeout=30
        )
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) > 0
        return answer.status_code


@contextmanager
def hall(url: str) -> Iterator[Hall]:
    """A pool of 2,000 tokens per minute before a provider that answers at once."""
    with (
        running_fake(Knobs(answer_tokens=LARGE)) as fake,
        running_cloud(url, fake_config(fake), settings=IMPATIENT) as cloud,
    ):
        found = Hall(cloud)
        member = {"model": "fake-model", "provider": "fake", "tokens_per_minute": 2_000}
        found.office("PUT", "/pools/main", {"members": [member]})
        yield found


def test_what_an_organisation_bought_is_there_when_all_else_is_used(database_url: str) -> None:
    with hall(database_url) as here:
        north, south = here.cloud.tenant("north"), here.cloud.tenant("south")
        now = datetime.now(UTC)
        sale = {
            "organisation": "north",
            "project": "project",
            "pool": "main",
            "unit": "tokens per minute",
            "amount": 1_300,
            "lendable": 0,
            "starts_at": now.isoformat(),
            "ends_at": (now + timedelta(days=1)).isoformat(),
            "rate": "1",
        }
        number = here.office("POST", "/sales", sale)["id"]
        here.knows(("", north.organisation, 1_300))
        assert here.call(south) == 200
        assert here.call(south) == 429, "700 are for all"
        assert [here.call(north), here.call(north)] == [200, 200]
        assert here.call(north) == 429, "1,300 were bought"
        here.office("POST", f"/sales/{number}/cancel")
        here.knows()


def test_an_emergency_draw_opens_the_reserve_for_its_time(database_url: str) -> None:
    with hall(database_url) as here:
        ward = here.cloud.tenant("ward")
        keep = {
            "pool": "main",
            "service": "critical",
            "nominal": 1_300,
            "lendable": 0,
            "draw_most": 1_300,
        }
        here.office("PUT", "/reserve", keep)
        here.knows(("critical", 0, 1_300))
        assert [here.call(ward), here.call(ward)] == [200, 429], "700 are for work that is not critical"
        need = {"pool": "main", "amount": 650, "minutes": 1, "reason": "a flood", "only_for": "ward"}
        draw = here.office("POST", "/reserve/draws", need, here.signer("Anna"))["id"]
        bela = here.signer("Bela")
        here.office("POST", f"/reserve/draws/{draw}/approve", key=bela)
        here.knows(("critical", 0, 650), ("standard", ward.organisation, 650))
        assert [here.call(ward), here.call(ward)] == [200, 429], "650 more"
        here.office("POST", f"/reserve/draws/{draw}/end", key=bela)
        here.knows(("critical", 0, 1_300))
        used = here.office("GET", "/reserve")["draws"]
        assert [one["state"] for one in used] == ["ended"]
