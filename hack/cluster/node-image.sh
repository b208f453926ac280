#!/usr/bin/env bash
# Makes sure that the engine has a node image for kind, built here from Debian packages and our own binaries; prints its name.
#
# The images that a cluster starts with lie inside the node's containerd already, so that nothing is ever pulled.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

tag=tfmodel-node:$kubernetes_version-$(key_of "$here/node" "$here/go" "$here/node-image.sh")
DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST DOCKER_BUILDKIT=0
hold node-image
if docker image inspect "$tag" >/dev/null 2>&1; then
  echo "$tag"
  exit 0
fi

"$here/base.sh"
label='LABEL dev.tfmodel.part=node'
control_plane=(kube-apiserver kube-controller-manager kube-scheduler)
inside=("${control_plane[@]/%/:$kubernetes_version}" "kube-proxy:$kubernetes_version" "etcd:$etcd_version"
  "coredns:$coredns_version" pause:3.10.1 local-path:1 pod-network:1)

# An image of nothing but binaries. Go's collector runs more seldom in them than it would by itself: a quarter of a small cluster's work.
of_binaries() { # name change binary...
  tar -C "$bin" --owner=0 --group=0 --transform 's,^,usr/local/bin/,' -c "${@:3}" |
    docker import -c "$label" -c "ENV PATH=/usr/local/bin GOGC=400" -c "$2" - "tfmodel/$1"
}

# An image that adds files to the network tools.
of_network() { # name change file...
  local container
  container=$(docker create tfmodel-network)
  tar --owner=0 --group=0 --transform 's,.*/,,' -Pc "${@:3}" | docker cp - "$container:/usr/local/bin/"
  docker commit -c "$label" -c "$2" "$container" "tfmodel/$1"
  docker rm "$container"
}

build_bases() {
  docker build --target network -t tfmodel-network "$here/node"
  docker build --target node -t tfmodel-node-base "$here/node"
}

build_inside() {
  local name
  for name in "${control_plane[@]}"; do
    of_binaries "$name:$kubernetes_version" 'CMD []' "$name"
  done
  # A test cluster's data need not outlive a power cut.
  of_binaries "etcd:$etcd_version" 'ENV ETCD_UNSAFE_NO_FSYNC=true' etcd
  of_binaries "coredns:$coredns_version" 'ENTRYPOINT ["coredns"]' coredns
  of_binaries pause:3.10.1 'ENTRYPOINT ["pause"]' pause
  of_binaries local-path:1 'CMD []' local-path-provisioner
  of_network "kube-proxy:$kubernetes_version" 'CMD ["kube-proxy"]' "$bin/kube-proxy"
  of_network pod-network:1 'ENTRYPOINT ["pod-network"]' "$bin/kubectl" "$here/node/pod-network"
}

import='containerd >/tmp/containerd.log 2>&1 & for n in {1..100}; do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
ctr -n k8s.io images import --no-unpack - && kill %1 && wait; rm -rf /run/containerd /tmp/*; test -s /var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db'

build_node() {
  local container
  container=$(docker create -i --stop-signal SIGRTMIN+3 --entrypoint bash tfmodel-node-base -euc "echo -n $kubernetes_version >/kind/version; $import")
  tar -C "$bin" --owner=0 --group=0 -c kubeadm kubelet kubectl | docker cp - "$container:/usr/bin/"
  docker save "${inside[@]/#/tfmodel/}" | docker start -ai "$container"
  docker commit -c "$label" -c 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' -c 'CMD []' "$container" "$tag"
  docker rm "$container"
}

docker ps -aq --filter status=created --filter status=exited --filter ancestor=tfmodel-network | xargs -r docker rm -f >/dev/null # of an aborted run
# What an older key left: gigabytes that nothing asks for again.
tidy() {
  docker images --format '{{.Repository}}:{{.Tag}}' tfmodel-node | grep -vx "$tag" | xargs -r docker rmi >/dev/null 2>&1 || true
  docker image prune -f --filter label=dev.tfmodel.part=node >/dev/null
}

attempts=3 hint="is the Debian mirror reachable?" step "Debian packages of the node" build_bases
bin=$("$here/bin.sh" etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubeadm kubelet kubectl coredns pause local-path-provisioner)
step "images that the node holds" build_inside
step "node image $tag" build_node
tidy
echo "$tag"
