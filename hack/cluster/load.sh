#!/usr/bin/env bash
# Puts images of the Docker engine into the cluster's worker nodes; layers and images that they have are not sent again.
#
#   hack/cluster/load.sh tfmodel-operator:0.1.0 tfmodel-runtime:0.1.0
#
# All images travel in one archive, so a layer that several share is sent once, to all nodes side by side.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

[ $# -gt 0 ] || die "usage: load.sh IMAGE..."
DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST

mapfile -t nodes < <(docker ps --format '{{.Names}}' --filter "label=io.x-k8s.kind.cluster=$cluster" \
  --filter "label=io.x-k8s.kind.role=worker")
[ ${#nodes[@]} -gt 0 ] || die "no cluster $cluster here: run hack/cluster/up.sh first"
saved=$("$here/archive.sh" "$@")
# In a node: the key of the last load, gone with the node.
mark=/var/lib/tfmodel-images

loaded() {
  local node
  for node in "${nodes[@]}"; do
    [ "$(docker exec "$node" cat $mark 2>/dev/null)" = "$saved" ] || return 1
  done
}

send() { # node
  local known
  for known in layers layers nothing; do
    if import "$1" "$known"; then
      docker exec "$1" sh -c "echo $saved >$mark"
      return 0
    fi
    say "the images did not get into $1; once more"
  done
  return 1
}

# containerd may drop a layer that no image needs any more while an import counts on it: then the import is made again,
# in the end with all layers.
import() { # node layers|nothing
  { if [ "$2" = layers ]; then docker exec "$1" ctr -n k8s.io content ls -q; fi; } | python3 "$here/thin.py" "$saved" |
    docker exec -i "$1" ctr -n k8s.io images import --snapshotter overlayfs -
}

send_all() {
  local node pid pids=()
  for node in "${nodes[@]}"; do
    send "$node" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}

# A pod keeps the image that it was started from, though its name means another one now: an operator that runs already is started anew.
# Pods of models and trainings are made anew by those who test with them.
renew() {
  local kubectl deployment
  kubectl="$("$here/bin.sh" kubectl)/kubectl --kubeconfig $kubeconfig -n tfmodel-system"
  for deployment in $($kubectl get deployments -l app.kubernetes.io/name=tfmodel-operator -o name); do
    $kubectl rollout restart "$deployment"
    $kubectl rollout status "$deployment" --timeout 120s
  done
}

hold images
if loaded; then
  say "the nodes hold $* already"
  exit 0
fi
step "images into ${nodes[*]}" send_all
step "an operator that runs already, with its new image" renew
