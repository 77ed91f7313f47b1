"""Signatures of requests to AWS: the published examples; what credentials and addresses look like."""

from __future__ import annotations

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.providers.signing import Signer, parse_credentials, region_of
from tests.fakes.clock import FakeClock

# AWS, "Signature Version 4 test suite": the credentials and the time of all its requests.
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUu"
    "wthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY"
    "9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
AT = 1_440_938_160.0  # 2015-08-30T12:36:00Z


def signer(credentials: str, region: str = "us-east-1", service: str = "service") -> Signer:
    """At the suite's time."""
    return Signer(parse_credentials(credentials), region, FakeClock(AT), service)


@pytest.mark.parametrize(
    ("name", "method", "path", "credentials", "signature"),
    [
        (
            "get-vanilla",
            "GET",
            "/",
            f"{ACCESS}:{SECRET}",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            "GET",
            "/?Param2=value2&Param1=value1",
            f"{ACCESS}:{SECRET}",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "post-vanilla",
            "POST",
            "/",
            f"{ACCESS}:{SECRET}",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "post-sts-header-before",
            "POST",
            "/",
            f"{ACCESS}:{SECRET}:{TOKEN}",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        ),
    ],
)
def test_the_published_examples(name: str, method: str, path: str, credentials: str, signature: str) -> None:
    lines = signer(credentials).headers(method, f"https://example.amazonaws.com{path}", b"")
    token = credentials.count(":") == 2
    names = "host;x-amz-date" + (";x-amz-security-token" if token else "")
    proof = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS}/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    expected = "X-Amz-Date: 20150830T123600Z\r\n"
    if token:
        expected += f"X-Amz-Security-Token: {TOKEN}\r\n"
    assert lines.decode() == f"{expected}Authorization: {proof}\r\n", name


def test_botocore_signs_a_call_of_bedrock_alike() -> None:
    url = "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-x-v1%3A0/converse"
    body = b'{"messages":[]}'
    made = signer(f"{ACCESS}:{SECRET}", "eu-central-1", "bedrock").headers("POST", url, body).decode()
    headers = dict(line.split(": ", 1) for line in made.splitlines())
    request = AWSRequest("POST", url, data=body, headers={"X-Amz-Date": headers["X-Amz-Date"]})
    request.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(ReadOnlyCredentials(ACCESS, SECRET, None), "bedrock", "eu-central-1")
    canonical = auth.canonical_request(request)
    assert canonical.splitlines()[1].endswith("v1%253A0/converse"), "AWS signs the path encoded once more"
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert headers["Authorization"].endswith(f"Signature={signature}")


def test_time_and_body_are_signed() -> None:
    clock = FakeClock(AT)
    one = Signer(parse_credentials(f"{ACCESS}:{SECRET}"), "eu-central-1", clock)
    url = "https://bedrock-runtime.eu-central-1.amazonaws.com/model/m/converse"
    first = one.headers("POST", url, b"{}")
    assert one.headers("POST", url, b"{}") == first
    assert one.headers("POST", url, b"[]") != first
    clock.at += 1
    assert one.headers("POST", url, b"{}").startswith(b"X-Amz-Date: 20150830T123601Z\r\n")


@pytest.mark.parametrize("text", ["", "a", "a:", ":b", "a:b:", "a:b:c:d", "a:b c", "a\n:b", "a:ü"])
def test_what_are_no_credentials(text: str) -> None:
    with pytest.raises(RechenwerkError, match="ACCESS:SECRET") as raised:
        parse_credentials(text)
    assert str(raised.value) == "AWS credentials are written ACCESS:SECRET or ACCESS:SECRET:SESSION."


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("bedrock-runtime.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("bedrock-runtime.eu-west-1.api.aws", "eu-west-1"),
        ("vpce-0ab.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("Bedrock-Runtime.EU-West-1.amazonaws.com", "eu-west-1"),
    ],
)
def test_the_region_in_an_address(host: str, region: str) -> None:
    assert region_of(host) == region


@pytest.mark.parametrize("host", ["", "127.0.0.1", "example.com", "mybedrock-runtime.eu-west-1.example"])
def test_no_region_in_an_address(host: str) -> None:
    with pytest.raises(RechenwerkError, match="region"):
        region_of(host)
