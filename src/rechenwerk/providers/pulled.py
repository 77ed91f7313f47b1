"""Models that can be pulled, and those that were: a folder each, with a GGUF file and a manifest."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from rechenwerk.base.errors import SetupError
from rechenwerk.providers.assets import Asset, DataFile

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "model.json"


class Part(msgspec.Struct, frozen=True):
    """A piece of a model file inside a wheel: the pinned wheel, the piece's path there, size and SHA-256."""

    package: str
    version: str
    wheel_sha256: str
    path: str
    size: int
    sha256: str

    def asset(self, model: str) -> Asset:
        """The wheel as something that the package registry gives."""
        data = DataFile(self.path, self.size, self.sha256)
        return Asset(model, self.package, self.version, self.wheel_sha256, (data,))


class Pullable(msgspec.Struct, frozen=True):
    """A model that can be pulled.

    Args:
        name: that clients ask for, and of its folder.
        title: what it is.
        licence: SPDX identifier, or ''.
        file: name of the GGUF.
        size: bytes; 0 where only the server knows.
        sha256: of the whole file.
        repository, revision: on the hub; empty where `url` says it all.
        url: of the file.
        part: wheels that carry it in pieces, in order.
        context_tokens: prompt and answer of one chat together.
        max_output_tokens: the most that an answer has.
        slots: chats at the same time.
    """

    name: str
    file: str
    sha256: str
    size: int = 0
    title: str = ""
    licence: str = ""
    repository: str = ""
    revision: str = ""
    url: str = ""
    part: tuple[Part, ...] = ()
    context_tokens: int = 8192
    max_output_tokens: int = 2048
    slots: int = 2

    def address(self, hub: str) -> str:
        """Where the hub has it."""
        if self.url:
            return self.url
        return f"{hub.rstrip('/')}/{self.repository}/resolve/{self.revision}/{self.file}"


class Pulled(msgspec.Struct, frozen=True):
    """The manifest of an installed model; the fields are those of `Pullable`.

    Args:
        source: where it came from: an address, or 'package registry'.
        kind: 'chat' or 'embeddings'.
    """

    name: str
    file: str
    sha256: str
    size: int
    source: str = ""
    title: str = ""
    licence: str = ""
    context_tokens: int = 8192
    max_output_tokens: int = 2048
    slots: int = 2
    kind: str = "chat"

    def path(self, folder: Path) -> Path:
        """Of the GGUF."""
        return folder / self.name / self.file


class _Catalogue(msgspec.Struct, frozen=True):
    model: tuple[Pullable, ...]


def catalogue() -> dict[str, Pullable]:
    """Name -> what `model pull` knows by name."""
    text = (resources.files("rechenwerk.providers") / "pullable.toml").read_bytes()
    return {one.name: one for one in msgspec.toml.decode(text, type=_Catalogue).model}


def pulled(folder: Path) -> list[Pulled]:
    """What is installed in a folder of models, by name; only sizes are looked at.

    Raises:
        SetupError: a manifest cannot be read.
    """
    found = []
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            one = msgspec.json.decode(path.read_bytes(), type=Pulled)
            whole = one.path(folder).stat().st_size == one.size
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError) as error:
            raise SetupError(
                f"manifest {path} cannot be read: {error}; delete {path.parent} and pull the model again"
            ) from error
        if whole and one.name == path.parent.name:
            found.append(one)
    return found
