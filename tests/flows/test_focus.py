"""Contracts out of an installation as a FOCUS dataset, and back into a file that says the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from rechenwerk.contracts.terms import Contract
from tests.flows.served import Served
from tests.unit.contract_examples import FOLDER, example


def test_what_stands_goes_out_and_comes_back(served: Served, tmp_path: Path) -> None:
    applied = example("azure-macc").contracts + example("own-gpu-server").contracts
    for name in ("own-gpu-server", "azure-macc"):
        text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").replace('"EUR"', '"USD"')
        file = tmp_path / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        assert served.cli("apply", str(file), "--yes").code == 0
    rows = tmp_path / "contracts.csv"
    assert served.cli("contract", "export", "--to", str(rows)).code == 0
    told = {row["ContractCommitmentId"]: row for row in served.cli("contract", "export", "--json").json()}
    assert told["MACC"]["ContractCommitmentCost"] == "500000"
    assert told["MACC"]["BillingCurrency"] == "USD"
    table = served.cli("contract", "import", str(rows))
    assert table.code == 0, table.err
    read = [msgspec.convert(one, Contract) for one in tomllib.loads(table.out)["contract"]]
    names = {one.name for one in read}
    stand = [one for one in applied if one.name in names]
    assert {"MACC", "azure on demand"} <= names
    assert sorted(read, key=lambda one: one.name) == sorted(stand, key=lambda one: one.name)
    whole = tmp_path / "tables.toml"
    assert served.cli("contract", "import", str(rows), "--to", str(whole)).code == 0
    assert whole.read_text(encoding="utf-8") == table.out
    assert served.cli("contract", "import", str(rows), "--json").json()[0]["name"] in names


def test_what_cannot_be_read_or_written_is_one_line(served: Served, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("ContractCommitmentId,ServiceProviderName\na,\n", encoding="utf-8")
    told = served.cli("contract", "import", str(broken)).one_line()
    assert "broken.csv: line 2: ServiceProviderName is empty" in told
    assert "no such file" in served.cli("contract", "import", str(tmp_path / "none.csv")).one_line().lower()
    nowhere = str(tmp_path / "no" / "where.csv")
    assert "cannot write" in served.cli("contract", "export", "--to", nowhere).one_line()
