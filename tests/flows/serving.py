"""`rechenwerk serve` as a process of its own, until a block ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = (str(ROOT / ".venv" / "bin" / "rechenwerk"),)


def free_ports() -> tuple[int, int]:
    """Two ports that nobody uses now."""
    with closing(socket.socket()) as one, closing(socket.socket()) as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def arguments(folder: Path, *more: str) -> list[str]:
    port, office = free_ports()
    return [
        *COMMAND,
        "serve",
        "--data-dir",
        str(folder),
        "--port",
        str(port),
        "--office-port",
        str(office),
        *more,
    ]


@contextmanager
def serving(
    command: list[str], **environment: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """Run `serve --json` until the block ends; yields the process and its ready line."""
    process = subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        yield process, json.loads(line)
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()
