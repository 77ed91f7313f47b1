"""A reader of documents does not see the secrets of the worker that started it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bounds are Linux's")
WORKER = """
import sys
from rechenwerk.base.privacy import hide_process
hide_process()
print("up", flush=True)
sys.stdin.read()
"""
PEEK = """
def peek(pid):
    seen = []
    for name in ("environ", "mem"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                seen.append(name if name == "mem" or b"geheim" in file.read() else "-")
        except OSError:
            seen.append("-")
    return " ".join(seen)
"""
READER = """
import os, sys
from pathlib import Path
from rechenwerk.documents.parsing.sandbox import confine
{peek}
guards = confine(1000, [Path(name) for name in sys.argv[2:]])
try:
    if os.fork() == 0:
        os._exit(0)
    forked = "forks"
except OSError:
    forked = "alone"
print(peek(sys.argv[1]), forked, os.getuid(), *guards)
"""
SIBLING = """
import os
from rechenwerk.base.privacy import hide_process
{peek}
os.setresuid(65534, 65534, 65534)
parent, (read, write) = os.getpid(), os.pipe()
import ctypes
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as a process that was started with this user
for hidden in (False, True):
    if hidden:
        hide_process()
    if os.fork() == 0:
        print(peek(parent), flush=True)
        os._exit(0)
    os.wait()
"""


def said(program: str, *arguments: str | Path) -> str:
    """What a process prints that has the secret in its environment."""
    environment = {**os.environ, "RECHENWERK_SECRET_KEY": "geheim"}
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def seen_by_reader(*needs: Path) -> list[str]:
    """What a confined reader reports, beside a worker that hides."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "RECHENWERK_SECRET_KEY": "geheim"},
    )
    with worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"up\n"
        try:
            return said(READER.format(peek=PEEK), str(worker.pid), *needs).split()
        finally:
            worker.stdin.close()


def test_a_reader_sees_nothing_of_the_worker(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    environ, mem, forked, user, *guards = seen_by_reader(tmp_path)  # only we can read that folder
    assert (environ, mem) == ("-", "-")
    assert "capabilities" in guards
    assert "user" not in guards
    assert (int(user) == os.getuid()) or "network" in guards
    assert (forked == "alone") == ("processes" in guards)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_root_reads_documents_as_nobody() -> None:
    environ, mem, forked, user, *guards = seen_by_reader(Path("/etc/passwd"))
    assert (environ, mem) == ("-", "-")
    assert (forked, user) == ("alone", "65534")
    assert {"user", "capabilities", "processes"} <= set(guards)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_process_hides_from_others_of_its_user() -> None:
    before, after = said(SIBLING.format(peek=PEEK)).splitlines()
    assert before == "environ mem"
    assert after == "- -"
