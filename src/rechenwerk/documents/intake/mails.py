"""Mails (RFC 5322, MIME): their fields, their body, what is attached. Read with the standard library."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath

import msgspec

from rechenwerk.documents.intake.encodings import decode

MOST_PARTS = 2000
FIELDS = ("from", "to", "cc", "reply-to", "subject", "message-id")


class Mail(msgspec.Struct, frozen=True):
    """A mail without its attachments.

    Args:
        fields: lower-case name -> one line; 'date' in ISO 8601 with the
            sender's offset, 'sent' as it was written.
        plain, html: the body in one of them or both; '' where there is none.
        attached: names of what is attached.
    """

    fields: dict[str, str]
    plain: str
    html: str
    attached: tuple[str, ...]


def read_mail(data: bytes) -> Mail:
    """The fields and the body of a mail."""
    message = message_from_bytes(data, policy=policy.default)
    fields = {}
    for name in FIELDS:
        if value := _field(message, name):
            fields[name] = value
    if day := _date(message):
        fields["date"] = day
        fields["sent"] = _field(message, "date")
    bodies = {"plain": "", "html": ""}
    for part in _leaves(message):
        subtype = part.get_content_subtype()
        if part.get_content_maintype() == "text" and subtype in bodies and not _is_attached(part):
            bodies[subtype] += ("\n" if bodies[subtype] else "") + _text(part)
    names = tuple(name for name, _ in _attached(message))
    return Mail(fields, bodies["plain"], bodies["html"], names)


def attachments(data: bytes) -> list[tuple[str, bytes]]:
    """What is attached to a mail, with its name; a mail within it too. Pictures of its HTML count."""
    return _attached(message_from_bytes(data, policy=policy.default))


def _attached(message: EmailMessage) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    taken: set[str] = set()
    for part in _leaves(message):
        if part.get_content_maintype() == "text" and not _is_attached(part):
            continue
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload(0) if part.is_multipart() else None
            content = inner.as_bytes() if isinstance(inner, Message) else b""
            name = _name(part) or "mail.eml"
        else:
            payload = part.get_payload(decode=True)
            content = payload if isinstance(payload, bytes) else b""
            name = _name(part) or f"part-{len(found) + 1}.{part.get_content_subtype()}"
        if part.get_content_type() == "application/pkcs7-signature":
            continue
        found.append((_unique(name, taken), content))
    return found


def _leaves(message: EmailMessage | Message) -> list[EmailMessage]:
    """The parts that hold something, without going into an attached mail; at most MOST_PARTS."""
    leaves: list[EmailMessage] = []
    stack = [message]
    while stack and len(leaves) < MOST_PARTS:
        part = stack.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            inner = [one for one in part.get_payload() if isinstance(one, Message)]
            stack += reversed(inner)
        elif isinstance(part, EmailMessage):
            leaves.append(part)
    return leaves


def _is_attached(part: EmailMessage) -> bool:
    return part.get_content_disposition() == "attachment" or bool(_name(part))


def _name(part: EmailMessage) -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, AttributeError, TypeError):  # a broken field
        return ""
    return PurePosixPath(" ".join(name.replace("\\", "/").split())).name[:150]


def _unique(name: str, taken: set[str]) -> str:
    stem, dot, end = name.rpartition(".")
    unique, at = name, 2
    while unique in taken:
        unique, at = (f"{stem} ({at}).{end}" if dot else f"{name} ({at})"), at + 1
    taken.add(unique)
    return unique


def _field(message: Message, name: str) -> str:
    try:
        value = message.get(name)
        return " ".join(str(value).split()) if value is not None else ""
    except Exception:  # the standard library's field parser fails on some broken fields in various ways
        return ""


def _date(message: Message) -> str:
    text = _field(message, "date")
    try:
        moment = parsedate_to_datetime(text)
        return moment.isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or ""
    try:
        text = raw.decode(charset) if charset else ""
    except (LookupError, UnicodeDecodeError):
        text = ""
    if not text and raw:
        found = decode(raw)
        text = found[0] if found else raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
