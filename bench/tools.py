"""The programs that the measurements need beside Python: wrk and nginx, from Debian."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from bench.machine import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

PATHS = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))


def found(program: str) -> str | None:
    """Where a program is, the folders of system programs included."""
    return shutil.which(program) or shutil.which(program, path=PATHS)


def need(program: str, say: Callable[[str], None]) -> str:
    """The path of a program; installs the Debian package of that name when we may."""
    path = found(program)
    if path:
        return path
    if os.geteuid() == 0 and found("apt-get"):
        say(f"installing {program}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", program]):
            subprocess.run(["apt-get", *command], env=environment, check=False, capture_output=True)
        path = found(program)
        if path:
            return path
    raise BenchError(f"{program} is missing: apt-get install {program}")
