"""Promises of reading: speed of digital and scanned pages, recall of recognition, memory, bad files.

    python -m bench.documents.parsing [--quick] [--only text|ocr|memory|bad]    # prints, and writes nothing

CPU is what the worker and its reader used together, so that a busy machine does not change the figure.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.console import Console

from bench.documents.parsing_bad import COUNT, bad
from bench.documents.parsing_files import sound
from bench.documents.parsing_pages import scan, text_pages
from bench.machine import BenchError
from bench.promises import everything
from bench.results import Metric, metric
from rechenwerk.base.errors import UnreadableError
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.unpacking import Member
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.providers.assets import TESSERACT_ENGLISH, TESSERACT_GERMAN, fetch

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "parsing"
MODELS = Path(__file__).resolve().parents[2] / ".cache" / "models"
TEXT_PAGES = 200
SCANS, QUICK_SCANS = 42, 7
SEEDS = 500
"""The scans that are measured begin here; nothing was tuned on them."""
DOCUMENTS, QUICK_DOCUMENTS = 2000, 300
QUICK_BAD = 150
MEGABYTE = 1_000_000


def tessdata() -> Path:
    for asset in (TESSERACT_GERMAN, TESSERACT_ENGLISH):
        fetch(asset, MODELS, lambda _: None)
    return MODELS / TESSERACT_GERMAN.name


def cpu(pid: int | None) -> float:
    """CPU seconds of this process and a reader's."""
    own = time.process_time()
    if pid is None:
        return own
    used = psutil.Process(pid).cpu_times()
    return own + used.user + used.system


async def text_speed(repeats: int) -> list[Metric]:
    """Pages of a digital PDF with some 450 words each, all words with boxes."""
    data = text_pages(TEXT_PAGES, 1)
    speeds, words = [], 0
    async with Parsers(None, Limits(recycle_documents=1000)) as parsers:
        await parsers.guards()
        for _ in range(repeats):
            before = cpu(parsers.pid)
            document = await parsers.parse(data, "text.pdf")
            speeds.append(TEXT_PAGES / (cpu(parsers.pid) - before))
            assert all(word.box is not None for word in document.words)
            words = len(document.words)
    return [
        metric(NAME, "digital pages, text with boxes", "pages/CPU-s", speeds),
        metric(NAME, "words on such a page", "1", [words / TEXT_PAGES]),
    ]


async def recognition(scans: int, say: Callable[[str], None]) -> list[Metric]:
    """German pages at 200 dpi in seven fonts, askew and noisy: speed, and tokens found again."""
    speeds, recalls, found, wanted = [], [], 0, 0
    async with Parsers(tessdata(), Limits(recycle_documents=1000)) as parsers:
        await parsers.parse(scan(SEEDS - 1).image, "warm.png")
        for number in range(scans):
            say(f"recognising page {number + 1} of {scans}")
            page = scan(SEEDS + number)
            before = cpu(parsers.pid)
            document = await parsers.parse(page.image, "scan.png")
            speeds.append(1 / (cpu(parsers.pid) - before))
            words = Counter(page.words)
            hit = sum((words & Counter(document.text.split())).values())
            recalls.append(hit / words.total())
            found, wanted = found + hit, wanted + words.total()
    return [
        metric(NAME, "scanned pages, 200 dpi", "pages/CPU-s", speeds),
        metric(NAME, "tokens of scanned German pages found", "1", [found / wanted]),
        metric(NAME, "the same, by page", "1", recalls),
    ]


async def memory(documents: int, say: Callable[[str], None]) -> list[Metric]:
    """Many small documents of every kind through one worker; every 50th is a scan."""
    both: list[float] = []
    own = psutil.Process()
    async with Parsers(tessdata()) as parsers:
        for number in range(documents):
            data = scan(number).image if number % 50 == 49 else sound(number)[1]
            await parsers.parse(data, "a")
            reader = psutil.Process(parsers.pid).memory_info().rss if parsers.pid is not None else 0
            both.append((own.memory_info().rss + reader) / MEGABYTE)
            if number % 50 == 0:
                say(f"document {number} of {documents}: {both[-1]:.0f} MB")
    tenth = documents // 10
    early = sum(both[tenth : 2 * tenth]) / tenth
    late = sum(both[-tenth:]) / tenth
    return [
        metric(NAME, "documents through one worker", "1", [documents]),
        metric(NAME, "worker and reader, highest", "MB", [max(both)]),
        metric(NAME, "the last tenth over the second", "x", [late / early]),
    ]


async def bad_files(count: int, say: Callable[[str], None]) -> list[Metric]:
    """Files that nobody should send: each is refused or read, and none ends the worker."""
    stopped, outcomes, slowest = 0, Counter[str](), 0.0
    limits = Limits(page_seconds=20, open_seconds=20)
    async with Parsers(tessdata(), limits) as parsers:
        seen: set[bytes] = set()
        for number in itertools.count():
            name, data, what = bad(number)
            mark = hashlib.sha256(data).digest()
            if mark in seen:
                continue
            if len(seen) == count:
                break
            seen.add(mark)
            if number % 25 == 0:
                say(f"bad file {number} of {count}")
            began = time.monotonic()
            try:
                for member in (await parsers.unpack(data, name))[:50]:
                    outcomes[await _outcome(parsers, member)] += 1
            except Exception as wrong:
                stopped += 1
                say(f"{what} {number} stopped the job: {type(wrong).__name__}: {wrong}")
            slowest = max(slowest, time.monotonic() - began)
        after = await parsers.parse(b"Danach geht es weiter.", "danach.txt")
        assert after.text == "Danach geht es weiter.\n"
    return [
        metric(NAME, "bad files tried", "1", [len(seen)]),
        metric(NAME, "jobs that they stopped", "1", [stopped]),
        metric(NAME, "of their members refused", "1", [outcomes["refused"]]),
        metric(NAME, "of their members read with faults", "1", [outcomes["faults"]]),
        metric(NAME, "of their members read", "1", [outcomes["read"]]),
        metric(NAME, "slowest bad file", "s", [slowest]),
    ]


async def _outcome(parsers: Parsers, member: object) -> str:
    if not isinstance(member, Member):
        return "refused"
    try:
        document = await parsers.parse(member.data, member.name)
    except UnreadableError as error:
        if "\n" in str(error) or not error.german:
            raise BenchError(f"a refusal without one clear line: {error!r}") from error
        return "refused"
    return "faults" if document.faults else "read"


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """All of it, in this process and its reader."""
    del crew
    return measured(quick=lab.quick, say=lab.say)


def measured(*, quick: bool, say: Callable[[str], None], only: str = "") -> list[Metric]:
    parts: dict[str, Callable[[], list[Metric]]] = {
        "text": lambda: asyncio.run(text_speed(2 if quick else 5)),
        "ocr": lambda: asyncio.run(recognition(QUICK_SCANS if quick else SCANS, say)),
        "memory": lambda: asyncio.run(memory(QUICK_DOCUMENTS if quick else DOCUMENTS, say)),
        "bad": lambda: asyncio.run(bad_files(QUICK_BAD if quick else COUNT, say)),
    }
    return [found for name, part in parts.items() if only in {"", name} for found in part()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.documents.parsing", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("text", "ocr", "memory", "bad"), default="")
    asked = parser.parse_args()
    console = Console(stderr=True)
    with console.status("measuring") as status:

        def say(line: str) -> None:
            status.update(line)
            if "stopped" in line:
                console.print(line)

        found = measured(quick=asked.quick, say=say, only=asked.only)
    Console().print(everything(found))


if __name__ == "__main__":
    main()
