"""Where something stands in a TOML text, for the office: `base.toml_lines` under its old name."""

from __future__ import annotations

from rechenwerk.base.toml_lines import Path, line_at, lines_of

__all__ = ["Path", "line_at", "lines_of"]
