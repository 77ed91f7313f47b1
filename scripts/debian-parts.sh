#!/usr/bin/env bash
# What only tests need of Debian: a program, its packages, and what is not tested without it.
set -uo pipefail

missing() { ! command -v "$1" >/dev/null; }
install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  [ -n "${updated:-}" ] || { apt-get update -qq >/dev/null && updated=yes; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
want() { # program, packages, what is skipped
  missing "$1" || return 0
  # shellcheck disable=SC2086 # several packages
  install $2 || echo "rechenwerk: without $1 $3: apt-get install $2" >&2
}

want hledger hledger "exported journals are not read back by it"
want chromium chromium "the console is not tested in a browser"
want soffice libreoffice-calc "exported workbooks are not recalculated"
want npm "nodejs npm" "the npm SDK, single sign-on and accessibility are not tested"
if missing npm; then exit 1; fi
