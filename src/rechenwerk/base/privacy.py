"""What a process that holds secrets hides from the other processes of its user."""

from __future__ import annotations

import ctypes

_PR_SET_DUMPABLE = 4


def hide_process() -> bool:
    """Close this process to others: its environment, memory and open files are shown under /proc to nobody.

    Who may trace every process (root with CAP_SYS_PTRACE) still sees them. Nothing is dumped when it
    crashes. See PR_SET_DUMPABLE in prctl(2), and "ptrace access mode checking" in ptrace(2).

    Returns:
        Whether the kernel does it; elsewhere than on Linux it does not.
    """
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    except AttributeError:  # no such call in this system's library
        return False
