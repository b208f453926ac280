#!/usr/bin/env bash
# All tests: set-up, checks, then one pytest run over unit, contract and end-to-end tests, whose summary is the last line.
# The checks run while the cluster and the images are made.
set -euo pipefail
cd "$(dirname "$0")/.."
source hack/setup/certificates.sh
say() { printf 'test: %s\n' "$*" >&2; }
say "set-up"
hack/setup/venv.sh
hack/setup/packages.sh
hack/setup/tfjs.sh
say "cluster and images (the first time takes a quarter of an hour), and checks beside them"
PATH="$(hack/cluster/bin.sh):$(hack/storage/bin.sh):$PATH"
export PATH
named=$(mktemp)
trap 'rm -f "$named"' EXIT
hack/cluster/ready.sh >"$named" &
making=$!
checks=passed
hack/check.sh || checks=failed
say "checks $checks"
wait $making || { say "there is no cluster to test on: see above"; exit 1; }
[ "$checks" = passed ] || exit 1
KUBECONFIG=$(cat "$named")
export KUBECONFIG
say "tests"
.venv/bin/python -m pytest tests "$@"
