"""What tests need of npm: the packages of a lock file, put in place once."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

NODE = Path(__file__).resolve().parent / "node"
"""Clients and an OpenID provider, of the registry's packages."""


def packages(folder: Path, what: str) -> Path:
    """The node_modules of a folder, after `npm ci` where its lock file changed.

    Several test processes may ask at once: the lock file itself is locked meanwhile.

    Args:
        folder: where package-lock.json lies.
        what: is not tested without npm.
    """
    npm, modules = shutil.which("npm"), folder / "node_modules"
    if npm is None:
        pytest.skip(f"npm is not installed: {what}")
    with (folder / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        digest, stamp = hashlib.sha256(lock.read()).hexdigest(), modules / ".lock"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != digest:
            done = subprocess.run(
                [npm, "ci"], cwd=folder, capture_output=True, text=True, timeout=250, check=False
            )
            assert done.returncode == 0, done.stderr
            stamp.write_text(digest, encoding="utf-8")
    return modules


def node(folder: Path, script: str, what: str) -> list[str]:
    """The command of a script beside a lock file, its packages in place."""
    packages(folder, what)
    program = shutil.which("node")
    if program is None:
        pytest.skip(f"node is not installed: {what}")
    return [program, str(folder / script)]
