#!/usr/bin/env bash
# Resident memory and time of importing each candidate client of the operator, best of five, for docs/adr/0002.
set -euo pipefail
cd "$(dirname "$0")/../.."
lightkube=$(mktemp -d)
trap 'rm -rf "$lightkube"' EXIT
.venv/bin/uv pip install --quiet --target "$lightkube" lightkube
measure() { # name, program, extra path
  PYTHONPATH="${3:-}" .venv/bin/python - "$1" "$2" <<'P'
import subprocess, sys
tail = "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
program = "import time; begun = time.perf_counter(); " + sys.argv[2] + "; print(time.perf_counter() - begun)" + tail
runs = [subprocess.check_output([sys.executable, "-c", program], text=True).split() for _ in range(5)]
print(f"| {sys.argv[1]} | {min(int(run[1]) for run in runs)} MiB | {min(float(run[0]) for run in runs):.2f} s |")
P
}
echo "| imported | resident | time |"
echo "|---|---|---|"
measure "kopf alone" "import kopf"
measure "kopf and kube.py" "import kopf, tfmodel_operator.kube"
measure "kopf and lightkube" "import kopf, lightkube; from lightkube.resources import apps_v1, batch_v1, core_v1" "$lightkube"
measure "kopf and the official client" "import kopf; from kubernetes import client, config; client.AppsV1Api, client.BatchV1Api, client.CoreV1Api"
