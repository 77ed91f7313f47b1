"""Pulled models: where they lie, and how they come into the operator's catalogue."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from rechenwerk.base.errors import SetupError
from rechenwerk.base.settings import Settings, read_settings
from rechenwerk.office.config import diff, parse
from rechenwerk.office.ports import OPERATOR, Change, Configured, Deployment, Desk
from rechenwerk.providers.pulled import Pullable, Pulled, catalogue, pulled
from rechenwerk.providers.pulling import Plan, Progress, Source, pull, remove
from rechenwerk.providers.sentences import LICENCE, MINILM, TITLE, install

__all__ = ["Progress", "Pulled", "Source", "known_models", "models_folder", "offer", "pull_model", "remove"]

_log = logging.getLogger("rechenwerk.main")
_OFFERED = "offered-models.json"
_PROVIDER = "embedded"
_VECTORS = "embedded-embeddings"
_FREE = '{ input = "0", output = "0" }'
_FREE_INPUT = '{ input = "0" }'


class KnownModel(msgspec.Struct, frozen=True):
    """A model that is installed or can be pulled by name.

    Args:
        state: 'installed' or 'not pulled'.
    """

    name: str
    title: str
    licence: str
    size: int
    sha256: str
    state: str
    source: str = ""
    file: str = ""


def models_folder(settings: Settings, data_dir: Path) -> Path:
    """Where model files lie: the setting, else a folder of the data folder."""
    return Path(settings.models_dir) if settings.models_dir else data_dir / "models"


def folder_here(data_dir: Path) -> Path:
    """The same, with the settings of this process's environment."""
    return models_folder(read_settings(os.environ), data_dir)


def known_models(data_dir: Path) -> list[KnownModel]:
    """What is installed, then what can be pulled by name."""
    folder = folder_here(data_dir)
    there = [
        KnownModel(
            one.name,
            one.title,
            one.licence,
            one.size,
            one.sha256,
            "installed",
            one.source,
            str(one.path(folder)),
        )
        for one in pulled(folder)
    ]
    names = {one.name for one in there}
    rest = [
        KnownModel(one.name, one.title, one.licence, one.size, one.sha256, "not pulled")
        for one in catalogue().values()
        if one.name not in names
    ]
    if MINILM.name not in names:
        weights = MINILM.files[0]
        rest.append(KnownModel(MINILM.name, TITLE, LICENCE, weights.size, weights.sha256, "not pulled"))
    return [*there, *rest]


def pull_model(
    name: str, data_dir: Path, source: Source, progress: Progress, *, url: str = "", sha256: str = ""
) -> Pulled:
    """Install a model by name, or any GGUF by address and SHA-256.

    Raises:
        SetupError: an unknown name, half an address, or what `pulling.pull` says.
    """
    settings = read_settings(os.environ)
    plan = Plan(models_folder(settings, data_dir), source, settings.model_hub)
    if name == MINILM.name:
        return install(plan.folder, progress)
    return pull(_wanted(name, url, sha256.strip().lower()), plan, progress)


def _wanted(name: str, url: str, sha256: str) -> Pullable:
    known = catalogue()
    if not url and not sha256:
        if name not in known:
            raise SetupError(
                f"unknown model {name!r}; known: {', '.join(sorted({*known, MINILM.name}))}. "
                "Any other GGUF: --url https://… --sha256 HASH"
            )
        return known[name]
    if not url or len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise SetupError("a model by address needs --url and --sha256 with 64 hexadecimal digits")
    if (
        name in {*known, MINILM.name}
        or not name
        or not all(sign.isalnum() or sign in "-._" for sign in name)
        or name[0] == "."
    ):
        raise SetupError(
            f"{name!r} cannot be the name of a model by address: take a free name of a-z, 0-9, -, ."
        )
    file = url.split("?", maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1]
    if not file.endswith(".gguf"):
        raise SetupError(f"{file!r} is no GGUF file: only .gguf files can be served")
    return Pullable(name=name, file=file, sha256=sha256, url=url, title=file)


async def offer(desk: Desk, folder: Path, data_dir: Path) -> list[str]:
    """Put newly pulled models into the operator's catalogue, and take removed ones out; returns their names.

    What the operator decided since stays: a model that he took out of his file comes back only when it is
    removed and pulled again, and prices that he wrote are kept.
    """
    note = data_dir / _OFFERED
    before = set(msgspec.json.decode(note.read_bytes(), type=list[str])) if note.is_file() else set()
    there = {one.name: one for one in pulled(folder)}
    changed = sorted(there.keys() ^ before)
    if changed:
        gone = before - there.keys()
        fresh = [there[name] for name in changed if name in there]
        await desk.configuration.apply(OPERATOR, lambda current: _changes(current, fresh, gone))
        note.write_bytes(msgspec.json.encode(sorted(there)))
        _log.info("embedded models now: %s", ", ".join(sorted(there)) or "the built-in ones only")
    return changed


def _changes(current: Configured, fresh: list[Pulled], gone: set[str]) -> list[Change]:
    wanted = parse(_file(current.currency, fresh))
    new = {one.name for one in fresh}
    priced = {row.model for row in current.tariffs} | {row.model for row in current.costs}
    changes = []
    for change in diff(current, wanted):
        row = change.after
        model = getattr(row, "model", None)
        if model is None:
            # Provider and contract as at the first start; what stands is the operator's.
            keep = change.what in ("provider", "contract") and change.action == "create"
        elif isinstance(row, Deployment):
            withdrawn = row.provider in {_PROVIDER, _VECTORS} and model in gone
            keep = withdrawn if change.action == "deactivate" else model in new
        else:
            keep = model in new and model not in priced
        if keep:
            changes.append(change)
    return changes


def _file(currency: str, models: list[Pulled]) -> str:
    """The models as a configuration."""
    text = f"""currency = "{currency}"
[[provider]]
name = "{_PROVIDER}"
kind = "embedded"
[[contract]]
name = "embedded on demand"
provider = "{_PROVIDER}"
kind = "on-demand"
[[provider]]
name = "{_VECTORS}"
kind = "embedded-embeddings"
[[contract]]
name = "embedded embeddings on demand"
provider = "{_VECTORS}"
kind = "on-demand"
"""
    for one in models:
        provider, contract = _PROVIDER, "embedded on demand"
        endpoints, free = '["chat", "completions"]', _FREE
        if one.kind == "embeddings":
            provider, contract = _VECTORS, "embedded embeddings on demand"
            endpoints, free = '["embeddings"]', _FREE_INPUT
        text += f"""[[deployment]]
model = "{one.name}"
provider = "{provider}"
contract = "{contract}"
endpoints = {endpoints}
context_tokens = {one.context_tokens}
max_output_tokens = {one.max_output_tokens}
cost = {free}
[[tariff]]
model = "{one.name}"
price = {free}
"""
    return text
