"""What a reader process gives up before it sees a file: memory, files, network, its user, every right."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from rechenwerk.base.privacy import hide_process

CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CAPABILITY_VERSION = 0x2008_0522
NOBODY = 65534
MEGABYTE = 1024 * 1024


def confine(memory_mb: int, needs: Iterable[Path]) -> tuple[str, ...]:
    """Confine this process for good.

    Memory and files are bounded by the kernel everywhere; the network is taken away where the kernel lets a
    process leave it (as root, or with user namespaces). Root becomes nobody where nobody can read what the
    process still needs, and gives up root's capabilities in any case: with them it could look into
    the worker.

    Args:
        memory_mb: address space, in MB.
        needs: files and folders that must stay readable.

    Returns:
        What is in force: 'memory', 'files', 'rights', 'network', 'user', 'capabilities', 'processes'.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * MEGABYTE, memory_mb * MEGABYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it can write to no file, only to its pipes
    guards = ["memory", "files"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        guards.append("rights")
    if libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        guards.append("network")
    if _become_nobody(needs):
        guards.append("user")
    if _drop_capabilities(libc):
        guards.append("capabilities")
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if os.getuid() != 0:  # the kernel bounds everybody but root
        guards.append("processes")
    hide_process()  # from the readers of other documents, which have the same user
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # last: a change of user clears it
    return tuple(guards)


def code_folders() -> tuple[Path, ...]:
    """Where modules lie that libraries may import late: the language, its packages, ourselves."""
    paths = sysconfig.get_paths()
    names = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return (*map(Path, sorted(names)), Path(__file__).parents[2])


def _become_nobody(needs: Iterable[Path]) -> bool:
    """Give up root, unless that would take away what is needed."""
    if os.geteuid() != 0:
        return False
    try:
        os.seteuid(NOBODY)
        try:
            readable = all(map(_is_readable, needs))
        finally:
            os.seteuid(0)
        if readable:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:  # a container without CAP_SETUID, or a namespace that has no such user
        return False
    return readable


def _is_readable(path: Path) -> bool:
    """Whether it can be opened, judged by the effective user (os.access judges by the real one)."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def _drop_capabilities(libc: ctypes.CDLL) -> bool:
    """Give up every capability; see capset(2)."""
    head = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    return bool(libc.capset(head, none) == 0)


def resident_mb() -> int:
    """Memory that this process holds, in MB."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  # read after every document
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // MEGABYTE
