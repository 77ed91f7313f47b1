"""Single sign-on against a real OpenID provider: those it vouches for come in, the others do not."""

from __future__ import annotations

import html
import json
import re
import secrets
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest

from rechenwerk.base.errors import SetupError
from rechenwerk.base.settings import Settings
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.office.app import create_app
from rechenwerk.office.people.single_sign_on import SingleSignOn, read_single_sign_on
from rechenwerk.office.people.sso_routes import local
from tests.flows.office_desk import SECRET_KEY, Office
from tests.flows.openid import running_issuer
from tests.flows.serving import free_ports
from tests.flows.test_people import PASSWORD, Browser

GOOD = Settings(oidc_issuer="https://id.example.org/", oidc_client_id="rw")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Where the provider listens."""
    with running_issuer(free_ports()[0], "http://office/api/v1/sign-in/back") as address:
        yield address


class Person:
    """Somebody with a browser that has cookies at the office and at the provider."""

    def __init__(self, office: Office, settings: SingleSignOn) -> None:
        app = create_app(
            office.desk,
            office.clock,
            secrets.token_bytes,
            box=SecretBox(SECRET_KEY),
            single_sign_on=settings,
        )
        self._run = office.runner.run
        self._relying = app.state.relying
        self._office = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://office")
        self._provider = httpx2.AsyncClient()
        self.back = ""

    def close(self) -> None:
        for each in (self._office.aclose(), self._provider.aclose(), self._relying.close()):
            self._run(each)

    def leave(self, path: str = "/api/v1/sign-in/single") -> str:
        """Go to the provider; its address."""
        answer = self._run(self._office.get(path))
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def name(self, address: str, login: str) -> str:
        """Sign in there, agree; where it sends the browser back to."""
        answer = self._run(self._provider.get(address))
        for _ in range(12):
            if "location" in answer.headers:
                target = str(httpx2.URL(str(answer.url)).join(answer.headers["location"]))
                if target.startswith("http://office/"):
                    return target
                answer = self._run(self._provider.get(target))
                continue
            found = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert found is not None, answer.text
            fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', answer.text))
            fields.update({"login": login, "password": "any"} if "login" in answer.text else {})
            answer = self._run(self._provider.post(html.unescape(found[1]), data=fields))
        raise AssertionError("the provider never sent the browser back")

    def come_back(self, address: str) -> str:
        """Open where the provider sent; where the office sends on."""
        answer = self._run(self._office.get(address))
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def sign_in(self, login: str, path: str = "/api/v1/sign-in/single") -> str:
        """The whole way."""
        self.back = self.name(self.leave(path), login)
        return self.come_back(self.back)

    def me(self) -> dict[str, object]:
        answer = self._run(self._office.get("/api/v1/me"))
        assert answer.is_success, answer.text
        found: dict[str, object] = answer.json()
        return found

    @property
    def signed_in(self) -> bool:
        return bool(self._run(self._office.get("/api/v1/me")).is_success)


def settings(issuer: str, **more: str) -> SingleSignOn:
    asked = {f"oidc_{name}": text for name, text in {"client_secret": "of the test", **more}.items()}
    read = read_single_sign_on(msgspec.structs.replace(GOOD, oidc_issuer=issuer, **asked))
    assert read is not None
    return read


@pytest.fixture
def arrive(office: Office) -> Iterator[Callable[[SingleSignOn], Person]]:
    """Makes people with browsers."""
    there: list[Person] = []

    def person(asked: SingleSignOn) -> Person:
        there.append(Person(office, asked))
        return there[-1]

    yield person
    for one in there:
        one.close()


Arrive = Callable[[SingleSignOn], Person]


def test_who_is_unknown_needs_an_invitation(office: Office, arrive: Arrive, issuer: str) -> None:
    nora = arrive(settings(issuer))
    assert nora.sign_in("nora") == "/console/sign-in?problem=not_invited"
    assert not nora.signed_in
    token = office.ok("POST", "/invitations", json={"role": "controller", "email": "nora@example.org"})[
        "token"
    ]
    assert nora.sign_in("nora", f"/api/v1/sign-in/single?token={token}&to=/console/books") == "/console/books"
    me = nora.me()
    assert (me["email"], me["name"], me["role"]) == ("nora@example.org", "Nora", "controller")
    assert not me["has_password"]
    again = arrive(settings(issuer))
    assert again.sign_in("nora") == "/console/"
    assert again.me()["email"] == "nora@example.org"
    body = {"email": "nora@example.org", "password": "whatever it is that is long"}
    assert office.refused(401, "POST", "/sign-in", None, json=body)["code"] == "wrong_password"


def test_who_joins_by_the_directory(arrive: Arrive, issuer: str) -> None:
    nora = arrive(settings(issuer, join="default/member"))
    assert nora.sign_in("nora") == "/console/"
    assert nora.me()["role"] == "member"
    eve = arrive(settings(issuer, join="default/member"))
    assert eve.sign_in("eve") == "/console/sign-in?problem=not_invited", "an address that nobody vouches for"


def test_a_vouched_address_takes_over_from_a_password(office: Office, arrive: Arrive, issuer: str) -> None:
    before = Browser(office)
    before.accept(office.first.invitation, "ada@example.org")
    eve = arrive(settings(issuer))
    assert eve.sign_in("eve") == "/console/sign-in?problem=address_not_verified"
    assert before.ok("GET", "/me")["email"] == "ada@example.org"
    ada = arrive(settings(issuer))
    assert ada.sign_in("ada") == "/console/"
    assert ada.me()["role"] == "operator"
    assert before.refused(401, "GET", "/me") == "invalid_api_key", "whoever set the password may be another"
    body = {"email": "ada@example.org", "password": PASSWORD}
    assert before.refused(401, "POST", "/sign-in", json=body) == "wrong_password"


def test_an_answer_opens_one_browser_once(office: Office, arrive: Arrive, issuer: str) -> None:
    Browser(office).accept(office.first.invitation, "ada@example.org")
    ada, eve = arrive(settings(issuer)), arrive(settings(issuer))
    lost = "/console/sign-in?problem=sign_in_lost"
    stolen = ada.name(ada.leave(), "ada")
    assert eve.come_back(stolen) == lost, "another browser's answer"
    eve.leave()
    assert eve.come_back(stolen) == lost, "another browser's answer, with a trip of one's own"
    assert ada.come_back(stolen) == "/console/"
    assert ada.come_back(stolen) == lost, "a second time"
    late = ada.name(ada.leave(), "ada")
    office.clock.at += 601
    assert ada.come_back(late) == lost, "too late"
    state = parse_qs(urlsplit(ada.leave()).query)["state"][0]
    refused = ada.come_back(f"/api/v1/sign-in/back?state={state}&error=access_denied")
    assert refused == "/console/sign-in?problem=single_sign_on_refused"
    state = parse_qs(urlsplit(ada.leave()).query)["state"][0]
    made_up = ada.come_back(f"/api/v1/sign-in/back?state={state}&code=made-up")
    assert made_up == "/console/sign-in?problem=single_sign_on_failed"
    assert not eve.signed_in


def test_a_provider_that_is_not_there(office: Office, arrive: Arrive) -> None:
    port = free_ports()[0]
    person = arrive(settings(f"http://127.0.0.1:{port}"))
    answer = person._run(person._office.get("/api/v1/sign-in/single"))
    assert answer.status_code == 502
    assert "does not answer" in answer.json()["error"]["message"]
    assert office.refused(404, "GET", "/sign-in/single", None)["code"] == "no_single_sign_on"
    assert office.ok("GET", "/sign-in", None) == {"single_sign_on": None}


TARGETS = """
/console/books?month=2027-01   /console/books?month=2027-01
//evil.example/console/        /console/
https://evil.example           /console/
/console/../../evil            /console/../../evil
/console//evil.example         /console/
/console/\\evil                /console/
/docs                          /console/
"""


@pytest.mark.parametrize("row", TARGETS.strip().splitlines())
def test_nobody_is_sent_to_another_site(row: str) -> None:
    given, goes = row.split()
    assert local(given) == goes


WRONG = (
    ({"oidc_issuer": "http://id.example.org"}, "https://"),
    ({"oidc_client_id": ""}, "RECHENWERK_OIDC_CLIENT_ID"),
    ({"oidc_join": "member"}, "organisation/role"),
    ({"oidc_join": "default/operator"}, "organisation/role"),
    ({"oidc_join": "default/king"}, "organisation/role"),
)


@pytest.mark.parametrize(("values", "says"), WRONG, ids=json.dumps)
def test_settings_that_make_no_sense(values: dict[str, str], says: str) -> None:
    with pytest.raises(SetupError, match=says):
        read_single_sign_on(msgspec.structs.replace(GOOD, **values))


def test_secrets_are_not_shown() -> None:
    assert "of the test" not in repr(settings("https://id.example.org"))
    assert read_single_sign_on(msgspec.structs.replace(GOOD, oidc_issuer="")) is None
