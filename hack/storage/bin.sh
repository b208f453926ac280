#!/usr/bin/env bash
# Makes sure that versitygw, the S3 server of the tests, exists, and prints the folder that holds it.
#
#   PATH="$(hack/storage/bin.sh):$PATH"
#
# A module of its own, beside hack/cluster/go: a change here leaves the cluster's binaries and its node image as they are.
set -euo pipefail
source "$(dirname "$0")/../cluster/env.sh"
source "$here/steps.sh"

module=$repository/hack/storage/go
folder=$cache/storage/$(key_of "$module")

build() {
  (cd "$module" &&
    CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false" GOTOOLCHAIN=local \
      "$go" build -o "$folder/.new" -ldflags "-s -w" github.com/versity/versitygw/cmd/versitygw)
  mv -f "$folder/.new" "$folder/versitygw"
}

if [ ! -x "$folder/versitygw" ]; then
  mkdir -p "$folder"
  go=$("$here/go.sh")
  hold build-storage
  [ -x "$folder/versitygw" ] ||
    attempts=3 hint="is the Go module proxy ($("$go" env GOPROXY)) reachable?" step "go build versitygw" build
fi
echo "$folder"
