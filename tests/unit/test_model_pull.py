"""Pulling a model: a hub with faults, and a stand-in for uv that plays the package registry."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from rechenwerk.base.errors import SetupError
from rechenwerk.providers.pulled import Part, Pullable, catalogue, pulled
from rechenwerk.providers.pulling import UNFINISHED, Plan, Source, pull, remove
from tests.unit.test_assets import stand_in

CONTENT = bytes(range(256)) * 40
HALF = len(CONTENT) // 2


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


PIECES = (CONTENT[:4000], CONTENT[4000:8000], CONTENT[8000:])
PARTS = tuple(
    Part(f"tiny-part{at}", "1.0", "0" * 64, f"inner/part{at}.bin", len(piece), sum_of(piece))
    for at, piece in enumerate(PIECES, 1)
)
TINY = Pullable(
    name="tiny",
    file="tiny.gguf",
    sha256=sum_of(CONTENT),
    size=len(CONTENT),
    repository="somebody/tiny",
    revision="main",
    part=PARTS,
)


class Hub(ThreadingHTTPServer):
    """A hub with knobs: what it has, after how many bytes it breaks off, whether it knows ranges."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.content = CONTENT
        self.break_after: list[int] = []
        self.ranges = True
        self.status = 200
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        hub = self.server
        wanted = self.headers.get("Range", "")
        hub.asked.append(f"{self.path} {wanted}".strip())
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and hub.ranges else 0
        rest = hub.content[start:]
        self.send_response(hub.status if hub.status != 200 else 206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: hub.break_after.pop(0)] if hub.break_after else rest)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads it."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Registry:
    """A package registry behind a stand-in for uv; `fails_at` is the number of a part that it refuses."""

    def __init__(self, folder: Path, fails_at: int = 0, pieces: tuple[bytes, ...] = PIECES) -> None:
        folder.mkdir()
        for at, piece in enumerate(pieces, 1):
            (folder / f"part{at}.bin").write_bytes(piece)
        self.log = folder / "asked"
        script = f"""
while [ "$1" != --target ]; do shift; done
at=$(sed -n 's/^tiny-part\\([0-9]*\\)==.*/\\1/p' "$2/pin.txt")
echo $at >> {self.log}
[ "$at" = {fails_at} ] && echo "no network" >&2 && exit 1
mkdir "$2/inner" && cp {folder}/part$at.bin "$2/inner/"
"""
        self.uv = stand_in(folder, script)

    def asked(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []


def quiet(done: int, total: int, doing: str) -> None:
    """Nobody looks."""


def plan(folder: Path, source: Source, hub: str = "http://127.0.0.1:9", uv: str = "no-uv") -> Plan:
    return Plan(folder, source, hub, uv)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_the_hub_gives_the_whole_file(tmp_path: Path, hub: Hub) -> None:
    seen: list[tuple[int, int]] = []
    one = pull(TINY, plan(tmp_path, "hub", hub.address), lambda done, total, _: seen.append((done, total)))
    assert hub.asked == ["/somebody/tiny/resolve/main/tiny.gguf"]
    assert one.path(tmp_path).read_bytes() == CONTENT
    assert one.source == f"{hub.address}/somebody/tiny/resolve/main/tiny.gguf"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert pulled(tmp_path) == [one]
    pull(TINY, plan(tmp_path, "hub", hub.address), quiet)
    assert len(hub.asked) == 1, "an installed model is not fetched again"


def test_a_broken_connection_is_resumed(tmp_path: Path, hub: Hub) -> None:
    hub.break_after = [1000, 2000]
    pull(TINY, plan(tmp_path, "hub", hub.address), quiet)
    assert [one.split(" ")[-1] for one in hub.asked[1:]] == ["bytes=1000-", "bytes=3000-"]
    assert (tmp_path / "tiny" / "tiny.gguf").read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_starts_over(tmp_path: Path, hub: Hub) -> None:
    hub.break_after, hub.ranges = [1000], False
    pull(TINY, plan(tmp_path, "hub", hub.address), quiet)
    assert (tmp_path / "tiny" / "tiny.gguf").read_bytes() == CONTENT


def test_what_was_pulled_is_kept_and_the_next_pull_goes_on(tmp_path: Path, hub: Hub) -> None:
    hub.break_after = [1000, 1000, 1000, 1000]
    with pytest.raises(SetupError, match="what was pulled is kept"):
        pull(TINY, plan(tmp_path, "hub", hub.address), quiet)
    assert (tmp_path / "tiny" / f"tiny.gguf{UNFINISHED}").stat().st_size == 4000
    assert pulled(tmp_path) == []
    registry = Registry(tmp_path / "registry")
    pull(TINY, plan(tmp_path, "registry", uv=registry.uv), quiet)
    assert registry.asked() == [2, 3], "the first part is whole already"
    assert (tmp_path / "tiny" / "tiny.gguf").read_bytes() == CONTENT


def test_the_registry_helps_where_the_hub_cannot_be_reached(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    one = pull(TINY, plan(tmp_path, "auto", uv=registry.uv), quiet)
    assert registry.asked() == [1, 2, 3]
    assert one.source == "package registry"
    assert (tmp_path / "tiny" / "tiny.gguf").read_bytes() == CONTENT
    assert names(tmp_path / "tiny") == {"tiny.gguf", "model.json", ".lock"}, "no scratch folder is left"


def test_an_interrupted_registry_goes_on_at_the_part_that_is_missing(tmp_path: Path) -> None:
    broken = Registry(tmp_path / "broken", fails_at=2)
    with pytest.raises(SetupError, match=r"tiny-part2 1\.0 cannot be fetched"):
        pull(TINY, plan(tmp_path, "registry", uv=broken.uv), quiet)
    whole = Registry(tmp_path / "whole")
    pull(TINY, plan(tmp_path, "registry", uv=whole.uv), quiet)
    assert [broken.asked(), whole.asked()] == [[1, 2], [2, 3]]


def test_an_altered_part_is_not_taken(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry", pieces=(PIECES[0], b"?" * 4000, PIECES[2]))
    with pytest.raises(SetupError, match=r"wrong content of inner/part2\.bin"):
        pull(TINY, plan(tmp_path, "registry", uv=registry.uv), quiet)
    assert (tmp_path / "tiny" / f"tiny.gguf{UNFINISHED}").read_bytes() == PIECES[0]


@pytest.mark.parametrize("content", [b"?" + CONTENT[1:], CONTENT + b"more", CONTENT[:-1]])
def test_a_wrong_sum_leaves_nothing(tmp_path: Path, hub: Hub, content: bytes) -> None:
    hub.content = content
    wanted = msgspec.structs.replace(TINY, size=0)
    with pytest.raises(SetupError, match=r"wrong content of tiny\.gguf"):
        pull(wanted, plan(tmp_path, "hub", hub.address), quiet)
    assert not (tmp_path / "tiny").exists()


def test_a_damaged_model_is_found_and_deleted(tmp_path: Path, hub: Hub) -> None:
    one = pull(TINY, plan(tmp_path, "hub", hub.address), quiet)
    one.path(tmp_path).write_bytes(b"!" + CONTENT[1:])
    with pytest.raises(SetupError, match="was damaged and has been deleted"):
        pull(TINY, plan(tmp_path, "hub", hub.address), quiet)
    assert not (tmp_path / "tiny").exists()


def test_too_little_space_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    huge = msgspec.structs.replace(TINY, size=shutil.disk_usage(tmp_path).free)
    with pytest.raises(SetupError, match=r"not enough space .* RECHENWERK_MODELS_DIR"):
        pull(huge, plan(tmp_path, "registry", uv=registry.uv), quiet)
    assert registry.asked() == []


def test_only_tls_is_used_outside_this_machine(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not an https address"):
        pull(TINY, plan(tmp_path, "hub", "http://models.example"), quiet)


def test_a_hub_that_refuses_is_told(tmp_path: Path, hub: Hub) -> None:
    hub.status = 404
    with pytest.raises(SetupError, match="answers 404"):
        pull(TINY, plan(tmp_path, "hub", hub.address), quiet)


def test_removing_a_model(tmp_path: Path, hub: Hub) -> None:
    pull(TINY, plan(tmp_path, "hub", hub.address), quiet)
    assert remove("tiny", tmp_path) >= len(CONTENT)
    assert pulled(tmp_path) == []
    for name in ("tiny", "", "..", "no/where"):
        with pytest.raises(SetupError, match="no pulled model"):
            remove(name, tmp_path)


def test_the_catalogue_adds_up() -> None:
    for one in catalogue().values():
        assert sum(part.size for part in one.part) == one.size
        assert len({part.package for part in one.part}) == len(one.part)
        for digest in (one.sha256, *(part.sha256 for part in one.part), *(p.wheel_sha256 for p in one.part)):
            assert len(digest) == 64
        assert one.address("https://hub.example/").startswith("https://hub.example/Qwen/")
