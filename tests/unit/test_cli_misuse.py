"""A number below zero where an amount is meant: one line, and the status of what is written wrong."""

from __future__ import annotations

import pytest

from rechenwerk.cli.app import run

# command | what it ends with | what it says
LINES = """
wallet topup -5 | 2 | -5 would be read as an option; amounts are above zero
wallet topup -1,50 --organisation x | 2 | -1,50 would be read as an option
books reverse-voucher -17 --reason x | 2 | written after --, last: -- -17
wallet topup | 2 | Missing argument
books nonsense | 2 | No such command
books reverse-voucher --reason x -- -17 | 1 | no key
books journal --before -17 | 1 | no key
"""


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_a_number_below_zero(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, status, said = line.split(" | ")
    assert run(["--key", "", *command.split()]) == int(status)
    written = capsys.readouterr()
    assert said in written.err
    assert written.out == ""
    if "-- -17" in said or "option" in said:
        assert written.err.count("\n") == 1
