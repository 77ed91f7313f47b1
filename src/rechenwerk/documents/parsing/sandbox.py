"""What a reader process gives up before it sees a file: memory, files, network, new rights."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
MEGABYTE = 1024 * 1024


def confine(memory_mb: int) -> tuple[str, ...]:
    """Confine this process for good.

    Memory and files are bounded by the kernel everywhere; the network is taken away where the kernel lets a
    process leave it (as root, or with user namespaces).

    Returns:
        What is in force: 'memory', 'files', 'rights', 'network'.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * MEGABYTE, memory_mb * MEGABYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it can write to no file, only to its pipes
    guards = ["memory", "files"]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        guards.append("rights")
    if libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        guards.append("network")
    return tuple(guards)


def resident_mb() -> int:
    """Memory that this process holds, in MB."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  # read after every document
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // MEGABYTE
