#!/usr/bin/env bash
# Removes the cluster that up.sh made; and where the Docker engine is ours, stops it and undoes what it did to the network.
# What was built stays in the cache, so the next up.sh takes seconds; --purge removes the cache too.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

# With no engine to ask there is no cluster either: containers do not outlive the engine that ran them for us.
engine() {
  if [ -S "$state/docker.sock" ]; then echo "unix://$state/docker.sock"; else echo "${DOCKER_HOST:-}"; fi
}

remove() {
  kind delete cluster --name "$cluster" --kubeconfig "$kubeconfig"
  [ -n "$(docker ps -aq --filter network=kind)" ] || docker network rm kind || true
}

DOCKER_HOST=$(engine)
if [ -n "$DOCKER_HOST" ]; then export DOCKER_HOST; else unset DOCKER_HOST; fi
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  PATH="$("$here/bin.sh" kind):$PATH"
  step "cluster $cluster removed" remove
fi
rm -rf "$kubeconfig" "$stores"
"$here/engine.sh" down
[ "${1:-}" != --purge ] || rm -rf "$cache"
