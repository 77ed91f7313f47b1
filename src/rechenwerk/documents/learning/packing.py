"""Models as bytes: named arrays and one JSON header in numpy's npz, read without pickle: nothing can run."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.errors import DocumentError

HEADER = "header"
LARGEST = 400_000_000


def pack(header: Any, arrays: dict[str, NDArray[Any]]) -> bytes:
    """One file."""
    out = io.BytesIO()
    words = np.frombuffer(msgspec.json.encode(header), dtype=np.uint8)
    np.savez_compressed(out, allow_pickle=False, **{HEADER: words}, **arrays)
    return out.getvalue()


def unpack(data: bytes) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """The header's JSON and the arrays.

    Raises:
        DocumentError: it is damaged, or larger than any model of ours.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if sum(one.file_size for one in file.infolist()) > LARGEST:
                raise DocumentError("the trained model is damaged: it is too large; roll back or train again")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays.pop(HEADER).tobytes(), arrays
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DocumentError(f"the trained model is damaged: {error}; roll back or train again") from error
