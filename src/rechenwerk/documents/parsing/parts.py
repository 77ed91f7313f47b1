"""The parts of office documents: a ZIP whose entries are XML, read within bounds and without entities."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import PurePosixPath

from lxml import etree

from rechenwerk.documents.intake.kinds import LARGEST_DIRECTORY, directory_bytes
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow

MEGABYTE = 1_000_000
MOST_ENTRIES = 20_000
MACROS = ("vbaProject.bin", "Basic/", "Scripts/")
RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"


def xml(data: bytes) -> etree._Element:
    """The root of an XML document.

    Raises:
        RefusedError: it is none, or it declares entities (which can make a small file huge).
    """
    head = data[:4096] if data[:2] not in {b"\xff\xfe", b"\xfe\xff"} else data[:8192].replace(b"\0", b"")
    if b"<!ENTITY" in head or b"<!ENTITY" in data:
        raise RefusedError("xml_entities")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RefusedError("corrupt", what=" ".join(str(error).split())[:80]) from error
    if root is None:
        raise RefusedError("corrupt", what="empty XML")
    return root


def local(element: etree._Element) -> str:
    """The name of an element without its namespace; '' of comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


class Parts:
    """An office document as parts."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        self._read = 0
        if directory_bytes(data) > LARGEST_DIRECTORY:
            raise RefusedError("bomb_count", limit=MOST_ENTRIES)
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise RefusedError("corrupt", what=str(error)[:80]) from error
        self.names = frozenset(self._archive.namelist())
        if len(self.names) > MOST_ENTRIES:
            raise RefusedError("bomb_count", limit=MOST_ENTRIES)

    def bytes_of(self, name: str) -> bytes:
        """A part as it is."""
        try:
            entry = self._archive.getinfo(name)
        except KeyError as error:
            raise RefusedError("corrupt", what=f"{name} is missing") from error
        if entry.flag_bits & 1:
            raise RefusedError("locked")
        room = self._limits.unpacked_mb * MEGABYTE - self._read
        bound = max(5 * MEGABYTE, entry.compress_size * self._limits.ratio)
        try:
            with self._archive.open(entry) as stream:
                content = stream.read(min(room, bound) + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise RefusedError("corrupt", what=" ".join(str(error).split())[:80]) from error
        if len(content) > bound:
            raise RefusedError("bomb_ratio", limit=self._limits.ratio)
        self._read += len(content)
        if self._read > self._limits.unpacked_mb * MEGABYTE:
            raise RefusedError("bomb_size", limit=self._limits.unpacked_mb)
        return content

    def xml_of(self, name: str) -> etree._Element:
        """A part as XML."""
        return xml(self.bytes_of(name))

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Of a part: id -> (type, name of the part that is meant); what is outside the file is left out."""
        path = PurePosixPath(name)
        about = f"{path.parent}/_rels/{path.name}.rels".removeprefix("./")
        if about not in self.names:
            return {}
        found = {}
        for one in self.xml_of(about).iter(f"{RELATIONS}Relationship"):
            target = one.get("Target") or ""
            if one.get("TargetMode") == "External" or not target:
                continue
            kind = (one.get("Type") or "").rpartition("/")[2]
            found[one.get("Id") or ""] = (kind, _joined(path.parent, target))
        return found

    def main(self, usual: str) -> str:
        """The name of the part that an OOXML document begins with."""
        return next(
            (
                name
                for kind, name in self.relations("").values()
                if kind == "officeDocument" and name in self.names
            ),
            usual,
        )

    def has_macros(self) -> bool:
        """Whether programs are inside; they are never run, and nothing of them is read."""
        return any(mark in name for name in self.names for mark in MACROS)

    def properties(self) -> dict[str, str]:
        """What an OOXML document says of itself."""
        found: dict[str, str] = {}
        wanted = {"title": "title", "creator": "author", "subject": "subject", "created": "date"}
        if "docProps/core.xml" not in self.names:
            return found
        try:
            root = self.xml_of("docProps/core.xml")
        except RefusedError:
            return found
        for child in root:
            name = wanted.get(local(child))
            if name and child.text:
                found[name] = child.text[:10] if name == "date" else child.text
        return found


def opened(data: bytes, limits: Limits) -> tuple[Parts, Flow]:
    """An office document, and its text that begins: with properties, and a word where macros are inside."""
    parts, flow = Parts(data, limits), Flow(limits)
    flow.properties = parts.properties()
    if parts.has_macros():
        flow.faults.append("contains macros: they were neither run nor read")
    return parts, flow


def _joined(folder: PurePosixPath, target: str) -> str:
    if target.startswith("/"):
        return target.lstrip("/")
    parts: list[str] = []
    for part in (folder / target).parts:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
