"""Processes that calculate plans: warm ones for questions, one of its own for a run; each can be stopped."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.toml_reader import Mistake, MistakesError
from rechenwerk.office.errors import refuse

CHILD, FILES = "rechenwerk.planner.child", "rechenwerk.planner.child_files"
QUICK = 20.0
"""Seconds for a question that is waited for."""
LONG = 600.0
"""Seconds for a run."""
_READY = 120.0
"""Seconds for a process to be there: NumPy and SciPy load in two, on a busy machine in many."""
_IDLE = 300.0
_WARM = 3
"""Processes that are kept for organisations that asked last."""
_WAITING = 12
"""Questions of an organisation that may wait for its process; also files."""
_LARGEST = 64_000_000
_FILES_AT_ONCE = 2
"""Processes that write files or drafts; others wait."""
_FILE = 120.0
"""Seconds for one of them."""
_KEPT, _KEPT_BYTES = 64, 2_000_000
_SLOW = "the plan needs longer than {seconds:.0f} s for this; take fewer paths or periods, or start a run"
_GONE = "the process that calculates the plan ended; it may need more memory than a plan may have"
Told = Callable[[int], Awaitable[bool]]


class WrongPlanError(RechenwerkError):
    """Something in the plan or the question is wrong.

    Args:
        message: what, in English.
        german: the same in German.
    """

    def __init__(self, message: str, german: str) -> None:
        super().__init__(message)
        self.german = german


class CalculationError(RechenwerkError):
    """A calculation that did not come to an end."""


class Calculator:
    """A process. It is started by its first question.

    Args:
        module: that is run.
        megabytes: of memory that it may have.
        later: what people wait for comes first.
    """

    def __init__(self, module: str, megabytes: int, *, later: bool = False) -> None:
        self._module = module
        self._later = later
        self._megabytes = megabytes
        self._process: Process | None = None
        self.used = time.monotonic()
        self.waiting = 0
        self.lock = asyncio.Lock()

    async def ask(self, question: dict[str, Any], seconds: float, told: Told | None = None) -> bytes:
        """The answer, as JSON or a file.

        Args:
            question: see `planner.child`.
            seconds: after which the process is ended.
            told: is given the paths that are done, and says whether to go on.

        Raises:
            MistakesError, RechenwerkError: something in the plan or the question is wrong.
            CalculationError: it took too long, needed too much, or nobody wants it any more.
        """
        self.waiting += 1
        try:
            async with self.lock:
                self.used = time.monotonic()
                done = False
                try:
                    if self._process is None:
                        async with asyncio.timeout(_READY):
                            await self._start()
                    async with asyncio.timeout(seconds):
                        found = await self._answer({**question, "seconds": seconds}, told)
                        done = True
                except TimeoutError:
                    raise CalculationError(_SLOW.format(seconds=seconds)) from None
                except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
                    raise CalculationError(_GONE) from None
                finally:
                    self.used = time.monotonic()
                    if not done:
                        await self._kill()
        finally:
            self.waiting -= 1
        if "answer" in found:
            answer: bytes = found["answer"]
            return answer
        if found["mistakes"]:
            raise MistakesError([Mistake(**one) for one in found["mistakes"]], found["wrong_de"])
        raise WrongPlanError(found["wrong"], found["wrong_de"])

    async def _answer(self, question: dict[str, Any], told: Told | None) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        data = msgspec.msgpack.encode(question)
        process.stdin.write(len(data).to_bytes(4, "big") + data)
        await process.stdin.drain()
        while True:
            found = await _frame(process.stdout)
            if "progress" not in found:
                return found
            if told is not None and not await told(found["progress"]):
                raise CalculationError("the calculation was cancelled")

    async def _start(self) -> None:
        command = [sys.executable, "-m", self._module, str(self._megabytes), *["later"] * self._later]
        # One thread: paths are what is calculated side by side, and threads count as memory.
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={**os.environ, **threads},
            limit=1 << 20,
        )
        assert self._process.stdout is not None
        await _frame(self._process.stdout)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """End it, whatever it does."""
        await self._kill()


async def _frame(stream: asyncio.StreamReader) -> dict[str, Any]:
    """What a process says next."""
    size = int.from_bytes(await stream.readexactly(4), "big")
    if size > _LARGEST:
        raise CalculationError("the plan's result is too large; take fewer periods or lines")
    found: dict[str, Any] = msgspec.msgpack.decode(await stream.readexactly(size))
    return found


class Calculators:
    """All of an office: a warm process for each organisation that asked lately, and what runs need.

    Args:
        megabytes: of memory that each may have.
    """

    def __init__(self, megabytes: int = 2048) -> None:
        self._megabytes = megabytes
        self._warm: dict[int, Calculator] = {}
        self._writing = asyncio.Semaphore(_FILES_AT_ONCE)
        self._written_for: Counter[int] = Counter()
        self._kept: dict[tuple[int, bytes], bytes] = {}
        self._janitor: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def ask(self, organisation_id: int, question: dict[str, Any], seconds: float = QUICK) -> bytes:
        """An answer from the organisation's warm process, or from memory if it was asked before."""
        asked = msgspec.json.encode(question, order="deterministic")
        key = (organisation_id, hashlib.sha256(asked).digest())
        if key in self._kept:
            return self._kept[key]
        calculator = self._of(organisation_id)
        _room(calculator.waiting)
        found = await calculator.ask(question, seconds)
        if len(found) <= _KEPT_BYTES:
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = found
        return found

    async def write(self, organisation_id: int, question: dict[str, Any]) -> bytes:
        """A file or a draft, from a process of its own; a few at once, whoever asks."""
        _room(self._written_for[organisation_id])
        self._written_for[organisation_id] += 1
        try:
            async with self._writing:
                return await self.alone(FILES, question, _FILE)
        finally:
            self._written_for[organisation_id] -= 1

    async def alone(
        self, module: str, question: dict[str, Any], seconds: float, told: Told | None = None
    ) -> bytes:
        """An answer from a process of its own, gone with its memory afterwards."""
        calculator = Calculator(module, self._megabytes, later=True)
        try:
            return await calculator.ask(question, seconds, told)
        finally:
            await calculator.close()

    def _of(self, organisation_id: int) -> Calculator:
        found = self._warm.get(organisation_id)
        if found is None:
            idle = [(one.used, name) for name, one in self._warm.items() if not one.waiting]
            if len(self._warm) >= _WARM:
                if not idle:
                    raise refuse(429, "plans of others are calculated; ask again in a moment", "busy")
                self._end(min(idle)[1])
            found = self._warm[organisation_id] = Calculator(CHILD, self._megabytes)
        if self._janitor is None:
            self._janitor = asyncio.get_running_loop().call_later(_IDLE, self._tidy)
        return found

    def _tidy(self) -> None:
        """End what nobody asked for a while."""
        late = time.monotonic() - _IDLE
        for name in [name for name, one in self._warm.items() if one.used < late and not one.waiting]:
            self._end(name)
        again = bool(self._warm)
        self._janitor = asyncio.get_running_loop().call_later(_IDLE, self._tidy) if again else None

    def _end(self, organisation_id: int) -> None:
        task = asyncio.create_task(self._warm.pop(organisation_id).close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End all of them."""
        if self._janitor is not None:
            self._janitor.cancel()
            self._janitor = None
        warm = list(self._warm.values())
        self._warm.clear()
        self._kept.clear()
        await asyncio.gather(*(one.close() for one in warm), *self._ending)


def _room(waiting: int) -> None:
    """Refuse an organisation of which so many questions wait."""
    if waiting >= _WAITING:
        raise refuse(429, "other questions about plans are calculated; ask again in a moment", "busy")


def subject(text: str, form: str, scenario: str, without: Sequence[str], deals: str = "") -> dict[str, Any]:
    """What a question is about, as `planner.answering.Subject` has it."""
    return {"text": text, "format": form, "scenario": scenario, "without": sorted(without), "deals": deals}
