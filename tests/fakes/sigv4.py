"""AWS Signature Version 4, checked by hand so that it is nobody's own library which agrees with itself.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.fakes.book import Seen

FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)


def wrong(seen: Seen, access: str, secret: str) -> str:
    """What AWS would say; empty when the signature is right."""
    headers = seen.headers
    form = FORM.fullmatch(headers.get("authorization", ""))
    if form is None:
        return "MissingAuthenticationTokenException: Missing Authentication Token"
    key_id, day, region, service, names, signature = form.groups()
    if key_id != access or service != "bedrock":
        return "UnrecognizedClientException: The security token included in the request is invalid."
    signed = names.split(";")
    moment = headers.get("x-amz-date", "")
    if "host" not in signed or "x-amz-date" not in signed or not moment.startswith(day):
        return "IncompleteSignatureException: 'Host' and 'X-Amz-Date' must be signed headers."
    path, _, query = seen.target.partition("?")
    canonical = "\n".join(
        (
            seen.method,
            quote(path, safe="/-_.~"),  # what is quoted on the wire is quoted again, save for S3
            "&".join(sorted(query.split("&"))) if query else "",
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed),
            "",
            names,
            hashlib.sha256(seen.raw).hexdigest(),
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
        return "InvalidSignatureException: The request signature we calculated does not match."
    return ""
