#!/usr/bin/env bash
# All tests: set-up, checks, then one pytest run over unit, contract and end-to-end tests, whose summary is the last line.
set -euo pipefail
cd "$(dirname "$0")/.."
source hack/setup/certificates.sh
say() { printf 'test: %s\n' "$*" >&2; }
say "set-up"
hack/setup/venv.sh
hack/setup/packages.sh
say "checks"
hack/check.sh
say "cluster and images (the first time takes a quarter of an hour)"
PATH="$(hack/cluster/bin.sh):$PATH"
KUBECONFIG="$(hack/cluster/ready.sh)"
export PATH KUBECONFIG
say "tests"
.venv/bin/python -m pytest tests "$@"
