#!/usr/bin/env bash
# Installs the Debian packages named, if any of them is missing.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

missing=()
for package; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || die "needs ${missing[*]}; this system has no apt-get, install them by hand"
[ "$(id -u)" = 0 ] || die "needs root to install Debian packages: ${missing[*]}"
hold packages
export DEBIAN_FRONTEND=noninteractive
# A foreign source that does not answer must not stop us: what counts is whether the packages install.
lists() { apt-get update -q -o Acquire::Retries=3 || true; }
step "package lists" lists
# No daemon may start by itself: the engine is started by engine.sh, with its own data.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
attempts=3 hint="is the Debian mirror reachable?" \
  step "Debian packages: ${missing[*]}" apt-get install -yq --no-install-recommends "${missing[@]}"
