"""AWS Signature Version 4 through botocore: one request, no session, no search for credentials.

Source: AWS, "Signature Version 4 signing process"; botocore.auth.SigV4Auth does the arithmetic.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import RechenwerkError

_TIMESTAMP = "%Y%m%dT%H%M%SZ"


class Credentials(msgspec.Struct, frozen=True):
    """What AWS knows a caller by; its repr shows nothing of it."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        """Never the secret."""
        return "Credentials(...)"


_REGION = re.compile(r"(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")


def parse_credentials(text: str) -> Credentials:
    """Read ``ACCESS:SECRET`` or ``ACCESS:SECRET:SESSION``.

    Raises:
        RechenwerkError: neither; the message does not repeat the text.
    """
    text = text.strip()
    parts = text.split(":")
    if len(parts) not in {2, 3} or not all(parts) or not text.isascii() or len(text.split()) > 1:
        raise RechenwerkError("AWS credentials are written ACCESS:SECRET or ACCESS:SECRET:SESSION.")
    return Credentials(parts[0], parts[1], parts[2] if len(parts) == 3 else None)


def region_of(host: str) -> str:
    """The region in the name of a Bedrock endpoint.

    Raises:
        RechenwerkError: the name has none.
    """
    found = _REGION.search(host.lower())
    if found is None:
        raise RechenwerkError(
            f"No AWS region can be told from {host!r}; name it, or use an address such as "
            "https://bedrock-runtime.eu-central-1.amazonaws.com."
        )
    return found[1]


class Signer:
    """Signs requests to one service of AWS.

    Args:
        credentials: see `parse_credentials`.
        region: such as ``eu-central-1``; see `region_of`.
        clock: AWS accepts a signature for five minutes of its own time.
        service: the name that AWS signs the service under.
    """

    def __init__(self, credentials: Credentials, region: str, clock: Clock, service: str = "bedrock") -> None:
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - see tests/test_house.py
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import ReadOnlyCredentials  # noqa: PLC0415

        known = ReadOnlyCredentials(credentials.access_key, credentials.secret_key, credentials.token)
        self._auth = SigV4Auth(known, service, region)
        self._request = AWSRequest
        self._token = credentials.token
        self._clock = clock

    def headers(self, method: str, url: str, body: bytes) -> bytes:
        """Header lines that prove the request, each with its CR LF.

        Args:
            method: of HTTP.
            url: as it is requested, percent-encoding included; its host is that of the Host header.
            body: as it is sent.
        """
        auth = self._auth
        at = datetime.fromtimestamp(self._clock.now(), UTC).strftime(_TIMESTAMP)
        headers = {"X-Amz-Date": at}
        if self._token:
            headers["X-Amz-Security-Token"] = self._token
        request = self._request(method=method, url=url, data=body, headers=headers)
        request.context["timestamp"] = at
        # add_auth() does the same, but takes the time from the machine.
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        names = auth.signed_headers(auth.headers_to_sign(request))
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={names}, Signature={signature}"
        )
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")
