"""The key that days of the books are signed with: Ed25519 (RFC 8032), in a file that only we can read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rechenwerk.base.errors import SetupError

_SEED = 32


def key_id(public: bytes) -> str:
    """What a public key is called: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def is_signed(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether the owner of a public key signed a text."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


class SigningKey:
    """Signs.

    Args:
        seed: 32 bytes; nobody else may know them.
    """

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    def sign(self, text: bytes) -> bytes:
        """A signature, 64 bytes."""
        return self._key.sign(text)


class KeyFile:
    """The signing key in its file; made when there is none, replaced when it is rotated.

    Args:
        path: of the file: base64 of the seed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            _write(path, secrets.token_bytes(_SEED))
        self.key = _read(path)

    def successor(self) -> SigningKey:
        """A new key, in a file beside the old one; `succeed` puts it in the old one's place."""
        seed = secrets.token_bytes(_SEED)
        self._next.unlink(missing_ok=True)
        _write(self._next, seed)
        return SigningKey(seed)

    def succeed(self) -> None:
        """From now on the new key signs; the old one is gone: what it signed stays signed."""
        self._next.replace(self.path)
        self.key = _read(self.path)

    @property
    def _next(self) -> Path:
        return self.path.with_name(self.path.name + ".next")


def _read(path: Path) -> SigningKey:
    try:
        seed = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except OSError as error:
        raise SetupError(f"the signing key {path} cannot be read: {error.strerror}") from None
    except (ValueError, binascii.Error):
        seed = b""
    if len(seed) != _SEED:
        raise SetupError(f"{path} must hold base64 of {_SEED} bytes: openssl rand -base64 32")
    return SigningKey(seed)


def _write(path: Path, seed: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # somebody else was faster: theirs holds
        return
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(seed) + b"\n")
