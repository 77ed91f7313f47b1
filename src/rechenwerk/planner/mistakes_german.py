"""What is wrong with a plan, in German; the texts stand in `mistakes.de.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from rechenwerk.base.sentences import translated


@lru_cache(maxsize=1)
def table() -> Mapping[str, str]:
    """English halves of sentences -> German ones."""
    text = (resources.files("rechenwerk.planner") / "mistakes.de.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def in_german(said: str) -> str:
    """A sentence in German, as far as there is one."""
    return translated(said, table())
