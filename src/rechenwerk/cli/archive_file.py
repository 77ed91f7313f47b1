"""The file of an archived month: the rows of its sealed days, proved without a database.

Lines of JSON, compressed with gzip: a head, then for every day its signed statement and as many rows as that
counts, byte by byte as they were sealed, then proofs of rows that were sealed with a day of another month.
A row's hash, and the root of its day over all of them, are those of RFC 9162 (`base.merkle`); the statement
names the root.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.ids import decode_call
from rechenwerk.base.merkle import climbed, leaf_hash, path, root

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


class Summed(msgspec.Struct):
    """What an archived month came to.

    Attributes:
        days: that are sealed in it.
        rows: of these days, and of others as far as they belong to the month.
        calls: that began in the month.
        accounts: kind -> debit and credit in the month, nano-units.
        statements: of all days that rows are sealed with, by number.
    """

    days: int = 0
    rows: int = 0
    calls: int = 0
    accounts: dict[str, list[int]] = msgspec.field(default_factory=dict)
    statements: dict[int, str] = msgspec.field(default_factory=dict)

    def add(self, row: dict[str, Any], month: tuple[int, int]) -> None:
        """A row, as far as it belongs to the month: a call when it began, a voucher what it is for."""
        self.rows += 1
        at = int(row.get("started_at") or row.get("at") or row["booked_at"])
        if not month[0] <= at < month[1]:
            return
        self.calls += row["type"] == "call"
        for line in row["transfers"]:
            for side, place in (("debit", 0), ("credit", 1)):
                self.accounts.setdefault(line[side][0], [0, 0])[place] += int(line["amount"])


def month_of(period: str) -> tuple[int, int]:
    """First and end of a month such as 2026-03, in microseconds since 1970 (UTC)."""
    year, month = int(period[:4]), int(period[5:7])
    first = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * 10**6, int(end.timestamp()) * 10**6


def _head(lines: IO[str], file: Path) -> dict[str, Any]:
    try:
        head = json.loads(lines.readline())
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise RechenwerkError(f"{file} is no archive of a month; name one that `books archive` wrote")
    return head


class Archive:
    """An archive that is read once, from its beginning to its end.

    Args:
        file: its rows.
        lines: of it, after the head.
        head: what it says first.
    """

    def __init__(self, file: Path, lines: IO[str], head: dict[str, Any]) -> None:
        self._file = file
        self._lines = lines
        self.head = head

    def days(self) -> Iterator[Day]:
        """Every day, one at a time."""
        for _ in range(int(self.head["days"])):
            found = json.loads(self._lines.readline())
            count = int(json.loads(found["statement"])["count"])
            leaves = tuple([self._lines.readline().removesuffix("\n") for _ in range(count)])
            yield Day(found["statement"], found["signature"], found["key"], leaves)

    def late(self) -> Iterator[dict[str, Any]]:
        """After the days: proofs of rows that are sealed with another month's."""
        for _ in range(int(self.head["late"])):
            yield json.loads(self._lines.readline())
        if self._lines.readline():
            raise RechenwerkError(f"{self._file} has more rows than it counts; archive the month again")


@contextmanager
def reading(file: Path) -> Iterator[Archive]:
    """Open an archive.

    Raises:
        RechenwerkError: it is no archive, or it is cut off.
    """
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
            yield Archive(file, lines, _head(lines, file))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise RechenwerkError(f"{file} cannot be read: {error}; archive the month again") from None


def check(file: Path) -> Summed:
    """Compute every day's root from its rows, and what the month's rows moved.

    Raises:
        RechenwerkError: a day is not what was sealed; the line says which.
    """
    summed = Summed()
    with reading(file) as archive:
        month = month_of(archive.head["period"])
        before = None
        for day in archive.days():
            said = day.said
            if root([leaf_hash(leaf.encode()) for leaf in day.leaves]).hex() != said["root"]:
                raise RechenwerkError(
                    f"{file}: the rows of {said['day']} are not those that were sealed;"
                    " `rechenwerk books verify` says which"
                )
            if before is not None and said["previous"] != before:
                raise RechenwerkError(f"{file}: {said['day']} does not name the day before it")
            before = hashlib.sha256(day.statement.encode()).hexdigest()
            for leaf in day.leaves:
                summed.add(json.loads(leaf), month)
            summed.days += 1
            summed.statements[int(said["number"])] = day.statement
        for proof in archive.late():
            said = json.loads(proof["statement"])
            beside = [bytes.fromhex(one) for one in proof["path"]]
            hashed = leaf_hash(proof["leaf"].encode())
            top = climbed(hashed, int(proof["index"]), int(said["count"]), beside)
            if top is None or top.hex() != said["root"]:
                raise RechenwerkError(f"{file}: {proof['subject']} is not what was sealed on {said['day']}")
            summed.add(json.loads(proof["leaf"]), month)
            summed.statements[int(said["number"])] = proof["statement"]
    return summed


def prove(file: Path, subject: str) -> dict[str, Any] | None:
    """The proof that a call, voucher or fee is in an archive, as the office gives it; None: it is not there.

    Raises:
        RechenwerkError: the archive cannot be read, or the subject is none.
    """
    number = _number(subject)
    mark = f'"id":"{number}"'
    with reading(file) as archive:
        publics = {key["id"]: key["public"] for key in archive.head["keys"]}
        for day in archive.days():
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
        return next((one for one in archive.late() if one["subject"] == subject), None)


def _number(subject: str) -> int:
    try:
        return int(subject) if subject.startswith("-") else decode_call(subject)
    except ValueError:
        raise RechenwerkError(f"{subject!r} is neither a call nor a voucher's number below zero") from None
