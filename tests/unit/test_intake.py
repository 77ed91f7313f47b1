"""Kinds by content, unpacking within bounds, and a reason for everything that is not read."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from rechenwerk.documents.intake.encodings import decode
from rechenwerk.documents.intake.kinds import FOREIGN, READ, delimiter_of, kind_of
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import REASONS, Refused
from rechenwerk.documents.intake.unpacking import Member, unpack
from tests.unit import document_files as files

PDF = files.pdf([(20, 20, "Rechnung")])
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
KINDS: tuple[tuple[str, Callable[[], bytes], str], ...] = (
    ("a PDF", lambda: PDF, "pdf"),
    ("a PDF after rubbish", lambda: b"\r\n\r\n" + PDF, "pdf"),
    ("DOCX", files.word, "docx"),
    ("XLSX", files.workbook, "xlsx"),
    ("PPTX", files.slides, "pptx"),
    ("ODT", files.open_text, "odt"),
    ("a ZIP", lambda: files.zipped({"a.txt": b"Hallo"}), "zip"),
    ("a ZIP without end", lambda: files.zipped({"a.txt": b"Hallo"})[:40], "zip"),
    ("HTML", lambda: b"<!-- x --><!DOCTYPE html><html><body>Hallo", "html"),
    (
        "XHTML",
        lambda: b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><p>x</p></html>',
        "html",
    ),
    ("an e-invoice", files.CII.encode, "xml"),
    ("XML in UTF-16", lambda: "<?xml version='1.0' encoding='UTF-16'?><a>ü</a>".encode("utf-16"), "xml"),
    ("a mail", lambda: files.mail("Guten Tag"), "eml"),
    ("text", lambda: b"Guten Tag,\nanbei die Rechnung.\nDanke", "txt"),
    ("text with colons", lambda: b"Name: Meier\nOrt: Bonn\n\nHallo", "txt"),
    ("Windows-1252", lambda: "Größe: 5\nPreis: 3 €\n".encode("cp1252"), "txt"),
    ("UTF-16 without a mark", lambda: "Guten Tag, lieber Leser".encode("utf-16-le"), "txt"),
    ("CSV", lambda: b"a;b;c\n1;2;3\n4;5;6\n", "csv"),
    ("prose with commas", lambda: b"Ja, gut.\nNein, nicht gut.\nDoch, sehr.\n", "txt"),
    ("PNG", lambda: files.picture(PDF, 40), "image"),
    ("JPEG", lambda: files.picture(PDF, 40, "JPEG"), "image"),
    ("TIFF", lambda: files.picture(PDF, 40, "TIFF"), "image"),
    ("WebP", lambda: files.picture(PDF, 40, "WEBP"), "image"),
    ("GIF", lambda: files.picture(PDF, 40, "GIF"), "picture"),
    ("nothing", lambda: b"", "empty"),
    ("spaces", lambda: b" \r\n \t", "empty"),
    ("a program", lambda: b"MZ\x90\0" + b"\0" * 100, "program"),
    ("RTF", lambda: rb"{\rtf1 Hallo}", "rtf"),
    ("Word 97", lambda: OLE + "WordDocument".encode("utf-16-le"), "doc"),
    ("Excel 97", lambda: OLE + "Workbook".encode("utf-16-le"), "xls"),
    ("Outlook", lambda: OLE + "__substg1.0_0037001F".encode("utf-16-le"), "msg"),
    ("a locked DOCX", lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "locked"),
    ("XLSB", lambda: files.zipped({"[Content_Types].xml": b"", "xl/workbook.bin": b""}), "xlsb"),
    ("ODS", lambda: files.zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "ods"),
    ("gzip", lambda: gzip.compress(b"Hallo"), "archive"),
    ("random bytes", lambda: bytes(range(256)) * 8, "unknown"),
)


@pytest.mark.parametrize(("make", "kind"), [one[1:] for one in KINDS], ids=[one[0] for one in KINDS])
def test_content_tells_the_kind_whatever_the_name_says(make: Callable[[], bytes], kind: str) -> None:
    assert kind_of(make(), "rechnung.docx") == kind


def test_a_name_only_decides_between_text_and_csv() -> None:
    data = b"Name,Ort\nMeier,Bonn\n"
    assert kind_of(data, "liste.csv") == "csv"
    assert kind_of(data, "brief.txt") == "txt"


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("a;b\n1;2\n3;4\n", ";"),
        ("a\tb\n1\t2\n3\t4\n", "\t"),
        ('a,b,c\n"x, y",2,3\n4,5,6\n', ","),
        ("1,5;2,5\n2,5;3,5\n3,5;4,5\n", ";"),
        ("nur eine Zeile; nicht mehr", ""),
    ],
)
def test_separators_of_csv(text: str, sign: str) -> None:
    assert delimiter_of(text) == sign


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp850", "mac_roman"],
)
def test_encodings_of_german_text(encoding: str) -> None:
    text = "Größe, Maß, Öl: für zwölf Straßen.\nÜbermäßig schön\n"
    found = decode(text.replace("\n", "\r\n").encode(encoding))
    assert found is not None
    assert found[0].lstrip("\ufeff") == text


def test_utf8_survives_one_broken_byte() -> None:
    found = decode("Straße für Straße, Größe über Größe".encode() + b"\xff")
    assert found is not None
    assert found[0].startswith("Straße für Straße")


def test_archives_and_mails_become_their_members() -> None:
    inner = files.zipped({"b.txt": b"Hallo Welt"})
    letter = files.mail("Guten Tag", {"rechnung.pdf": PDF, "inner.zip": inner})
    found = unpack(files.zipped({"post/mail.eml": letter, "__MACOSX/x": b"x", "leer.txt": b""}), "alles.zip")
    assert [(one.name, one.kind if isinstance(one, Member) else one.code) for one in found] == [
        ("alles.zip/post/mail.eml", "eml"),
        ("alles.zip/post/mail.eml/rechnung.pdf", "pdf"),
        ("alles.zip/post/mail.eml/inner.zip/b.txt", "txt"),
        ("alles.zip/leer.txt", "empty"),
    ]


def test_a_mail_in_a_mail_and_two_attachments_of_one_name() -> None:
    inner = files.mail("innen", {"a.txt": b"eins zwei", "b.txt": b"x y"})
    outer = files.mail("außen", {"a.txt": b"drei vier"})
    together = files.zipped({"1.eml": outer.replace(b"a.txt", b"n.txt"), "2.eml": inner})
    names = [one.name for one in unpack(together, "z")]
    assert names == ["z/1.eml", "z/1.eml/n.txt", "z/2.eml", "z/2.eml/a.txt", "z/2.eml/b.txt"]


def refusal(data: bytes, name: str = "datei", limits: Limits | None = None) -> Refused:
    (found,) = unpack(data, name, limits)
    assert isinstance(found, Refused)
    return found


def nested(levels: int) -> bytes:
    data = files.zipped({"a.txt": b"tief unten"})
    for _ in range(levels):
        data = files.zipped({"a.zip": data})
    return data


def overstated() -> bytes:
    """A ZIP whose directory claims a size of a gigabyte for an entry of a few bytes."""
    data = bytearray(files.zipped({"a.txt": b"x" * 50}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 1 << 30)
    return bytes(data)


def locked_zip() -> bytes:
    data = bytearray(files.zipped({"a.txt": b"geheim"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    return bytes(data)


def many(entries: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(entries):
            archive.writestr(f"{number}", b"x")
    return out.getvalue()


SMALL = Limits(file_mb=3, unpacked_mb=4, members=20)
REFUSED: tuple[tuple[str, Callable[[], bytes], str], ...] = (
    ("empty", lambda: b"", "empty"),
    ("an empty archive", lambda: files.zipped({}), "empty"),
    ("too large", lambda: b"a" * 3_000_001, "too_large"),
    ("unknown", lambda: bytes(range(256)) * 8, "unknown_kind"),
    ("Word 97", lambda: OLE + "WordDocument".encode("utf-16-le"), "foreign_kind"),
    ("locked OOXML", lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "locked"),
    ("a locked entry", locked_zip, "locked"),
    ("a program", lambda: b"\x7fELF" + b"\0" * 100, "program"),
    ("cut off", lambda: files.zipped({"a.txt": b"Hallo" * 100})[:80], "corrupt"),
    ("a bomb", lambda: files.zipped({"a.txt": b"a" * 2_900_000}), "bomb_ratio"),
    ("too many", lambda: many(21), "bomb_count"),
    ("too deep", lambda: nested(3), "bomb_depth"),
)


@pytest.mark.parametrize(("make", "code"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_is_refused_has_a_reason_in_two_languages(make: Callable[[], bytes], code: str) -> None:
    found = refusal(make(), "datei", SMALL)
    assert found.code == code
    assert "\n" not in found.german + found.english
    assert found.german != found.english
    assert "{" not in found.german + found.english


def test_an_archive_that_lies_about_sizes_is_read_by_what_comes_out() -> None:
    (found,) = unpack(overstated(), "a.zip")
    assert isinstance(found, Member)
    assert found.data == b"x" * 50


def test_all_members_together_are_bounded() -> None:
    noise = bytes(range(256)) * 6000
    parts = files.zipped({f"{n}.bin": bytes([n]) + noise for n in range(4)}, zipfile.ZIP_STORED)
    found = unpack(parts, "a.zip", Limits(file_mb=100, unpacked_mb=4))
    assert [one.code for one in found if isinstance(one, Refused)] == [
        "unknown_kind",
        "unknown_kind",
        "bomb_size",
    ]


def test_one_broken_entry_leaves_the_others() -> None:
    data = bytearray(files.zipped({"a.txt": b"erste Datei " * 9, "b.txt": b"zweite Datei"}))
    at = data.index(b"a.txt") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    found = unpack(bytes(data), "z")
    assert [getattr(one, "code", "read") for one in found] == ["corrupt", "read"]


def test_the_deepest_level_that_is_allowed_is_read() -> None:
    (found,) = unpack(nested(2), "z")
    assert isinstance(found, Member)
    assert found.data == b"tief unten"


def test_every_kind_is_read_unpacked_or_refused_with_words() -> None:
    assert not READ & set(FOREIGN)
    for german, english in REASONS.values():
        assert german.endswith(".")
        assert english.endswith(".")
