"""The guided check of a provider: each step, where it may go, and that a configuration only grows by it."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Any

import pytest

from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.flows.office_desk import DEFAULT, Office

ADDED = """currency = "EUR"
[[provider]]
name = "new"
kind = "vllm"
base_url = "http://127.0.0.1:9/v1"
[[contract]]
name = "new on demand"
provider = "new"
kind = "on-demand"
[[deployment]]
model = "m"
provider = "new"
contract = "new on demand"
endpoints = ["chat"]
context_tokens = 1000
max_output_tokens = 100
cost = { input = "1", output = "2" }
[[tariff]]
model = "m"
price = { input = "1", output = "2" }
"""


def steps(office: Office, **body: Any) -> list[dict[str, Any]]:
    """What a check says, step by step; its end agrees with them."""
    answer = office.answer("POST", "/providers/check", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    *found, end = [
        (lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: ")))
        for lines in (block.splitlines() for block in answer.text.strip().split("\n\n"))
    ]
    assert {name for name, _ in found} == {"step"}
    said = [step for _, step in found]
    assert end == ("end", {"ok": said[-1]["state"] != "failed"})
    return said


def last(office: Office, **body: Any) -> tuple[str, str]:
    """The last step of a check, and what it found."""
    said = steps(office, **body)[-1]
    return said["step"], said["code"]


def own(fake: FakeProvider, **more: Any) -> dict[str, Any]:
    return {"kind": "openai-compatible", "base_url": fake.base_url, "own_server": True, **more}


def test_a_good_provider_passes_every_step(office: Office) -> None:
    with running_fake(Knobs(require_key="sk-right", models=["b", "A"])) as fake:
        said = steps(office, **own(fake, secret="sk-right", model="b"))
        assert [(one["step"], one["state"]) for one in said] == [
            ("address", "ok"),
            ("resolve", "ok"),
            ("connect", "ok"),
            ("answer", "ok"),
            ("authenticate", "ok"),
            ("models", "ok"),
            ("price", "skipped"),
        ]
        assert said[5]["models"] == ["A", "b"]
        assert all(one.method == "GET" for one in fake.requests), "nothing that costs money was asked"
        assert "sk-right" not in json.dumps(said)


def test_each_fault_has_its_name(office: Office) -> None:
    with running_fake(Knobs(require_key="sk-right")) as fake:
        assert last(office, **own(fake, secret="sk-wrong")) == ("authenticate", "wrong_key")
        assert last(office, **own(fake)) == ("authenticate", "needs_key")
        assert last(office, **own(fake, secret="sk-right", model="other")) == ("models", "no_such_model")
        root = fake.base_url.removesuffix("/v1")
        body = own(fake, secret="sk-right") | {"base_url": f"{root}/v7"}
        assert last(office, **body) == ("answer", "no_models_route")
    assert last(office, **own(fake)) == ("connect", "unreachable")
    with running_fake(Knobs(models=[])) as fake:
        assert last(office, **own(fake)) == ("models", "no_models")
    like = {"kind": "vllm", "own_server": True}
    assert last(office, **like, base_url="http://nobody.invalid/v1") == ("resolve", "not_found")
    for address, code in (
        ("", "no_address"),
        ("ftp://a/", "no_address"),
        ("http://a:b@c/", "odd_address"),
        ("http://a/?b", "odd_address"),
        ("http://[::1", "no_address"),
    ):
        assert last(office, **like, base_url=address) == ("address", code)
    assert last(office, kind="nonsense") == ("address", "unknown_kind")
    assert last(office, kind="embedded") == ("address", "unknown_kind")


def test_what_does_not_speak_http_is_told(office: Office) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"https://127.0.0.1:{server.getsockname()[1]}"
        server.close()
        assert last(office, kind="vllm", base_url=address, own_server=True) == ("connect", "unreachable")
    with running_fake() as fake:
        address = fake.base_url.replace("http://", "https://")
        assert last(office, **own(fake) | {"base_url": address}) == ("connect", "no_tls")


@pytest.mark.parametrize("own_server", [False, True])
def test_it_goes_where_it_may_only(office: Office, own_server: bool) -> None:
    for host in ("169.254.169.254", "[fe80::1]", "0.0.0.0", "[::ffff:169.254.169.254]", "224.0.0.1"):
        for scheme in ("http", "https"):
            body = {"kind": "vllm", "base_url": f"{scheme}://{host}/v1", "own_server": own_server}
            assert last(office, **body)[0] == "resolve", host
    if not own_server:
        for host in ("127.0.0.1", "10.0.0.1", "[::1]", "localhost", "192.168.1.1"):
            assert last(office, kind="vllm", base_url=f"https://{host}/v1") == ("resolve", "not_public")
        assert last(office, kind="vllm", base_url="http://127.0.0.1/v1") == ("resolve", "not_encrypted")


def test_one_that_is_there_is_checked_with_its_own_key(office: Office) -> None:
    with running_fake(Knobs(require_key="sk-stored", models=["m"])) as fake:
        text = ADDED.replace("http://127.0.0.1:9/v1", fake.base_url)
        office.ok("POST", "/apply", json={"text": text, "add": True})
        assert last(office, name="new", own_server=True) == ("authenticate", "needs_key")
        office.ok("PUT", "/providers/new/secret", json={"secret": "sk-stored"})
        said = steps(office, name="new", model="m", own_server=True)
        assert (said[-1]["step"], said[-1]["code"], said[-1]["detail"]) == (
            "price",
            "price_known",
            "input 1, output 2",
        )
    error = office.refused(404, "POST", "/providers/check", json={"name": "nobody"})
    assert error["message"] == "there is no provider 'nobody'"
    error = office.refused(422, "POST", "/providers/check", json={"kind": "openai", "secret": "a\nb"})
    assert error["param"] == "secret"


def test_a_configuration_that_only_adds_leaves_the_rest(office: Office) -> None:
    first = office.ok("POST", "/apply", json={"text": ADDED, "add": True})["changes"]
    assert {one["action"] for one in first} == {"create"}
    assert office.ok("POST", "/apply", json={"text": ADDED, "add": True})["changes"] == []
    models = {one["model"] for one in office.ok("GET", "/deployments")["deployments"]}
    assert models == {"smollm2-135m", "potion-multilingual", "m"}
    whole = office.ok("POST", "/apply", json={"text": DEFAULT, "dry_run": True})["changes"]
    assert {(one["what"], one["action"]) for one in whole} == {
        ("provider", "deactivate"),
        ("contract", "deactivate"),
        ("deployment", "deactivate"),
    }


def test_a_trial_needs_a_deployment_and_a_gateway(office: Office) -> None:
    error = office.refused(404, "POST", "/providers/embedded/try", json={"model": "gpt"})
    assert error["message"] == "there is no deployment 'gpt at embedded'"
    error = office.refused(503, "POST", "/providers/embedded/try", json={"model": "smollm2-135m"})
    assert error["code"] == "no_gateway"
