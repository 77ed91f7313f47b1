"""Why a file is not read: a code for programs, one line in German and in English for people."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from rechenwerk.base.errors import UnreadableError

REASONS = MappingProxyType(
    {
        "empty": ("Die Datei ist leer.", "The file is empty."),
        "too_large": (
            "Die Datei hat {got} MB, erlaubt sind {limit} MB; teilen Sie sie auf.",
            "The file has {got} MB, {limit} MB are allowed; split it.",
        ),
        "unknown_kind": (
            "Der Inhalt ist kein lesbares Format; wandeln Sie die Datei in PDF um.",
            "The content is in no format that is read here; convert the file to PDF.",
        ),
        "foreign_kind": (
            "{what} wird nicht gelesen; speichern Sie die Datei als {better}.",
            "{what} is not read here; save the file as {better}.",
        ),
        "program": (
            "Die Datei ist ein Programm und wird nicht gelesen.",
            "The file is a program and is not read.",
        ),
        "locked": (
            "Die Datei ist mit einem Kennwort geschützt; entfernen Sie es.",
            "The file is protected by a password; remove it.",
        ),
        "corrupt": (
            "Die Datei ist beschädigt ({what}); senden Sie sie neu.",
            "The file is damaged ({what}); send it again.",
        ),
        "bomb_ratio": (
            "Ein Eintrag wird beim Entpacken mehr als {limit}-mal so groß; das Archiv wird nicht gelesen.",
            "An entry grows more than {limit} times when unpacked; the archive is not read.",
        ),
        "bomb_size": (
            "Entpackt ist das Archiv größer als {limit} MB; teilen Sie es auf.",
            "Unpacked, the archive is larger than {limit} MB; split it.",
        ),
        "bomb_count": (
            "Das Archiv hat mehr als {limit} Einträge; teilen Sie es auf.",
            "The archive has more than {limit} entries; split it.",
        ),
        "bomb_depth": (
            "Archive sind tiefer als {limit}-mal ineinander verpackt.",
            "Archives are nested more than {limit} levels deep.",
        ),
        "xml_entities": (
            "Das XML erklärt eigene Entitäten und wird deshalb nicht gelesen.",
            "The XML declares entities of its own and is therefore not read.",
        ),
        "too_slow": (
            "Das Lesen dauerte länger als {limit} s; wandeln Sie die Datei in ein einfaches PDF um.",
            "Reading took longer than {limit} s; convert the file to a plain PDF.",
        ),
        "died": (
            "Das Leseprogramm scheiterte an der Datei ({what}); wandeln Sie sie in ein einfaches PDF um.",
            "The reader failed on the file ({what}); convert it to a plain PDF.",
        ),
        "memory": (
            "Die Datei braucht mehr als {limit} MB Arbeitsspeicher; teilen Sie sie auf.",
            "The file needs more than {limit} MB of memory; split it.",
        ),
        "pixels": (
            "Das Bild hat {got} Pixel, erlaubt sind {limit} Millionen; verkleinern Sie es.",
            "The picture has {got} pixels, {limit} million are allowed; make it smaller.",
        ),
        "no_picture": (
            "Von diesem Format gibt es kein Seitenbild.",
            "There is no picture of a page of this format.",
        ),
        "no_page": (
            "Die Seite {page} gibt es nicht.",
            "There is no page {page}.",
        ),
    }
)
"""Code -> German, English."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """A file that is not read.

    Args:
        name: of the file; inside an archive its path, 'archive.zip/folder/a.pdf'.
        code: a key of REASONS.
        german, english: the reason, one line.
    """

    name: str
    code: str
    german: str
    english: str


def refused(name: str, code: str, **values: object) -> Refused:
    """A refusal with its reason filled in."""
    german, english = REASONS[code]
    return Refused(name, code, german.format(**values), english.format(**values))


class RefusedError(Exception):
    """Inside a reader: this file is not read; the edge turns it into a value or an UnreadableError."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(REASONS[code][1].format(**values))
        self.code = code
        self.values = values

    def named(self, name: str) -> Refused:
        """The refusal of the file with this name."""
        return refused(name, self.code, **self.values)


def unreadable(why: Refused) -> UnreadableError:
    """The error that carries a refusal."""
    return UnreadableError(why.english, code=why.code, german=why.german)
