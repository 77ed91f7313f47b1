"""LibreOffice without a window, as a second calculator: it opens a workbook and calculates everything.

Values that a workbook carries beside its formulas are taken out before, so that nothing can be read that was
not calculated.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import openpyxl

Cells = dict[str, dict[str, object]]
"""By sheet, by address."""
PROGRAM = shutil.which("soffice")
_ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>
"""


def without_values(book: bytes) -> bytes:
    """The workbook with formulas only."""
    found = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as before,
        zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            data = before.read(name)
            if name.startswith("xl/worksheets/sheet"):
                data = re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", data)
            after.writestr(name, data)
    return found.getvalue()


def changed(book: bytes, values: dict[tuple[str, str], Any]) -> bytes:
    """The workbook with other values in some cells; by sheet and address."""
    read = openpyxl.load_workbook(io.BytesIO(book))
    for (sheet, address), value in values.items():
        read[sheet][address] = value
    found = io.BytesIO()
    read.save(found)
    return found.getvalue()


def cells(book: bytes) -> Cells:
    """What cells hold, without calculating anything."""
    read = openpyxl.load_workbook(io.BytesIO(book), data_only=True)
    return {
        sheet.title: {
            cell.coordinate: cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None
        }
        for sheet in read.worksheets
    }


def calculated(book: bytes, folder: Path) -> Cells:
    """What LibreOffice says that every cell is."""
    assert PROGRAM is not None
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS, encoding="utf-8")
    (folder / "in.xlsx").write_bytes(without_values(book))
    out = folder / "out"
    command = [PROGRAM, f"-env:UserInstallation=file://{profile}", "--headless", "--convert-to", "xlsx"]
    done = subprocess.run(
        [*command, "--outdir", str(out), str(folder / "in.xlsx")],
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return cells((out / "in.xlsx").read_bytes())
