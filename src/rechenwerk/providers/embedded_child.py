"""The parent's handle on the embedded provider's process."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import msgspec

from rechenwerk.base.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STDERR_LINES = 20
STOP_SECONDS = 5.0


class Embedded:
    """A running child process; made by `start`.

    Attributes:
        chat_url: ``http://127.0.0.1:PORT`` of the chat model, None without one.
        embeddings_url: the same for embeddings.
        models: names of the pulled models that the chat address serves besides.
    """

    def __init__(self, command: list[str], deadline: float) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout
        assert self._process.stderr
        self._last_words: deque[bytes] = deque(maxlen=STDERR_LINES)
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # Both pipes are read for as long as they live: a full pipe would stop the child.
        self._readers = (
            threading.Thread(target=_pump, args=(self._process.stdout, lines.put), daemon=True),
            threading.Thread(target=_pump, args=(self._process.stderr, self._last_words.append), daemon=True),
        )
        for reader in self._readers:
            reader.start()
        try:
            ready = msgspec.json.decode(lines.get(timeout=deadline), type=dict[str, str | None])
            self.chat_url = ready["chat"]
            self.embeddings_url = ready["embeddings"] or ""
            self.models = tuple((ready.get("models") or "").split())
        except (queue.Empty, msgspec.DecodeError) as error:
            late = isinstance(error, queue.Empty)
            self.stop()
            how = f"not ready after {deadline:g} s" if late else f"ended with {self._process.returncode}"
            said = self.last_words() or "it said nothing"
            raise SetupError(f"embedded model {how}: {said}") from error

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the child is running."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of what the child wrote to its standard error, in one line."""
        return " ".join(b" ".join(self._last_words).decode(errors="replace").split())

    def stop(self) -> None:
        """End the child and everything that belongs to it; may be called again."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()


def start(
    models_dir: Path,
    *,
    chat: bool = True,
    context: int = 8192,
    slots: int = 4,
    threads: int = 0,
    chat_port: int = 0,
    embed_port: int = 0,
    deadline: float = 60.0,
) -> Embedded:
    """Start the child and wait until it serves.

    Args:
        models_dir: folder that `assets.fetch` filled.
        chat: with the chat model; embeddings are always there.
        context: tokens of context that the slots share evenly: a chat gets ``context // slots``.
        slots: chats answered at the same time.
        threads: of each model; 0 for as many as processors, but at most four.
        chat_port: port on loopback, 0 for a free one.
        embed_port: the same for embeddings.
        deadline: seconds until it must be ready.

    Raises:
        SetupError: it ended or was not ready in time; the message carries what it said.
    """
    command = [sys.executable, "-m", "rechenwerk.providers.embedded", "--models", str(models_dir)]
    command += ["--context", str(context), "--slots", str(slots)]
    command += ["--threads", str(threads)]
    command += ["--chat-port", str(chat_port), "--embed-port", str(embed_port)]
    if not chat:
        command.append("--no-chat")
    return Embedded(command, deadline)


def _pump(stream: IO[bytes], put: Callable[[bytes], None]) -> None:
    """Hand on every line, then one empty one for the end."""
    with stream:
        for line in stream:
            put(line)
    put(b"")
