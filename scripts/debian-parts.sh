#!/usr/bin/env bash
# What only tests need: Node.js (the official npm SDK as a client), hledger (reads what is
# exported), and Chromium (drives the console).
set -uo pipefail
command -v npm >/dev/null && command -v hledger >/dev/null && command -v chromium >/dev/null && exit 0
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
may_install && apt-get update -qq >/dev/null
if ! command -v hledger >/dev/null; then
  may_install && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq hledger >/dev/null ||
    echo "rechenwerk: without hledger its tests are skipped: apt-get install hledger" >&2
fi
if ! command -v chromium >/dev/null; then
  may_install && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null ||
    echo "rechenwerk: without Chromium the console's pages are not tested in a browser: apt-get install chromium" >&2
fi
command -v npm >/dev/null && exit 0
may_install && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null && exit 0
echo "rechenwerk: the test of the npm SDK needs Node.js: apt-get install nodejs npm" >&2
exit 1
