#!/usr/bin/env bash
# What takes seconds: lint, format, types, the arrows between packages, generated files.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
# What mypy knows of a module holds wherever the checkout lies.
export MYPY_CACHE_DIR="${TFMODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tfmodel}/mypy"
"$bin/ruff" check --quiet .
"$bin/ruff" format --quiet --check .
"$bin/mypy" --no-error-summary sdk operator runtime trainer cli tests hack/generate bench/comparison bench/compare.py bench/cores.py bench/scale.py
"$bin/lint-imports" --no-logo 2>/dev/null || "$bin/lint-imports"
TF_CPP_MIN_LOG_LEVEL=3 "$bin/python" hack/generate/main.py --check 2>/dev/null ||
  { echo "generated files differ from their sources: run make generate" >&2; exit 1; }
