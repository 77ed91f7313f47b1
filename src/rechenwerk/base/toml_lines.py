"""Where something stands in a TOML text: tomllib tells values, not lines."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*((?:[\w.-]|"[^"]*"|'[^']*')+)\s*=(.*)""")
_INNER = re.compile(r"""[{,]\s*["']?([\w-]+)["']?\s*=""")

Path = tuple[str | int, ...]
"""Such as ``("deployment", 0, "cost", "input")``: names of tables and keys, positions of ``[[tables]]``."""


def lines_of(text: str) -> Mapping[Path, int]:
    """The 1-based line of every table and key, keys of inline tables included.

    It reads line by line and knows nothing of strings over several lines: good enough to point with,
    never used to read values.
    """
    found: dict[Path, int] = {}
    counts: dict[tuple[str, ...], int] = {}
    base: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            names = _parts(header[2])
            if header[1] == "[[":
                counts[names] = counts.get(names, -1) + 1
            base = ()
            for depth, name in enumerate(names, 1):
                base += (name,)
                found.setdefault(base, number)
                if names[:depth] in counts:
                    base += (counts[names[:depth]],)
            found.setdefault(base, number)
        elif key := _KEY.match(line):
            path = base + _parts(key[1])
            found.setdefault(path, number)
            for inner in _INNER.finditer(key[2]):
                found.setdefault((*path, inner[1]), number)
    return found


def line_at(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a path, else of what it is part of; 0 when nothing is known."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))
