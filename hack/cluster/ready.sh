#!/usr/bin/env bash
# All that the end-to-end tests need: a cluster, and our images in it; prints the path of its KUBECONFIG.
# The images are built and saved while the cluster's own parts are: the first waits for the network, the second for the processor.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST
list=$(mktemp)
trap 'rm -f "$list"' EXIT
built() {
  "$repository/hack/images/build.sh" >"$list"
  mapfile -t images <"$list"
  "$here/archive.sh" "${images[@]}" >/dev/null
}
built &
building=$!
path=$("$here/up.sh")
wait $building || die "the images could not be built"
mapfile -t images <"$list"
"$here/load.sh" "${images[@]}"
"$here/seed.sh" make "$(docker inspect -f '{{.Config.Image}}' "$cluster-worker")" "$("$here/archive.sh" "${images[@]}")" ||
  say "the next cluster's workers will begin without our images"
echo "$path"
