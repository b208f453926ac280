#!/usr/bin/env bash
# All tests: set-up, checks, then unit, contract and end-to-end tests. The last line counts them.
# Checks and unit tests run while the cluster and the images are made. The end-to-end tests, which mostly wait for the cluster, run beside
# the contract tests, which mostly compute; what they print is shown, and followed, once the others are through.
set -euo pipefail
cd "$(dirname "$0")/.."
source hack/setup/certificates.sh
say() { printf 'test: %s\n' "$*" >&2; }
say "set-up"
hack/setup/venv.sh
hack/setup/packages.sh
hack/setup/tfjs.sh
say "cluster and images (the first time takes a quarter of an hour), checks and unit tests beside them"
PATH="$(hack/cluster/bin.sh):$(hack/storage/bin.sh):$PATH"
export PATH
results=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$results"' EXIT
hack/cluster/ready.sh >"$results/kubeconfig" &
making=$!
outcome=0
hack/check.sh || { say "checks failed"; exit 1; }
say "checks passed; unit tests"
.venv/bin/python -m pytest tests/unit --junitxml "$results/unit.xml" || outcome=1
wait $making || { say "there is no cluster to test on: see above"; exit 1; }
KUBECONFIG=$(cat "$results/kubeconfig")
export KUBECONFIG
say "contract and end-to-end tests"
on_cluster() {
  local outcome=0
  .venv/bin/python -m pytest tests/e2e --ignore tests/e2e/test_operator.py -n 2 --dist loadfile --junitxml "$results/e2e.xml" || outcome=1
  .venv/bin/python -m pytest tests/e2e/test_operator.py --junitxml "$results/operator.xml" || outcome=1
  return $outcome
}
on_cluster >"$results/e2e" 2>&1 &
on_cluster=$!
.venv/bin/python -m pytest tests/contract --junitxml "$results/contract.xml" || outcome=1
tail -n +1 -f --pid=$on_cluster "$results/e2e"
wait $on_cluster || outcome=1
.venv/bin/python hack/count.py "$results"/*.xml || outcome=1
exit $outcome
