#!/usr/bin/env bash
# Makes .venv from the lock files, every file checked against its hash. Needs Python 3.11+ and the package registry.
set -euo pipefail
python="${1:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "rechenwerk: $python is older than 3.11. Install Python 3.11 or newer, or name one: make PY=python3.12 run" >&2
  exit 1
}
if [ ! -x .venv/bin/python ]; then
  echo "rechenwerk: making .venv"
  "$python" -m venv .venv || {
    echo "rechenwerk: this Python has no venv module. On Debian: apt-get install python3-venv" >&2
    rm -rf .venv
    exit 1
  }
fi
.venv/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r bootstrap.lock 2> >(grep -v '^WARNING: Location' >&2)
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
# Our own package: editable, no dependency resolution, and no build backend from outside the lock.
.venv/bin/python - <<'PY'
import pathlib, sysconfig
site = pathlib.Path(sysconfig.get_path("purelib"))
(site / "rechenwerk.pth").write_text(str(pathlib.Path("src").resolve()) + "\n")
script = pathlib.Path(".venv/bin/rechenwerk")
python = pathlib.Path(".venv/bin/python").absolute()
script.write_text(f"#!{python}\nimport sys\nfrom rechenwerk.cli.app import run\nsys.exit(run())\n")
script.chmod(0o755)
PY
echo "rechenwerk: .venv is ready"
