"""Archives and mails become their members; what cannot be read becomes a refusal, never an error.

Nothing is written to a disk, so that no path in an archive can lead anywhere. Sizes are counted while data
comes out of the decompressor: what an archive says of itself is not believed.
"""

from __future__ import annotations

import io
import zipfile
import zlib

import msgspec

from rechenwerk.documents.intake.admitting import ARCHIVE, MEGABYTE, admitted
from rechenwerk.documents.intake.kinds import LARGEST_DIRECTORY, directory_bytes
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.mails import attachments
from rechenwerk.documents.intake.refusals import Refused, RefusedError, refused

SKIPPED = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers leave in archives."""


class Member(msgspec.Struct, frozen=True, tag=True):
    """A file that can be parsed.

    Args:
        name: inside an archive or a mail its path: 'post.zip/2026/mail.eml/rechnung.pdf'.
        kind: a kind that a reader exists for.
        data: the whole file.
    """

    name: str
    kind: str
    data: bytes


def unpack(data: bytes, name: str, limits: Limits | None = None) -> tuple[Member | Refused, ...]:
    """What a file consists of: itself, the members of an archive, a mail and what is attached to it.

    Args:
        data: the whole file.
        name: as its sender called it.
        limits: how much is taken out at most.
    """
    return tuple(_Unpacking(limits or Limits()).of(data, name, 0))


class _Unpacking:
    """One unpacking; counts members and bytes over all levels."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._members = 0
        self._bytes = 0

    def of(self, data: bytes, name: str, depth: int) -> list[Member | Refused]:
        try:
            return self._of(data, name, depth)
        except RefusedError as why:
            return [why.named(name)]
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            return [refused(name, "corrupt", what=_short(error))]
        except (RecursionError, MemoryError):
            return [refused(name, "memory", limit=self._limits.memory_mb)]
        except Exception as error:  # a parser of the standard library met something new; the others go on
            return [refused(name, "corrupt", what=type(error).__name__)]

    def _of(self, data: bytes, name: str, depth: int) -> list[Member | Refused]:
        limits = self._limits
        kind = admitted(data, name, limits)
        if kind == ARCHIVE:
            return self._zip(data, name, depth)
        found: list[Member | Refused] = [Member(name, kind, data)]
        if kind == "eml":
            parts = attachments(data)
            if parts and depth >= limits.depth:
                return [*found, refused(name, "bomb_depth", limit=limits.depth)]
            for path, part in parts:
                self._count(len(part))
                found += self.of(part, f"{name}/{path}", depth + 1)
        return found

    def _zip(self, data: bytes, name: str, depth: int) -> list[Member | Refused]:
        if depth >= self._limits.depth:
            raise RefusedError("bomb_depth", limit=self._limits.depth)
        if directory_bytes(data) > LARGEST_DIRECTORY:
            raise RefusedError("bomb_count", limit=self._limits.members)
        found: list[Member | Refused] = []
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not _left_by_tools(entry)]
            if len(entries) > self._limits.members:
                raise RefusedError("bomb_count", limit=self._limits.members)
            if not entries:
                raise RefusedError("empty")
            for entry in entries:
                path = f"{name}/{entry.filename}"
                try:
                    content = self._entry(archive, entry)
                except RefusedError as why:
                    found.append(why.named(path))
                    if why.code in {"bomb_size", "bomb_count"}:  # the bound is the archive's: nothing more
                        break
                except Exception as error:  # broken entry, unknown method: the others may be sound
                    found.append(refused(path, "corrupt", what=_short(error)))
                else:
                    found += self.of(content, path, depth + 1)
        return found

    def _entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
        if entry.flag_bits & 1:
            raise RefusedError("locked")
        most = self._limits.file_mb * MEGABYTE
        room = self._limits.unpacked_mb * MEGABYTE - self._bytes
        bound = max(MEGABYTE, entry.compress_size * self._limits.ratio)
        with archive.open(entry) as stream:
            content = stream.read(min(most, room, bound) + 1)
        if len(content) > bound:
            raise RefusedError("bomb_ratio", limit=self._limits.ratio)
        if len(content) > most:
            raise RefusedError("too_large", got=f"> {self._limits.file_mb}", limit=self._limits.file_mb)
        self._count(len(content))
        return content

    def _count(self, size: int) -> None:
        self._members += 1
        self._bytes += size
        if self._members > self._limits.members:
            raise RefusedError("bomb_count", limit=self._limits.members)
        if self._bytes > self._limits.unpacked_mb * MEGABYTE:
            raise RefusedError("bomb_size", limit=self._limits.unpacked_mb)


def _left_by_tools(entry: zipfile.ZipInfo) -> bool:
    return entry.is_dir() or entry.filename.startswith(SKIPPED) or entry.filename.endswith(SKIPPED[1:])


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__
