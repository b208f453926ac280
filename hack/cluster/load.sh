#!/usr/bin/env bash
# Puts images of the Docker engine into the cluster's worker nodes; what a node has already is not sent again.
#
#   hack/cluster/load.sh tfmodel-operator:0.1.0 tfmodel-runtime:0.1.0
#
# All missing images travel in one stream to all nodes at once, so a layer that several share is read once.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

[ $# -gt 0 ] || die "usage: load.sh IMAGE..."
DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST
loaded=/var/lib/tfmodel-loaded # in a node: one empty file for each image that it holds, named by the image's id

nodes=$(docker ps -q --filter "label=io.x-k8s.kind.cluster=$cluster" --filter "label=io.x-k8s.kind.role=worker")
[ -n "$nodes" ] || die "no cluster $cluster here: run hack/cluster/up.sh first"

mark() { docker image inspect -f '{{.Id}}' "$1" | tr -dc 'a-z0-9' && echo "-$1" | tr '/:' '__'; }
has() { docker exec "$1" test -e "$loaded/$2"; }

missing=()
for image; do
  name=$(mark "$image") || die "the engine has no image $image: run hack/images/build.sh first"
  for node in $nodes; do
    has "$node" "$name" || { missing+=("$image"); break; }
  done
done

send() {
  local node pipes=() receivers=()
  local folder
  folder=$(mktemp -d)
  for node in $nodes; do
    mkfifo "$folder/$node"
    docker exec -i "$node" ctr -n k8s.io images import --snapshotter overlayfs - <"$folder/$node" &
    receivers+=($!)
    pipes+=("$folder/$node")
  done
  docker save "$@" | tee "${pipes[@]}" >/dev/null
  for receiver in "${receivers[@]}"; do wait "$receiver"; done
  rm -rf "$folder"
}

note() {
  local image name node
  for image; do
    name=$(mark "$image")
    for node in $nodes; do docker exec "$node" sh -c "mkdir -p $loaded && touch $loaded/$name"; done
  done
}

[ ${#missing[@]} -gt 0 ] || { say "the nodes hold $* already"; exit 0; }
step "images into the nodes: ${missing[*]}" send "${missing[@]}"
note "${missing[@]}"
