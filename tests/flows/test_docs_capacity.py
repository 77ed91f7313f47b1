"""The commands of docs/capacity.md, run as they stand there."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.flows.served import Served

PAGE = (Path(__file__).parents[2] / "docs" / "capacity.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
KEPT = re.compile(r"(\w+)=\$\((.*) \| jq -r \.key\)")


def test_every_command_of_the_page_does_what_it_says(served: Served) -> None:
    today = datetime.now(UTC).date()
    known = {"FIRST": str(today), "LAST": str(today + timedelta(days=30))}
    commands = [line for block in BLOCK.findall(PAGE) for line in block.splitlines()]
    assert len(commands) == 18
    for line in commands:
        kept = KEPT.fullmatch(line)
        text = kept[2] if kept else line
        for name, value in known.items():
            text = text.replace(f'"${name}"', value)
        program, *arguments = shlex.split(text)
        assert program == "rechenwerk"
        key = arguments[1] if arguments[0] == "--key" else None
        ended = served.cli(*(arguments if key is None else arguments[2:]), key=key)
        assert ended.code == 0, f"{line}: {ended.err}"
        if kept:
            known[kept[1]] = ended.json()["key"]
    shown = served.cli("reserve", "show", "--json").json()
    assert [one["state"] for one in shown["draws"]] == ["active"]
    assert [one["stage"] for one in served.cli("grant", "list", "--json").json()["grants"]] == ["granted"]
    assert served.cli("capacity", "pools", "--json").json()["pools"][0]["free"] == 30_000
