"""Heads of requests to providers: the key in the place where each kind wants it, and nowhere else."""

from __future__ import annotations

import asyncio
import logging

import pytest

from rechenwerk.base.clock import SystemClock
from rechenwerk.gateway.ports import ProviderRow
from rechenwerk.gateway.upstreams import Upstream, Upstreams
from rechenwerk.identity.secrets import SecretBox, provider_context
from rechenwerk.providers.registry import KINDS
from rechenwerk.providers.transport import Limits

LIMITS = Limits(1, 1, 1, 1)
BOX = SecretBox(bytes(32))
SECRET = "AKIA:very-secret"


def row(kind: str = "openai", *, env: str | None = None, secret: bytes | None = None) -> ProviderRow:
    """A provider of organisation 7."""
    url = "https://provider.example/base"
    return ProviderRow(1, "upstream", kind, url, env, organisation=7, secret=secret)


def opened(
    one: ProviderRow, environment: dict[str, str] | None = None, box: SecretBox | None = BOX
) -> Upstream | None:
    """The provider as a gateway sees it."""

    async def flow() -> Upstream | None:
        upstreams = Upstreams(LIMITS, environment or {}, SystemClock(), box)
        upstreams.update([one])
        return upstreams.get(1)

    return asyncio.run(flow())


def lines(upstream: Upstream | None) -> list[str]:
    """Head lines of a request."""
    assert upstream is not None
    return upstream.request("/path", b"call_1", b"").decode().split("\r\n")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("openai", f"Authorization: Bearer {SECRET}"),
        ("mistral", f"Authorization: Bearer {SECRET}"),
        ("azure-openai", f"api-key: {SECRET}"),
        ("anthropic", f"x-api-key: {SECRET}"),
        ("gemini", f"x-goog-api-key: {SECRET}"),
        ("cohere", f"Authorization: Bearer {SECRET}"),
    ],
)
def test_every_kind_gets_its_key_where_it_looks_for_it(kind: str, line: str) -> None:
    sealed = BOX.seal(SECRET, provider_context(7, "upstream"))
    for upstream in (opened(row(kind, secret=sealed)), opened(row(kind, env="KEY"), {"KEY": SECRET})):
        head = lines(upstream)
        assert [one for one in head if SECRET in one] == [line]
        assert head[:2] == ["POST /base/path HTTP/1.1", "Host: provider.example"]
        assert head[-1] == ""
    assert not any("key" in one.lower() or "bearer" in one.lower() for one in lines(opened(row(kind))))


def test_what_a_kind_always_needs_stands_in_every_head() -> None:
    for kind, known in KINDS.items():
        head = lines(opened(row(kind, env="KEY"), {"KEY": SECRET}))
        assert {f"{name}: {value}" for name, value in known.headers} <= set(head)
    assert "anthropic-version: 2023-06-01" in lines(opened(row("anthropic")))


def test_a_key_to_sign_with_stands_in_no_request() -> None:
    upstream = opened(row("bedrock", env="KEY"), {"KEY": SECRET})
    assert upstream is not None
    request = upstream.request("/model/x/converse", b"call_1", b"{}")
    assert b"very-secret" not in request
    assert b"Credential=AKIA/" in request


def test_what_is_stored_wins_over_the_environment() -> None:
    sealed = BOX.seal("stored", provider_context(7, "upstream"))
    head = lines(opened(row(env="KEY", secret=sealed), {"KEY": "environment"}))
    assert "Authorization: Bearer stored" in head


def test_a_provider_whose_secret_does_not_open_is_not_called(caplog: pytest.LogCaptureFixture) -> None:
    sealed = BOX.seal(SECRET, provider_context(7, "upstream"))
    elsewhere = BOX.seal(SECRET, provider_context(8, "upstream"))
    with caplog.at_level(logging.DEBUG):
        assert opened(row(secret=sealed), box=SecretBox(bytes([1] * 32))) is None
        assert opened(row(secret=sealed), box=None) is None
        assert opened(row(secret=elsewhere)) is None
        assert opened(row(env="KEY"), {"KEY": f"{SECRET}\r\nX-Other: 1"}) is None
        assert opened(row("bedrock", env="KEY"), {"KEY": "very-secret"}) is None
    told = [one.message for one in caplog.records if one.name == "rechenwerk.upstreams"]
    assert len(told) == 5
    assert all(one.startswith("provider upstream") for one in told)
    assert "very-secret" not in caplog.text


def test_nothing_shows_a_secret_by_accident() -> None:
    one = row(secret=BOX.seal(SECRET, provider_context(7, "upstream")))
    upstream = opened(one)
    assert "very-secret" not in repr((one, upstream, BOX, vars(BOX)))


def test_a_new_secret_makes_new_heads() -> None:
    async def flow() -> None:
        upstreams = Upstreams(LIMITS, {}, SystemClock(), BOX)
        for text in ("first", "second"):
            upstreams.update([row(secret=BOX.seal(text, provider_context(7, "upstream")))])
            assert f"Authorization: Bearer {text}" in lines(upstreams.get(1))

    asyncio.run(flow())
