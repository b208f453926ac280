#!/usr/bin/env bash
# Saves images of the Docker engine in one archive, and prints its path. The last archive is kept: who asks for the same images gets it.
#
#   hack/cluster/archive.sh tfmodel-operator:0.1.0 tfmodel-runtime:0.1.0
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

[ $# -gt 0 ] || die "usage: archive.sh IMAGE..."
DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST
ids=$(docker image inspect -f '{{.Id}}' "$@" 2>&1) || die "$ids: run hack/images/build.sh first"
saved=$cache/images/$(sha256sum <<<"$* $ids" | cut -c1-12).tar

save() { # image...
  rm -f "$cache"/images/*
  mkdir -p "$cache/images"
  docker save -o "$saved.new" "$@"
  mv "$saved.new" "$saved"
}

hold archive
[ -s "$saved" ] || step "images saved: $*" save "$@"
echo "$saved"
