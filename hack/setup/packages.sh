#!/usr/bin/env bash
# Installs the Debian packages that the tests need: a real Prometheus with promtool, curl, and Chromium.
set -euo pipefail
missing=()
command -v prometheus >/dev/null || missing+=(prometheus)
command -v curl >/dev/null || missing+=(curl)
command -v chromium >/dev/null || missing+=(chromium)
[ "${#missing[@]}" = 0 ] && exit 0
[ "$(id -u)" = 0 ] || { echo "setup: only root can install ${missing[*]}" >&2; exit 1; }
echo "setup: installing ${missing[*]}" >&2
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
