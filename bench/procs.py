"""Starting programs so that each one is certainly ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from bench.machine import BenchError, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path


# Settings of the shell that would make a Python program slower than its users know it.
SLOWING = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG", "PYTHONTRACEMALLOC"})


def surroundings() -> dict[str, str]:
    """Our environment without what slows Python down and without settings of another installation."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in SLOWING and not name.startswith("RECHENWERK_")
    }


@dataclass(frozen=True)
class Program:
    """A started program and the files that its output goes to."""

    name: str
    popen: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def last_words(self) -> str:
        """The end of what it wrote, for a message."""
        text = self.out.read_bytes()[-1500:] + self.err.read_bytes()[-1500:]
        return text.decode(errors="replace").strip()[-1500:]


def start(
    name: str,
    command: Sequence[str],
    *,
    cores: Iterable[int],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Program:
    """Starts a program on the given cores, in a session of its own, with its output in the folder."""
    out, err = folder / f"{name}.out", folder / f"{name}.err"
    bound = ["taskset", "-c", ",".join(str(core) for core in sorted(set(cores))), *command]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        popen = subprocess.Popen(
            bound,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=folder,
            env={**surroundings(), **(environment or {})},
            start_new_session=True,
        )
    return Program(name, popen, out, err)


def stop(program: Program, *, patience: float = 10, also: Iterable[psutil.Process] = ()) -> list[str]:
    """Asks the program to end, then insists; returns what was still there."""
    if program.popen.poll() is not None:
        return []
    below = {*tree(program.pid)[1:], *also} - {psutil.Process(program.pid)}
    with contextlib.suppress(ProcessLookupError):
        os.kill(program.pid, signal.SIGCONT)
        program.popen.terminate()
    late = []
    try:
        program.popen.wait(patience)
    except subprocess.TimeoutExpired:
        late = [f"itself, still running after {patience:.0f} s"]
        below |= set(tree(program.pid)[1:])
        program.popen.kill()
        program.popen.wait()
    return late + insist(below)


def insist(processes: Iterable[psutil.Process]) -> list[str]:
    """Kills what does not end by itself within a moment; returns the names."""
    _, left = psutil.wait_procs(processes, timeout=0.5)
    names = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            names.append(process.name())
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return [f"{count} {name}" for name, count in Counter(names).most_common()]


def sweep(folder: Path) -> list[str]:
    """Ends what still works on a run's folder, such as a database whose starter crashed."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and any(str(folder) in part for part in process.cmdline()):
                found.append(process)
    return insist(found)


def wait_until(ready: Callable[[], bool], program: Program, *, limit: float, pause: float = 0.05) -> None:
    """Waits for a condition, not longer than the limit and not beyond the end of the program."""
    deadline = time.monotonic() + limit
    while not ready():
        if program.popen.poll() is not None:
            raise BenchError(f"{program.name} ended: {program.last_words()}")
        if time.monotonic() > deadline:
            raise BenchError(f"{program.name} is not ready after {limit:.0f} s: {program.last_words()}")
        time.sleep(pause)


def http_status(port: int, path: str, *, timeout: float = 2) -> int:
    """The status of one GET on a fresh loopback connection; 0 where nobody answers."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as link:
            link.sendall(request.encode())
            head = link.recv(32)
        return int(head.split()[1])
    except (OSError, IndexError, ValueError):
        return 0
