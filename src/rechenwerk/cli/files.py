"""Files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rechenwerk.base.errors import RechenwerkError


@contextmanager
def beside(output: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `output` at the end, or is gone.

    Raises:
        OSError: it cannot be written; what was there before is as it was.
    """
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole(output: Path) -> Iterator[BinaryIO]:
    """The same, for who has nothing to add to why it cannot be written. Raises RechenwerkError."""
    try:
        with beside(output) as out:
            yield out
    except OSError as error:
        raise RechenwerkError(f"cannot write {output}: {error.strerror or error}") from None


def write(output: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises RechenwerkError."""
    with whole(output) as out:
        out.write(data)
