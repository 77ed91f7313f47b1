"""Files that nobody should send: each is read or refused with a reason, and the reader goes on."""

from __future__ import annotations

import asyncio

import pytest
from bench.documents.parsing_bad import MAKERS, bad

from rechenwerk.base.errors import UnreadableError
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import REASONS
from rechenwerk.documents.intake.unpacking import Member
from rechenwerk.documents.parsing.parsers import Parsers

FILES = 96
BATCH = 16
LIMITS = Limits(page_seconds=20, open_seconds=20)


@pytest.mark.parametrize("first", range(0, FILES, BATCH))
def test_no_file_stops_the_reader(first: int) -> None:
    async def work() -> list[str]:
        outcomes = []
        async with Parsers(None, LIMITS) as parsers:
            for number in range(first, first + BATCH):
                name, data, _ = bad(number)
                members = (await parsers.unpack(data, name))[:20]
                outcomes += [await outcome(parsers, member) for member in members]
            assert (await parsers.parse(b"weiter", "a.txt")).text == "weiter\n"
        return outcomes

    outcomes = asyncio.run(work())
    assert len(outcomes) >= BATCH
    assert set(outcomes) <= {"read", *REASONS}


async def outcome(parsers: Parsers, member: object) -> str:
    """'read', or the code of the refusal."""
    if not isinstance(member, Member):
        assert hasattr(member, "code")
        return str(member.code)
    try:
        document = await parsers.parse(member.data, member.name)
    except UnreadableError as error:
        return error.code
    for word in document.words:
        assert document.text[word.start : word.end].split() == [document.text[word.start : word.end]]
    return "read"


def test_the_generator_makes_the_same_files_again() -> None:
    for number in range(len(MAKERS)):
        assert bad(number)[::2] == bad(number)[::2]
    assert bad(7)[1] == bad(7)[1]
