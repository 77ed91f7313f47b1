"""A process that answers questions about plans, one after the other, until its input ends.

Run as ``python -m rechenwerk.planner.child [MEGABYTES [later]]``; standard input and output are frames: four
bytes of length, then MessagePack. It begins with ``{"ready": true}``. A question is a map with ``ask``,
``seconds`` and what `_ANSWERS` hands on; an answer is any number of ``{"progress": paths}``, then
``{"answer": bytes}`` or ``{"wrong": line, "mistakes": [...]}``.

It is a process of its own because NumPy and SciPy cost whoever loads them 150 MB, because a plan is foreign
input, and because a calculation can only be stopped with the process that does it: the kernel ends it when a
question takes longer than its seconds, and refuses it memory beyond the limit.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, BinaryIO

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.reasons import said_by
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_reader import Mistake, MistakesError
from rechenwerk.planner import answering
from rechenwerk.planner.answering import Progress, Subject
from rechenwerk.planner.mistakes_german import in_german

MEGABYTES = 2048
"""Of memory, unless its argument says otherwise."""
_LARGEST_FRAME = 8_000_000
Asked = Mapping[str, Any]
Answers = Mapping[str, Callable[[Subject, Asked, Progress], object]]

_ANSWERS: Answers = MappingProxyType(
    {
        "check": lambda subject, _, __: answering.check(subject),
        "run": lambda subject, asked, progress: answering.result(
            subject, asked["paths"], asked["seed"], progress
        ),
        "try": lambda subject, asked, _: answering.attempt(
            subject, asked["factors"], asked["paths"], asked["seed"], asked["language"]
        ),
        "explain": lambda subject, asked, _: answering.explained(
            subject, asked["name"], asked["at"], asked["deep"], asked["language"]
        ),
        "sensitivity": lambda subject, asked, _: answering.sensitivity(subject, asked["line"], asked["at"]),
        "stress": lambda subject, asked, _: answering.struck(
            subject, asked["together"], asked["at"], everything=asked["everything"]
        ),
        "reverse": lambda subject, asked, _: answering.turned(subject, asked["shocks"]),
        "compare": lambda subject, asked, _: answering.compared(
            subject, asked["scenarios"], asked["paths"], asked["line"], asked["language"]
        ),
        "network": lambda subject, asked, _: answering.network(subject, asked["fails"], asked["at"]),
    }
)


def answer(asked: Asked, progress: Progress, answers: Answers = _ANSWERS) -> dict[str, Any]:
    """What a question gets; whatever is wrong with it is told in one line."""
    try:
        subject = msgspec.convert(asked["subject"], Subject)
        found = answers[asked["ask"]](subject, asked, progress)
        return {"answer": found if isinstance(found, bytes) else msgspec.json.encode(found)}
    except MistakesError as error:
        return {**_wrong(error.said), "mistakes": [_mistake(one) for one in error.mistakes]}
    except RechenwerkError as error:
        return _wrong(said_by(error))
    except RecursionError:
        return _wrong("the plan nests too deeply; divide its formulas into lines")
    except MemoryError:
        return _wrong("the plan needs more memory than a plan may have; make it smaller")
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return _wrong(sentence("the plan cannot be calculated ({said})", said=said))


def _wrong(said: str) -> dict[str, Any]:
    """What is wrong, in one line of each language."""
    german = " ".join(in_german(said).split())
    return {"wrong": " ".join(said.split()), "wrong_de": german, "mistakes": []}


def _mistake(one: Mistake) -> dict[str, Any]:
    texts = {"message": str(one.message), "fix": str(one.fix)}
    return {"line": one.line, **texts, "message_de": in_german(one.message), "fix_de": in_german(one.fix)}


def _read(source: BinaryIO) -> Asked | None:
    head = source.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    if size > _LARGEST_FRAME:
        return None
    found: Asked = msgspec.msgpack.decode(source.read(size))
    return found


def _write(out: BinaryIO, told: Mapping[str, Any]) -> None:
    data = msgspec.msgpack.encode(told)
    out.write(len(data).to_bytes(4, "big") + data)
    out.flush()


def serve(source: BinaryIO, out: BinaryIO, answers: Answers = _ANSWERS) -> None:
    """Answer until the input ends."""
    while (asked := _read(source)) is not None:
        signal.alarm(max(1, round(asked["seconds"]) + 1))  # whoever asked gave up a second ago
        _write(out, answer(asked, lambda done: _write(out, {"progress": done}), answers))
        signal.alarm(0)


def start(answers: Answers) -> None:
    """Be the process."""
    warnings.simplefilter("ignore")  # a plan that overflows says so in its figures
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit << 20, limit << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.argv[2:] == ["later"]:
        with contextlib.suppress(OSError):
            os.nice(10)  # what people and gateways wait for comes first
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no frame
    with contextlib.suppress(BrokenPipeError):
        _write(out, {"ready": True})
        serve(sys.stdin.buffer, out, answers)


if __name__ == "__main__":
    start(_ANSWERS)
