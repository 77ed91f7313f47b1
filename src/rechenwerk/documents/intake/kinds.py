"""The kind of a file by its content; its name only decides between kinds that look the same."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from types import MappingProxyType

from rechenwerk.documents.intake.encodings import decode

READ = frozenset({"pdf", "docx", "xlsx", "pptx", "odt", "html", "eml", "txt", "csv", "xml", "image"})
"""Kinds that a reader exists for; 'zip' is unpacked, everything else refused."""

FOREIGN = MappingProxyType(
    {
        "doc": ("Word 97-2003", "DOCX"),
        "xls": ("Excel 97-2003", "XLSX"),
        "xlsb": ("Excel binary (XLSB)", "XLSX"),
        "ppt": ("PowerPoint 97-2003", "PPTX"),
        "msg": ("Outlook MSG", "EML"),
        "rtf": ("RTF", "DOCX"),
        "ods": ("OpenDocument (ODS)", "XLSX"),
        "odp": ("OpenDocument (ODP)", "PPTX"),
        "archive": ("7z/RAR/GZ/TAR", "ZIP"),
        "picture": ("GIF/BMP/HEIC", "PNG"),
        "postscript": ("PostScript", "PDF"),
    }
)
"""Kinds that are known and not read: what they are, and what to save them as."""

MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"II*\0", "image"),
    (b"MM\0*", "image"),
    (b"II+\0", "image"),
    (b"MM\0+", "image"),
    (b"{\\rtf", "rtf"),
    (b"%!PS", "postscript"),
    (b"GIF8", "picture"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\0", "archive"),
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLE_STREAMS = (
    ("EncryptedPackage", "locked"),
    ("WordDocument", "doc"),
    ("Workbook", "xls"),
    ("PowerPoint Document", "ppt"),
    ("__substg1.0_", "msg"),
)
HEAD = 65_536
LARGEST_DIRECTORY = 4_000_000
HTML = re.compile(
    r"\s*(<!doctype\s+html|<html|<head|<body|<table|<div|<p[\s>]|<h1)",
    re.IGNORECASE | re.DOTALL,
)
XML = re.compile(r"\s*(<\?xml\b|<[A-Za-z_][\w.-]*(:[\w.-]+)?[\s/>])")
ROOT = re.compile(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]?(.*)")
MAIL = frozenset(
    [
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "received",
        "message-id",
        "mime-version",
        "return-path",
        "content-type",
        "delivered-to",
    ]
)


def kind_of(data: bytes, name: str = "") -> str:
    """What a file is: one of READ, 'zip', 'empty', 'locked', 'program', a key of FOREIGN, or 'unknown'.

    Args:
        data: the whole file.
        name: decides only between CSV and text.
    """
    head = data[:HEAD]
    if not head.strip(b"\0 \t\r\n\x0c"):
        return "empty" if len(data) <= HEAD else "unknown"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zipped(data)
    if head.startswith(OLE):
        return _ole(data)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image"
    if (head[:2] == b"BM" and b"\0" in head[2:14]) or head[4:12] in {b"ftypheic", b"ftypmif1", b"ftypheix"}:
        return "picture"
    if head[257:262] == b"ustar":
        return "archive"
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    return _text(data, name)


def _zipped(data: bytes) -> str:
    """What a ZIP is: an office document by its parts, else 'zip' (also when its directory is broken)."""
    if directory_bytes(data) > LARGEST_DIRECTORY:
        return "zip"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                return _odf(archive.read("mimetype"))
    except Exception:  # a broken or hostile archive: whoever unpacks it says what is wrong
        return "zip"
    known = set(names)
    if "[Content_Types].xml" in known or "_rels/.rels" in known:
        if "xl/workbook.bin" in known:
            return "xlsb"
        for part, kind in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
            if any(one.startswith(part) for one in names):
                return kind
    return "zip"


def directory_bytes(data: bytes) -> int:
    """How large the directory of a ZIP says to be; whoever opens the archive keeps some ten times as much."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_600))
    size = int.from_bytes(data[at + 12 : at + 16], "little") if at >= 0 else 0
    if size == 0xFFFF_FFFF:
        at = data.rfind(b"PK\x06\x06")
        size = int.from_bytes(data[at + 40 : at + 48], "little") if at >= 0 else size
    return size


def _odf(mimetype: bytes) -> str:
    said = mimetype.strip().decode("ascii", errors="replace")
    for end, kind in (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp")):
        if said.startswith(f"application/vnd.oasis.opendocument.{end}"):
            return kind
    return "zip"


def _ole(data: bytes) -> str:
    for stream, kind in OLE_STREAMS:
        if stream.encode("utf-16-le") in data:
            return kind
    return "unknown"


def _text(data: bytes, name: str) -> str:
    found = decode(data[:HEAD] if len(data) > HEAD else data)
    if found is None:
        return "unknown"
    text = _after_comments(found[0].lstrip("\ufeff"))
    if HTML.match(text):
        return "html"
    if XML.match(text):
        root = ROOT.search(text)
        if root:
            return "html" if root[1].lower() == "html" else "xml"
    if _is_mail(text):
        return "eml"
    return "csv" if delimiter_of(text, certain=name.lower().endswith((".csv", ".tsv"))) else "txt"


def _after_comments(text: str) -> str:
    """What follows comments at the beginning."""
    while (text := text.lstrip()).startswith("<!--"):
        _, end, rest = text.partition("-->")
        if not end:
            break
        text = rest
    return text


def _is_mail(text: str) -> bool:
    """Whether it begins with the header fields of a mail: three known ones before the first empty line."""
    names = set()
    for at, line in enumerate(text.split("\n")):
        field = FIELD.match(line)
        if field:
            names.add(field[1].lower())
        elif not line.startswith((" ", "\t")) and not (at == 0 and line.startswith("From ")):
            break
    return len(names & MAIL) >= 3


def delimiter_of(text: str, *, certain: bool = False) -> str:
    """What separates the values of a CSV; '' where it is none.

    A text is a CSV when at least three rows (two if it is said to be one) have the same number of columns,
    at least two, by the same separator; commas need three columns, because prose has commas too.
    """
    lines = [line for line in text.split("\n")[:200] if line.strip()]
    lines = lines[:-1] if len(lines) >= 100 else lines  # the last may be cut
    if len(lines) < (2 if certain else 3):
        return ""
    best, columns = "", 1
    for sign in (";", "\t", "|", ","):
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count)
        least = 2 if certain or sign != "," else 3
        better = usual > columns and (sign != "," or not best)  # commas may be decimal ones within values
        if better and usual >= least and widths.count(usual) >= len(widths) * 0.9:
            best, columns = sign, usual
    return best
