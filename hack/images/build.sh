#!/usr/bin/env bash
# Builds the project's images (default: operator runtime trainer tfjs) as tfmodel-<target>:<version> and prints their names.
#
# The engine and the image they start FROM are made where the machine has none. What did not change is not built again.
set -euo pipefail
source "$(dirname "$0")/../cluster/env.sh"
source "$here/steps.sh"

DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST
"$here/base.sh"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$repository/pyproject.toml" | head -1)
build() { DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-$buildkit} docker build --target "$1" --build-arg "VERSION=$version" -t "tfmodel-$1:$version" "$repository"; }

docker buildx version >/dev/null 2>&1 && buildkit=1 || buildkit=0
hold images
[ $# -gt 0 ] || set -- operator runtime trainer tfjs
for target; do
  attempts=3 hint="are PyPI and the Debian mirror reachable?" step "image tfmodel-$target:$version" build "$target"
  echo "tfmodel-$target:$version"
done
