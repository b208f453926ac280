#!/usr/bin/env bash
# Makes sure that a real cluster is up (kind: one control plane, two workers) and prints the path of its KUBECONFIG.
#
#   export KUBECONFIG=$(hack/cluster/up.sh)
#
# A healthy cluster is used again; one that is broken, or made of another node image, is made anew. The node image is kind's
# published one where it can be pulled, else one built here. Needs root only where no Docker engine answers.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

began=$SECONDS
DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST
bin=$("$here/bin.sh" kind kubectl)
export PATH="$bin:$PATH"

# Kubernetes from 1.35 on, and so kind's published image, refuses control groups of version 1.
published() {
  [ -f /sys/fs/cgroup/cgroup.controllers ] || return 1
  docker image inspect "$published_node_image" >/dev/null 2>&1 || docker pull -q "$published_node_image" >/dev/null 2>&1
}

# Each worker begins with the images of a store, where one was made for it.
configuration() {
  local line worker=0
  while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ $line = *"role: worker" ]] || continue
    worker=$((worker + 1))
    [ ! -d "$stores/$worker" ] || printf '  extraMounts: [{hostPath: "%s", containerPath: /var/lib/containerd}]\n' "$stores/$worker"
  done <"$here/kind.yaml"
  [ "$image" = "$published_node_image" ] || sed "s/ETCD/$etcd_version/; s/COREDNS/$coredns_version/" "$here/kind-built-node.yaml"
}

of_this_image() {
  [ "$(docker inspect -f '{{.Config.Image}}' "$cluster-control-plane" "$cluster-worker" "$cluster-worker2" 2>/dev/null | sort -u)" = "$image" ]
}

healthy() {
  [ -s "$kubeconfig" ] && of_this_image &&
    [ "$(kubectl --kubeconfig "$kubeconfig" --request-timeout 5s get nodes --no-headers 2>/dev/null | grep -c ' Ready ')" = 3 ]
}

create() {
  kind delete cluster --name "$cluster" --kubeconfig "$kubeconfig"
  "$here/seed.sh" plant "$image" "$(grep -c 'role: worker' "$here/kind.yaml")" || say "the workers begin without our images"
  configuration | kind create cluster --name "$cluster" --kubeconfig "$kubeconfig" --config - --image "$image" --wait 180s
}

settled() {
  export KUBECONFIG=$kubeconfig
  kubectl wait --for=condition=Ready node --all --timeout 120s
  kubectl -n kube-system rollout status deployment/coredns --timeout 120s
  kubectl -n local-path-storage wait --for=condition=Available deployment --all --timeout 120s
}

if published; then image=$published_node_image; else image=$("$here/node-image.sh"); fi
hold "cluster-$cluster"
mkdir -p "$(dirname "$kubeconfig")"
if healthy; then
  say "cluster $cluster is up already"
else
  attempts=2 step "cluster $cluster: 1 control plane, 2 workers" create
  step "cluster $cluster: nodes, DNS and storage ready" settled
fi
say "cluster $cluster after $((SECONDS - began)) s; take it down with hack/cluster/down.sh"
echo "$kubeconfig"
