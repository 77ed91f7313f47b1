"""Scripts and styles, vendored and built: served from memory under names that carry their content's hash."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from importlib import resources

import msgspec
from starlette.requests import Request
from starlette.responses import Response

_TYPES = (
    (".css", "text/css; charset=utf-8"),
    (".js", "text/javascript; charset=utf-8"),
    (".svg", "image/svg+xml"),
)
_FOR_EVER = "public, max-age=31536000, immutable"


class Asset(msgspec.Struct, frozen=True):
    """A file as it is served."""

    media_type: str
    plain: bytes
    packed: bytes


class Assets:
    """All of them.

    Args:
        files: name -> the name that is served, and the bytes.
    """

    def __init__(self, files: Mapping[str, tuple[str, bytes]]) -> None:
        self._names = {name: served for name, (served, _) in files.items()}
        self._served = {
            served: Asset(
                next(kind for end, kind in _TYPES if served.endswith(end)),
                data,
                gzip.compress(data, 9, mtime=0),
            )
            for served, data in files.values()
        }

    def url(self, name: str) -> str:
        """Where a file is served."""
        return f"/console/static/{self._names[name]}"

    async def serve(self, request: Request) -> Response:
        """One file."""
        found = self._served.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
        if packed:
            headers["content-encoding"] = "gzip"
        return Response(found.packed if packed else found.plain, media_type=found.media_type, headers=headers)


def read_assets() -> Assets:
    """The files that `make assets` built."""
    folder = resources.files("rechenwerk.console") / "static"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    return Assets(
        {name: (row["file"], (folder / row["file"]).read_bytes()) for name, row in manifest.items()}
    )
