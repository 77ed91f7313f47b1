"""The text that a plan is read from: TOML or YAML, with the lines of its tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import Mistake, MistakesError, Reader

_MOST = 200_000
"""Places of a YAML text: more come only from references that multiply."""


class Source(msgspec.Struct, frozen=True):
    """What a plan is read from.

    Args:
        text: of the file.
        format: how it is written.
        scenario: that the plan is in; empty: as written.
    """

    text: str
    format: Literal["toml", "yaml"] = "toml"
    scenario: str = ""


def source_of(name: str, data: bytes) -> Source:
    """The source of a file's bytes; YAML by its name.

    Raises:
        PlanError: it is no text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PlanError("{name} is no UTF-8 text; name a .toml, .yaml or .xlsx file", name=name) from None
    return Source(text, "yaml" if name.lower().endswith((".yaml", ".yml")) else "toml")


def reader_of(source: Source) -> Reader:
    """The tables of a text, not looked at yet.

    Raises:
        MistakesError: it is neither TOML nor YAML, whichever it should be.
    """
    if source.format == "toml":
        return Reader(source.text, numbers=float)
    return Reader(source.text, parsed=_yaml(source.text))


def _yaml(text: str) -> tuple[dict[str, Any], Mapping[Path, int]]:
    """Tables and lines. YAML 1.2: `no` is a word, and 012 is twelve."""
    try:
        raw = YAML(typ="safe", pure=True).load(text)
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        said = getattr(error, "problem", None) or str(error).partition("\n")[0]
        line = mark.line + 1 if mark is not None else 1
        raise MistakesError(
            [Mistake(line, sentence("this is not YAML: {said}", said=said), "mend the syntax")]
        ) from None
    if not isinstance(raw, dict):
        raise MistakesError([Mistake(1, "the file is no table", "write keys such as title: My plan")])
    lines: dict[Path, int] = {}
    _note(node, (), lines)
    return _plainly(raw), lines


def _note(node: Node, path: Path, lines: dict[Path, int]) -> None:
    if len(lines) > _MOST:
        raise MistakesError([Mistake(1, "the file's references multiply", "write out what they stand for")])
    if isinstance(node, MappingNode):
        for key, value in node.value:
            lines[(*path, str(key.value))] = key.start_mark.line + 1
            _note(value, (*path, str(key.value)), lines)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _note(value, (*path, index), lines)


def _plainly(value: Any) -> Any:
    """Days as text and names as text, as TOML has them."""
    if isinstance(value, dict):
        return {str(key): _plainly(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plainly(one) for one in value]
    return value.isoformat() if isinstance(value, dt.date) else value
