# Names and places that every script here shares; sourced, never run.
#
# Whatever is slow to make lies under the cache, outside the checkout, and survives `down.sh`; whatever belongs to running
# processes lies under /run and dies with the machine.
# shellcheck shell=bash disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
export HOME="${HOME:-/root}"

cache=${TFMODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tfmodel}
state=/run/tfmodel-cluster
cluster=${TFMODEL_CLUSTER:-tfmodel}
kubeconfig=$cache/cluster/$cluster.kubeconfig
stores=$cache/stores/$cluster # what the workers' containerd began with, a folder for each

# The version of a Go module as its go.mod pins it: the one place where it stands.
pinned() { # module-folder module-path
  awk -v m="$2" '$1 == "require" { $1 = $2; $2 = $3 } $1 == m { print $2; exit }' "$here/go/$1/go.mod"
}
kubernetes_version=$(pinned kubernetes k8s.io/kubernetes)
etcd_version=$(pinned etcd go.etcd.io/etcd/server/v3)
coredns_version=$(pinned coredns github.com/coredns/coredns)
go_version=1.26.8 # the least that every go.mod here accepts is 1.26

# The node image that the pinned kind names as its own default.
published_node_image=kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5
base_image=debian:bookworm-slim
