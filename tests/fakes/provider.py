"""A commercial provider that a test holds in its hand: protocols of many over a real socket, with knobs.

    async with FakeProvider(Knobs(pace_ms=20)) as fake: ...   # in this loop
    with running_fake(Knobs(pace_ms=20)) as fake: ...         # in a thread with a loop of its own
    python -m tests.fakes.provider --port 0                   # as a program

It keeps its own count of what it produced (`fake.produced`), against which books can be checked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec
import uvloop

from tests.fakes.book import Book, Record, Seen, Totals
from tests.fakes.house import KEPT_REQUESTS, FakeProvider
from tests.fakes.knobs import DEFAULT_MODEL, Knobs, merged
from tests.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["DEFAULT_MODEL", "Book", "FakeProvider", "Knobs", "Record", "Seen", "Totals", "running_fake"]

PROGRAM_KEPT_REQUESTS = 1_000


@contextmanager
def running_fake(
    knobs: Knobs | None = None,
    *,
    port: int = 0,
    keep_requests: int = KEPT_REQUESTS,
) -> Iterator[FakeProvider]:
    """A fake in its own thread and loop; `wait_until` waits for it from here."""
    fake = FakeProvider(knobs, port=port, keep_requests=keep_requests)
    with in_thread("fake-provider", fake, 30) as running:
        yield running


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.fakes.provider", description="A fake OpenAI provider.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", action="append", help=f"may be repeated; default {DEFAULT_MODEL}")
    parser.add_argument("--answer-tokens", type=int)
    parser.add_argument("--pace-ms", type=float)
    parser.add_argument("--latency-ms", type=float)
    parser.add_argument("--knobs", default="{}", help="any knobs, as JSON")
    parser.add_argument("--keep-requests", type=int, default=PROGRAM_KEPT_REQUESTS)
    parser.add_argument("--stats", action="store_true", help="print the totals as a JSON line at the end")
    return parser.parse_args(given)


async def _serve(arguments: argparse.Namespace) -> None:
    named = {
        "models": arguments.model,
        "answer_tokens": arguments.answer_tokens,
        "pace_ms": arguments.pace_ms,
        "latency_ms": arguments.latency_ms,
    }
    changes = {**msgspec.json.decode(arguments.knobs), **{k: v for k, v in named.items() if v is not None}}
    knobs = merged(Knobs(), changes)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)

    def watch_stdin() -> None:
        # A thread, as stdin may be a file or /dev/null, which no event loop can watch.
        while os.read(0, 4096):
            pass
        with suppress(RuntimeError):  # SIGTERM was quicker
            loop.call_soon_threadsafe(stop.set)

    async with FakeProvider(
        knobs,
        host=arguments.host,
        port=arguments.port,
        keep_requests=arguments.keep_requests,
    ) as fake:
        _say({"url": fake.url})
        threading.Thread(target=watch_stdin, daemon=True).start()
        await stop.wait()
        if arguments.stats:
            _say(fake.stats())


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def main(given: Sequence[str] | None = None) -> None:
    """Serve until stdin ends or SIGTERM comes."""
    # Thousands of streams are thousands of descriptors.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve(_arguments(given)))


if __name__ == "__main__":
    main()
