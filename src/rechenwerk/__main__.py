"""``python -m rechenwerk``."""

from __future__ import annotations

import sys

from rechenwerk.cli.app import run

if __name__ == "__main__":
    sys.exit(run())
