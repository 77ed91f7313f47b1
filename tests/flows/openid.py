"""A real OpenID provider of the npm registry, as a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.npm import NODE, node


@contextmanager
def running_issuer(port: int, back: str) -> Iterator[str]:
    """Where it listens; it knows the client "rw" with the secret "of the test", who returns to `back`."""
    command = node(NODE, "oidc.mjs", "single sign-on is not tested")
    command += [str(port), "rw", "of the test", back]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
