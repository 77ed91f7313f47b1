"""How the commands about documents talk to the office: files go up, results come down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.remote import Answered, Remote, explain, telling

_PATIENCE = httpx2.Timeout(60, read=600, write=600)
_VARIABLE = "RECHENWERK_OFFICE_URL"
_PAGE = 1000
"""Documents that are asked for at once."""
_SKIPPED = frozenset({"Thumbs.db", "desktop.ini", ".DS_Store"})


class LocalFile(msgspec.Struct, frozen=True):
    """A file that is to be sent.

    Attributes:
        name: with its folders below the one that was named.
    """

    path: Path
    name: str


class DocumentRemote:
    """The routes of documents.

    Args:
        there: where the installation is.
        organisation: another than the key's.
    """

    def __init__(self, there: Remote, organisation: str | None = None) -> None:
        self._there = there
        self._organisation = organisation

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The office's answer. Raises RechenwerkError: one line that says what to do."""
        return self._there.ask(method, f"/documents{path}", body, organisation=self._organisation, **query)

    def try_ask(self, method: str, path: str, body: Any = None, **query: Any) -> Answered:
        """The same, for a caller that wants to see refusals."""
        return self._there.try_ask(
            method, f"/documents{path}", body, organisation=self._organisation, **query
        )

    def documents(self, job: int, *states: str) -> list[Any]:
        """The documents of a job, of these states where some are named."""
        query = {"limit": _PAGE, "state": list(states) or None}
        listed: list[Any] = self.pages(f"/jobs/{job}/files", "documents", **query)["documents"]
        return listed

    def pages(self, path: str, *lists: str, **query: Any) -> Any:
        """An answer whose lists come in pages, put together; the rest is the last page's."""
        found: dict[str, list[Any]] = {name: [] for name in lists}
        after: Any = 0
        while True:
            page = self.ask("GET", path, after=after, **query)
            for name in lists:
                found[name] += page[name]
            after = page.pop("next")
            if after is None:
                return {**page, **found}

    def send(self, job: int, file: LocalFile) -> Any:
        """Upload a file; its row.

        Raises:
            RechenwerkError: it cannot be read, or the office does not take it.
        """
        params = {"name": file.name, **self._whose()}
        try:
            with file.path.open("rb") as source, telling(self._there.office_url, _VARIABLE):
                answer = httpx2.post(
                    self._address(f"/jobs/{job}/files"),
                    params=params,
                    headers=dict(self._there.headers()),
                    content=_pieces(source.read, 1 << 20),
                    timeout=_PATIENCE,
                )
        except OSError as error:
            raise RechenwerkError(f"{file.path} cannot be read: {error.strerror or error}") from None
        body = _body(answer)
        if answer.status_code >= 400:
            raise RechenwerkError(f"{file.name}: {explain(answer.status_code, body, self._there.office_url)}")
        return body

    def fetch(self, path: str, **query: Any) -> bytes:
        """Bytes: an export, a page. Raises RechenwerkError."""
        params = {name: value for name, value in {**self._whose(), **query}.items() if value is not None}
        with telling(self._there.office_url, _VARIABLE):
            answer = httpx2.get(
                self._address(path), params=params, headers=dict(self._there.headers()), timeout=_PATIENCE
            )
        if answer.status_code >= 400:
            raise RechenwerkError(explain(answer.status_code, _body(answer), self._there.office_url))
        return answer.content

    def follow(self, job: int) -> Iterator[Any]:
        """The job whenever it has changed, until it has ended or pauses."""
        with (
            telling(self._there.office_url, _VARIABLE),
            httpx2.stream(
                "GET",
                self._address(f"/jobs/{job}/events"),
                params=self._whose(),
                headers=dict(self._there.headers()),
                timeout=_PATIENCE,
            ) as answer,
        ):
            if answer.status_code >= 400:
                answer.read()
                raise RechenwerkError(explain(answer.status_code, _body(answer), self._there.office_url))
            for line in answer.iter_lines():
                if line.startswith("data: {") and len(line) > len("data: {}"):
                    yield msgspec.json.decode(line.removeprefix("data: "))

    def _whose(self) -> Mapping[str, str]:
        return {} if self._organisation is None else {"organisation": self._organisation}

    def _address(self, path: str) -> str:
        return f"{self._there.office_url.rstrip('/')}/api/v1/documents{path}"


def _pieces(read: Any, size: int) -> Iterator[bytes]:
    while piece := read(size):
        yield piece


def _body(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def files_of(folder: Path) -> list[LocalFile]:
    """The files of a folder and those below, or the one file that was named; in the order of their names.

    Raises:
        RechenwerkError: there is nothing.
    """
    if folder.is_file():
        return [LocalFile(folder, folder.name)]
    if not folder.is_dir():
        raise RechenwerkError(f"there is no folder {folder}")
    found = [
        LocalFile(path, path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in _SKIPPED
        and not any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise RechenwerkError(f"{folder} has no files")
    return found


def digest_of(path: Path) -> str:
    """SHA-256 of a file. Raises RechenwerkError: it cannot be read."""
    try:
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise RechenwerkError(f"{path} cannot be read: {error.strerror or error}") from None
