"""The file of an archived month: the rows of its sealed days, proved without a database.

Lines of JSON, compressed with gzip: a head, then for every day its signed statement and as many rows as that
counts, byte by byte as they were sealed. A row's hash, and the root of its day over all of them, are those of
RFC 9162 (`base.merkle`); the statement names the root.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.ids import decode_call
from rechenwerk.base.merkle import leaf_hash, path, root

FORMAT = "rechenwerk-archive-1"


class Day(msgspec.Struct, frozen=True):
    """A sealed day: what was signed, and its rows in the order of its tree."""

    statement: str
    signature: str
    key: str
    leaves: tuple[str, ...]

    @property
    def said(self) -> dict[str, str]:
        """What the statement says."""
        found: dict[str, str] = json.loads(self.statement)
        return found


class Summed(msgspec.Struct, frozen=True):
    """What an archived month came to.

    Attributes:
        calls: of these rows; the others are vouchers and fees.
        moved: by all transfers, nano-units.
        statements: of its days, by number.
    """

    days: int
    leaves: int
    calls: int
    moved: int
    statements: dict[int, str]


def head_of(file: Path) -> dict[str, Any]:
    """The first line.

    Raises:
        RechenwerkError: it is no archive.
    """
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
            return _head(lines, file)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise RechenwerkError(f"{file} cannot be read: {error}; archive the month again") from None


def _head(lines: IO[str], file: Path) -> dict[str, Any]:
    try:
        head = json.loads(lines.readline())
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise RechenwerkError(f"{file} is no archive of a month; name one that `books archive` wrote")
    return head


def days_of(file: Path) -> Iterator[Day]:
    """Every day of an archive, one at a time, as it is written there.

    Raises:
        RechenwerkError: it is no archive, or it is cut off.
    """
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
            head = _head(lines, file)
            for _ in range(int(head["days"])):
                line = lines.readline()
                found = json.loads(line)
                count = int(json.loads(found["statement"])["count"])
                leaves = tuple([lines.readline().removesuffix("\n") for _ in range(count)])
                yield Day(found["statement"], found["signature"], found["key"], leaves)
            if lines.readline():
                raise RechenwerkError(f"{file} has more rows than its days count; archive the month again")
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise RechenwerkError(f"{file} cannot be read: {error}; archive the month again") from None


def check(file: Path) -> Summed:
    """Compute every day's root from its rows, and what they moved.

    Raises:
        RechenwerkError: a day is not what was sealed; the line says which.
    """
    leaves = calls = moved = 0
    statements: dict[int, str] = {}
    before = None
    for day in days_of(file):
        said = day.said
        if root([leaf_hash(leaf.encode()) for leaf in day.leaves]).hex() != said["root"]:
            raise RechenwerkError(
                f"{file}: the rows of {said['day']} are not those that were sealed;"
                " `rechenwerk books verify` says which"
            )
        if before is not None and said["previous"] != before:
            raise RechenwerkError(f"{file}: {said['day']} does not name the day before it")
        before = hashlib.sha256(day.statement.encode()).hexdigest()
        rows = [json.loads(leaf) for leaf in day.leaves]
        came = sum(int(line["amount"]) for row in rows for line in row["transfers"])
        if came != int(said["sum"]):
            raise RechenwerkError(f"{file}: {said['day']} moved {came}, and its statement says {said['sum']}")
        leaves, moved = leaves + len(rows), moved + came
        calls += sum(row["type"] == "call" for row in rows)
        statements[int(said["number"])] = day.statement
    return Summed(len(statements), leaves, calls, moved, statements)


def prove(file: Path, subject: str) -> dict[str, Any] | None:
    """The proof that a call, voucher or fee is in a day of the archive, as the office gives it.

    None: it is not in there.

    Raises:
        RechenwerkError: the archive cannot be read, or the subject is none.
    """
    number = _number(subject)
    publics = {key["id"]: key["public"] for key in head_of(file)["keys"]}
    mark = f'"id":"{number}"'
    for day in days_of(file):
        for at, leaf in enumerate(day.leaves):
            if mark in leaf and json.loads(leaf)["id"] == str(number):
                beside = path([leaf_hash(one.encode()) for one in day.leaves], at)
                return {
                    "format": "rechenwerk-proof-1",
                    "subject": subject,
                    "leaf": leaf,
                    "index": at,
                    "path": [one.hex() for one in beside],
                    "statement": day.statement,
                    "signature": day.signature,
                    "public": publics.get(day.key, ""),
                }
    return None


def _number(subject: str) -> int:
    try:
        return int(subject) if subject.startswith("-") else decode_call(subject)
    except ValueError:
        raise RechenwerkError(f"{subject!r} is neither a call nor a voucher's number below zero") from None
