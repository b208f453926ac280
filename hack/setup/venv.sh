#!/usr/bin/env bash
# Makes .venv in this checkout: pinned, hash-checked packages, from a cache outside the checkout where they are there already.
# A second call does nothing. Needs python3 >= 3.11; installs python3-venv where it is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache="${TFMODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tfmodel}"
venv=.venv
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

command -v python3 >/dev/null || fail "python3 is missing: apt-get install python3"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "python3 is $(python3 -V | cut -d' ' -f2), and 3.11 or newer is needed"

wanted=$(cat requirements/dev.txt requirements/serving-api.txt requirements/tritonclient.txt requirements/tfjs.txt requirements/uv.txt pyproject.toml | sha256sum | cut -d' ' -f1)
[ "$(cat "$venv/.stamp" 2>/dev/null || true)" = "$wanted" ] && exit 0

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  [ "$(id -u)" = 0 ] || fail "python3-venv is missing, and only root can install it: apt-get install python3-venv"
  say "installing python3-venv"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null ||
    fail "python3-venv cannot be installed: is Debian's package server in reach?"
fi

uv="$cache/uv-tool/$(sha256sum requirements/uv.txt | cut -c1-12)"
if [ ! -x "$uv/bin/uv" ]; then
  say "fetching uv"
  rm -rf "$uv.new" && mkdir -p "$(dirname "$uv")" && python3 -m venv "$uv.new"
  "$uv.new/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt ||
    fail "uv cannot be fetched: is PyPI in reach?"
  rm -rf "$uv" && mv "$uv.new" "$uv"
fi

export UV_CACHE_DIR="$cache/uv" UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-hardlink}"
source hack/setup/certificates.sh
if ! mkdir -p "$UV_CACHE_DIR" || [ "$(stat -c %d "$UV_CACHE_DIR")" != "$(stat -c %d .)" ]; then UV_LINK_MODE=copy; fi
say "installing packages (the first time takes a minute or two)"
"$uv/bin/uv" venv --quiet --allow-existing --python "$(command -v python3)" "$venv"
"$uv/bin/uv" pip sync --quiet --require-hashes --python "$venv/bin/python" requirements/dev.txt ||
  fail "packages cannot be installed: is PyPI in reach?"
"$uv/bin/uv" pip install --quiet --no-deps --require-hashes --python "$venv/bin/python" \
  -r requirements/serving-api.txt -r requirements/tritonclient.txt -r requirements/tfjs.txt
"$uv/bin/uv" pip install --quiet --no-deps --no-build-isolation --python "$venv/bin/python" --editable .
printf '%s' "$wanted" >"$venv/.stamp"
hack/setup/bytecode.sh restore
say "done: $venv"
