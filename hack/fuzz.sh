#!/usr/bin/env bash
# The tests that send random input, for long. EXAMPLES inputs go to each of the five tests of bodies, paths and tensors, OPERATION_EXAMPLES
# of each kind, right and wrong, to each operation that /openapi.json describes: those are made from its schemas, which takes three times
# as long. The last line counts tests and inputs.
set -euo pipefail
cd "$(dirname "$0")/.."
export TFMODEL_FUZZ_EXAMPLES=${EXAMPLES:-20000} TFMODEL_FUZZ_OPERATION_EXAMPLES=${OPERATION_EXAMPLES:-300}
hack/setup/venv.sh
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
outcome=0
.venv/bin/python -m pytest tests/contract/fuzz tests/contract/rest/test_docs.py --durations=0 --durations-min=1 \
  --junitxml "$results/fuzz.xml" || outcome=$?
.venv/bin/python hack/count.py --inputs "$results/fuzz.xml"
exit $outcome
