#!/usr/bin/env bash
# Trains Iris without a cluster, serves it and prints the classes of three flowers. KEEP=1 goes on serving.
set -euo pipefail
cd "$(dirname "$0")/.."
hack/setup/venv.sh
free_port() { .venv/bin/python -c "
import socket, sys
for port in (int(sys.argv[1]), 0):
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(('127.0.0.1', port))
        except OSError:
            continue
        print(found.getsockname()[1])
        break" "$1"; }
once=(--once)
[ -n "${KEEP:-}" ] && once=()
export TF_CPP_MIN_LOG_LEVEL=2 TF_ENABLE_ONEDNN_OPTS=0
exec .venv/bin/tfmodel run examples/iris --request examples/iris/client/request.json "${once[@]}" \
  --rest_api_port "$(free_port 8501)" --port "$(free_port 8500)"
