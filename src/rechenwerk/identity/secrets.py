"""Secrets of others that we must be able to use, such as providers' keys: sealed wherever they rest."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rechenwerk.base.errors import RechenwerkError, SetupError

_KEY_BYTES = 32
_NONCE_BYTES = 12  # what NIST SP 800-38D recommends for GCM
_FORM = b"\x01"
"""The first byte of what is sealed: a later form can be told from this one."""
_USABLE = re.compile(r"[\x21-\x7e]{1,8192}")


class SecretBox:
    """Seals texts with AES-256-GCM (NIST SP 800-38D). What is sealed opens only in its own context.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, text: str, context: bytes) -> bytes:
        """The text, unreadable without the key. `context`: what it belongs to; not kept secret."""
        return self.seal_bytes(text.encode(), context)

    def seal_bytes(self, data: bytes, context: bytes) -> bytes:
        """The same for bytes, such as a part of a document."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + self._cipher.encrypt(nonce, data, context)

    @staticmethod
    def sealed(data: bytes) -> bool:
        """Whether it looks sealed; for data that never begins with the byte 1, such as JSON."""
        return data.startswith(_FORM)

    def open(self, sealed: bytes, context: bytes) -> str:
        """What was sealed.

        Raises:
            RechenwerkError: another key sealed it, or it was for something else.
        """
        return self.open_bytes(sealed, context).decode()

    def open_bytes(self, sealed: bytes, context: bytes) -> bytes:
        """The same for bytes."""
        body = sealed.removeprefix(_FORM)
        try:
            return self._cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            raise RechenwerkError(
                "the stored secret does not open with this RECHENWERK_SECRET_KEY;"
                " give the key that it was stored with, or store the secret again"
            ) from None


def provider_context(organisation: int, name: str) -> bytes:
    """What a provider's secret is bound to: in another row it does not open."""
    return f"provider/{organisation}/{name}".encode()


def alert_context(organisation: int, name: str) -> bytes:
    """What the secret of an alert's webhook is bound to."""
    return f"alert/{organisation}/{name}".encode()


def document_context(organisation: int, what: str) -> bytes:
    """What a part of a document, its text or the key of its job is bound to."""
    return f"document/{organisation}/{what}".encode()


def chat_context(organisation: int, what: str) -> bytes:
    """What a part of a conversation is bound to."""
    return f"chat/{organisation}/{what}".encode()


def answer_context(organisation: int, project: int, what: str) -> bytes:
    """What an answer that a gateway keeps is bound to."""
    return f"answer/{organisation}/{project}/{what}".encode()


def usable(secret: str) -> bool:
    """Whether a secret can stand in a header: visible ASCII only, no line end."""
    return _USABLE.fullmatch(secret) is not None


def secret_box(key: str, key_file: str) -> SecretBox | None:
    """The box of this installation, from its settings; None when they name no key.

    Args:
        key: base64 of 32 bytes; wins over the file.
        key_file: path of a file that holds the same.

    Raises:
        SetupError: the file cannot be read, or there is no such key in it; never repeats the key.
    """
    if key:
        return SecretBox(_decoded(key, "RECHENWERK_SECRET_KEY"))
    if not key_file:
        return None
    try:
        text = Path(key_file).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SetupError(f"RECHENWERK_SECRET_KEY_FILE: {key_file} cannot be read: {reason}") from None
    return SecretBox(_decoded(text, "RECHENWERK_SECRET_KEY_FILE"))


def _decoded(text: str, variable: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SetupError(f"{variable} must hold base64 of {_KEY_BYTES} bytes: openssl rand -base64 32")
    return key


def make_key_file(path: Path) -> None:
    """Write a new key that only this user can read, unless there is one.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
