#!/usr/bin/env bash
# All tests: set-up, checks, then unit, contract and end-to-end tests. The last line counts them.
# Whoever waits for the network or the cluster runs beside whoever computes: the cluster and the images are made beside checks and unit
# tests, and as soon as they are there the end-to-end tests begin. What these print is shown, and followed, once the others are through.
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
by_two=(-n 2 --dist loadfile --no-loadscope-reorder) # files in the order of tests/conftest.py: the longest first
touch "$results/e2e"
on_cluster() {
  local outcome=0
  KUBECONFIG=$(hack/cluster/ready.sh) || { say "there is no cluster to test on: see above"; return 1; }
  export KUBECONFIG
  say "the cluster is ready; end-to-end tests beside the others"
  {
    .venv/bin/python -m pytest tests/e2e --ignore tests/e2e/test_operator.py "${by_two[@]}" --junitxml "$results/e2e.xml" || outcome=1
    .venv/bin/python -m pytest tests/e2e/test_operator.py --junitxml "$results/operator.xml" || outcome=1
  } >"$results/e2e" 2>&1
  return $outcome
}
set -m # a process group of its own, which is ended whole
on_cluster &
on_cluster=$!
set +m
trap 'kill -- -$on_cluster 2>/dev/null || true; rm -rf "$results"' EXIT
outcome=0
hack/check.sh || { say "checks failed"; exit 1; }
say "checks passed; unit tests"
.venv/bin/python -m pytest tests/unit "${by_two[@]}" --junitxml "$results/unit.xml" || outcome=1
say "contract tests"
.venv/bin/python -m pytest tests/contract "${by_two[@]}" --junitxml "$results/contract.xml" || outcome=1
tail -n +1 -f --pid=$on_cluster "$results/e2e"
wait $on_cluster || outcome=1
hack/setup/bytecode.sh keep || say "what Python compiled is not kept"
.venv/bin/python hack/count.py "$results"/*.xml || outcome=1
exit $outcome
