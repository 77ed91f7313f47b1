"""The training process: a task on standard input, what came of it on standard output, then it ends.

Run as ``python -m rechenwerk.documents.learning.child``.
"""

from __future__ import annotations

import sys

import msgspec
import numpy as np

from rechenwerk.documents.figures import find
from rechenwerk.documents.learning.examples import ExamplesError
from rechenwerk.documents.learning.fitting import fit_classifier
from rechenwerk.documents.learning.fitting_spans import fit_extractor
from rechenwerk.documents.learning.tasks import Done, Task


def train(task: Task) -> Done:
    """Train; a fault of the examples is an answer."""
    try:
        if task.kind == "extractor":
            extractor, report = fit_extractor(task.schema, task.documents, find, task.seed)
            return Done(extractor.to_bytes(), report)
        rows = len(task.examples)
        vectors = np.frombuffer(task.vectors, dtype="<f4").reshape(rows, -1 if task.vectors else 0)
        model, report = fit_classifier(task.examples, vectors, task.embedder, task.seed)
        return Done(model.to_bytes(), report)
    except ExamplesError as error:
        return Done(fault=str(error))


if __name__ == "__main__":
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.msgpack.encode(train(asked)))
