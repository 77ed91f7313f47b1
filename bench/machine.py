"""What the kernel knows about our processes: CPU time, memory, the core they run on."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from pathlib import Path

import psutil

TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A bench cannot be run or its figures would be worthless; the message says why."""


def stat_seconds(pid: int, *, with_children: bool = False) -> float:
    """CPU seconds of a process from /proc/PID/stat, with those of its children that have ended if asked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    last = 15 if with_children else 13
    return sum(int(value) for value in fields[11:last]) / TICKS


def tree(root: int) -> list[psutil.Process]:
    """The process and everything below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(root)
        return [top, *top.children(recursive=True)]
    return []


def tree_seconds(root: int, without: frozenset[int] = frozenset()) -> float:
    """CPU seconds of a process tree, ended children included; the trees under `without` are left out."""
    out = {process.pid for pid in without for process in tree(pid)}
    total = 0.0
    for process in tree(root):
        if process.pid not in out:
            with contextlib.suppress(OSError):
                total += stat_seconds(process.pid, with_children=True)
    return total


def rss_mb(root: int) -> float:
    """Resident memory of a process tree in units of 10^6 bytes."""
    total = 0
    for process in tree(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 1e6


def pin(pid: int, core: int) -> None:
    """Binds every thread of a process, and what it starts later, to one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(task.name), {core})


def core_seconds(core: int) -> float:
    """CPU seconds that processes of any kind have used on a core (user, nice, system)."""
    for row in Path("/proc/stat").read_text().splitlines():
        fields = row.split()
        if fields[0] == f"cpu{core}":
            return sum(int(value) for value in fields[1:4]) / TICKS
    return 0.0


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def raise_file_limit(wanted: int) -> None:
    """Lets this process and its children hold many sockets; says so when the machine does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, OSError) as refused:
        if hard < wanted:
            raise BenchError(f"{wanted} open files are needed, the limit is {hard}: ulimit -n") from refused
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
