#!/usr/bin/env bash
# What a worker's containerd holds once our images are in it, kept for the next cluster: its workers begin with it, and get only the
# layers that are new. Files are linked, not copied: containerd changes none in place but its databases.
#
#   seed.sh plant IMAGE WORKERS   make a folder for each worker, if there is a seed for that node image
#   seed.sh make IMAGE ARCHIVE    make the seed from an archive of images, unless there is one
#
# Where the script is not run by root, whom the files belong to, there is none.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

image=$2
[ "$(id -u)" = 0 ] || exit 0
DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST
name=$(sha256sum <<<"$(docker image inspect -f '{{.Id}}' "$image") $(key_of "$repository/requirements" "$repository/Dockerfile")" | cut -c1-12)
seed=$cache/seed/$name
inside=/var/lib/containerd

# The node's own images, and ours beside them, by a containerd that is stopped before the seed counts.
make_seed() { # archive
  local new=$cache/seed/new container
  rm -rf "$cache/seed" && mkdir -p "$new"
  docker run --rm --entrypoint cp -v "$new:/seed" "$image" -a "$inside/." /seed
  container=$(docker run -d --rm --privileged --entrypoint containerd -v "$new:$inside" -v "$1:/images.tar:ro" "$image")
  trap "docker rm -f $container >/dev/null 2>&1" EXIT
  until_true 30 docker exec "$container" ctr version
  docker exec "$container" ctr -n k8s.io images import --snapshotter overlayfs /images.tar
  docker stop -t 30 "$container"
  test -s "$new/io.containerd.metadata.v1.bolt/meta.db"
  mv "$new" "$seed"
}

plant() { # workers
  local worker
  for worker in $(seq "$1"); do
    cp -al "$seed" "$stores/$worker" || return 1
  done
  find "$stores" -name '*.db' -exec cp -a {} {}.own \; -exec mv {}.own {} \;
}

case $1 in
  plant)
    rm -rf "$stores" && mkdir -p "$stores"
    [ ! -d "$seed" ] || plant "$3" || { rm -rf "$stores"; exit 1; }
    ;;
  make)
    hold seed
    [ -d "$seed" ] || step "images kept for the next cluster" make_seed "$3"
    ;;
  *) die "usage: seed.sh plant IMAGE WORKERS | make IMAGE ARCHIVE" ;;
esac
