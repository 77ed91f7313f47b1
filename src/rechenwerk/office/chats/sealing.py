"""What people and models wrote, sealed: each text for its own row, so that it opens in no other."""

from __future__ import annotations

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.identity.secrets import SecretBox, chat_context
from rechenwerk.office.chats.ports import FileRow
from rechenwerk.office.errors import refuse

UNREADABLE = "(sealed with another key)"


class Said(msgspec.Struct, frozen=True, array_like=True):
    """A message: its text, why it failed, and the code of that."""

    text: str = ""
    problem: str = ""
    code: str = ""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What of a file goes to the model: its words."""

    text: str = ""


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """A template."""

    name: str
    text: str


class ChatSeal:
    """Seals and opens.

    Args:
        box: of the installation; None where it has none: then nothing can be kept.
        organisation: whose rows these are.
    """

    def __init__(self, box: SecretBox | None, organisation: int) -> None:
        if box is None:
            raise refuse(
                409,
                "conversations are kept sealed, and this office has no key for that;"
                " start it with RECHENWERK_SECRET_KEY_FILE",
                "no_secret_key",
            )
        self._box = box
        self._organisation = organisation

    def _seal(self, what: str, value: object) -> bytes:
        return self._box.seal_bytes(msgspec.msgpack.encode(value), chat_context(self._organisation, what))

    def _open(self, what: str, sealed: bytes) -> bytes | None:
        try:
            return self._box.open_bytes(sealed, chat_context(self._organisation, what))
        except RechenwerkError:
            return None

    def title(self, chat: int, text: str) -> bytes:
        """A title, sealed."""
        return self._seal(f"title/{chat}", text)

    def open_title(self, chat: int, sealed: bytes) -> str:
        """The same, opened."""
        found = self._open(f"title/{chat}", sealed)
        return UNREADABLE if found is None else msgspec.msgpack.decode(found, type=str)

    def said(self, chat: int, message: int, said: Said) -> bytes:
        """A message, sealed."""
        return self._seal(f"message/{chat}/{message}", said)

    def open_said(self, chat: int, message: int, sealed: bytes) -> Said:
        """The same, opened."""
        found = self._open(f"message/{chat}/{message}", sealed)
        return Said(UNREADABLE) if found is None else msgspec.msgpack.decode(found, type=Said)

    def name(self, chat: int, file: int, name: str) -> bytes:
        """A file's name, sealed."""
        return self._seal(f"name/{chat}/{file}", name)

    def open_name(self, chat: int, file: FileRow) -> str:
        """The same, opened."""
        found = self._open(f"name/{chat}/{file.id}", file.named)
        return UNREADABLE if found is None else msgspec.msgpack.decode(found, type=str)

    def kept(self, chat: int, file: int, kept: Kept) -> bytes:
        """What of a file goes to the model, sealed."""
        return self._seal(f"file/{chat}/{file}", kept)

    def open_kept(self, chat: int, file: FileRow) -> Kept:
        """The same, opened."""
        found = self._open(f"file/{chat}/{file.id}", file.sealed)
        return Kept() if found is None else msgspec.msgpack.decode(found, type=Kept)

    def template(self, template: int, name: str, text: str) -> bytes:
        """A template, sealed."""
        return self._seal(f"template/{template}", Sample(name, text))

    def open_template(self, template: int, sealed: bytes) -> Sample:
        """The same, opened."""
        found = self._open(f"template/{template}", sealed)
        return Sample(UNREADABLE, "") if found is None else msgspec.msgpack.decode(found, type=Sample)
