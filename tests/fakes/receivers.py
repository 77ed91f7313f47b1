"""Who alerts reach: an HTTP server and a mail server, both real, each in a thread of its own."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Hook:
    """What a webhook received; it answers with these statuses in turn, then with 204."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def running_hook(answers: Sequence[int] = (), tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A receiver of webhooks on this machine; `tls`: what it shows who comes."""
    hook = Hook(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = hook.answers.pop(0) if hook.answers else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            hook.received.append(({"followed": self.path}, b""))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        hook.url = f"https://localhost:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mailbox:
    """What a mail server took; it refuses so many mails for the moment before."""

    port: int = 0
    trust: ssl.SSLContext | None = None
    refuse: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    sealed: list[bool] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.refuse:
            self.refuse -= 1
            return "451 try again later"
        self.sealed.append(session.ssl is not None)
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


@contextmanager
def running_mailbox(folder: Path, *, tls: bool = True) -> Iterator[Mailbox]:
    """A mail server on this machine: user ``rechenwerk``, password ``secret``; STARTTLS, or none at all."""
    box = Mailbox()
    options: dict[str, Any] = {}
    if tls:
        offered, box.trust = tls_for(folder, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        options = {"tls_context": offered, "require_starttls": True, "authenticator": _login}
        options["auth_required"] = True
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def _login(_: object, __: object, ___: object, mechanism: str, data: object) -> AuthResult:
    del mechanism
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"rechenwerk", b"secret")
    return AuthResult(success=good, handled=True)


def tls_for(folder: Path, name: x509.GeneralName) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of that name offers, and whom a client must trust for it."""
    certificate, key = _certificate(folder, name)
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offered.load_cert_chain(certificate, key)
    return offered, ssl.create_default_context(cafile=certificate)


def _certificate(folder: Path, whose: x509.GeneralName) -> tuple[Path, Path]:
    """A certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail of the tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([whose]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "mail.pem", folder / "mail.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private
