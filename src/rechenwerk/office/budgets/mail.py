"""Alerts by mail, over the operator's own mail server."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import msgspec

from rechenwerk.base.errors import SetupError
from rechenwerk.identity.people import is_mail_address
from rechenwerk.office.budgets.ports import Parcel
from rechenwerk.office.budgets.sending import UndeliveredError
from rechenwerk.office.budgets.words import told

_TIMEOUT = 20.0
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}.items()


class MailServer(msgspec.Struct, frozen=True):
    """Where mails are handed in.

    Attributes:
        scheme: smtp (STARTTLS, always), smtps (TLS from the first byte) or smtp+plain (neither).
    """

    scheme: str
    host: str
    port: int
    user: str
    password: str
    sender: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"MailServer({self.scheme}://{self.host}:{self.port})"


def read_server(url: str, sender: str) -> MailServer | None:
    """The settings RECHENWERK_SMTP_URL and RECHENWERK_SMTP_FROM; None when there is no server.

    Raises:
        SetupError: they make no sense; never repeats the password.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SetupError("RECHENWERK_SMTP_URL is no address; write smtp://user:password@host:587") from None
    ports = dict(_PORTS)
    if parts.scheme not in ports or not parts.hostname:
        raise SetupError(
            "RECHENWERK_SMTP_URL: write smtp://user:password@host:587, smtps://… or smtp+plain://…"
        )
    if not sendable(sender):
        raise SetupError("RECHENWERK_SMTP_FROM: mails need a sender, such as alerts@example.org")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.scheme, parts.hostname, port or ports[parts.scheme], user, password, sender)


def sendable(address: str) -> bool:
    """Whether this can be a mail address that every mail server takes."""
    return address.isascii() and is_mail_address(address)


class Mails:
    """Sends notices by mail.

    Args:
        server: None: there is none, and every mail waits.
        context: whom TLS trusts; None: whom the system trusts.
    """

    def __init__(self, server: MailServer | None, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._context = context

    async def send(self, parcel: Parcel, now: float) -> str:
        """See `office.budgets.sending.Sender`."""
        del now
        server = self._server
        if server is None:
            raise UndeliveredError("this installation has no mail server; set RECHENWERK_SMTP_URL")
        mail = written(parcel, server.sender)
        try:
            await asyncio.to_thread(self._hand_in, server, mail)
        except smtplib.SMTPRecipientsRefused as error:
            (code, why) = next(iter(error.recipients.values()), (0, b""))
            said = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
            raise UndeliveredError(f"the recipient was refused: {code} {said}", final=code >= 500) from None
        except (smtplib.SMTPException, OSError) as error:
            raise UndeliveredError(f"the mail server did not take it: {error}") from None
        return f"taken by {server.host}"

    def _hand_in(self, server: MailServer, mail: EmailMessage) -> None:
        context = self._context or ssl.create_default_context()
        if server.scheme == "smtps":
            with smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT, context=context) as smtp:
                self._deliver(smtp, server, mail)
            return
        with smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT) as smtp:
            if server.scheme == "smtp":
                smtp.starttls(context=context)  # raises where the server cannot: never in the clear instead
            self._deliver(smtp, server, mail)

    def _deliver(self, smtp: smtplib.SMTP, server: MailServer, mail: EmailMessage) -> None:
        if server.user:
            smtp.login(server.user, server.password)
        smtp.send_message(mail)


def written(parcel: Parcel, sender: str) -> EmailMessage:
    """The mail of a notice, in its recipient's language. Sent again it has the same Message-ID."""
    subject, text = told(parcel.kind, parcel.data, parcel.rule.language)
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = parcel.rule.target
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(parcel.made_at)
    mail["Message-ID"] = f"<{parcel.message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = parcel.rule.language
    mail.set_content(text)
    return mail
