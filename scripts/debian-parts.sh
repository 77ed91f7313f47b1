#!/usr/bin/env bash
# Node.js is the one part that only a test needs (the official npm SDK as a client).
set -uo pipefail
command -v npm >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null && exit 0
fi
echo "rechenwerk: the test of the npm SDK needs Node.js: apt-get install nodejs npm" >&2
exit 1
