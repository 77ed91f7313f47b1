"""Fuzz one decoder with atheris (installed apart: ``uv pip install atheris``); the first crash ends it."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

atheris: Any = importlib.import_module("atheris")
with atheris.instrument_imports(include=["rechenwerk.wire", "rechenwerk.gateway"]):
    targets: Any = importlib.import_module("tests.fuzz.targets")

_LONGEST = 16_384


def main() -> None:
    """Run until a crash, or for so many seconds."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("decoder", choices=sorted(targets.DECODERS))
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    decoder = targets.DECODERS[given.decoder]
    with tempfile.TemporaryDirectory() as folder:
        for at, seed in enumerate(decoder.seeds):
            (Path(folder) / f"seed{at}").write_bytes(seed)
        options = [f"-max_total_time={given.seconds}", f"-max_len={_LONGEST}", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *options, "-timeout=10", "-print_final_stats=1", folder], decoder.run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
