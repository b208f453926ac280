#!/usr/bin/env bash
# Prints the path of a Go command that is new enough for hack/cluster/go.
#
# Debian 12 carries Go 1.19. That one can fetch a newer toolchain as what it is, a Go module, checked against the checksum
# database; go itself does the same from 1.21 on.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

new_enough() {
  local have
  have=$("$1" env GOVERSION 2>/dev/null) && [ "$(printf '%s\n' "${have#go}" 1.26 | sort -V | head -1)" = 1.26 ]
}

toolchain=$cache/go/$go_version
for candidate in "$toolchain/bin/go" "$(command -v go || true)" /usr/local/go/bin/go; do
  if [ -x "$candidate" ] && new_enough "$candidate"; then
    echo "$candidate"
    exit 0
  fi
done

fetch() { # debian's go
  local into=$cache/go/.new folder
  case "$(dpkg --print-architecture)" in amd64 | arm64) ;; *) die "no Go toolchain is published for this machine" ;; esac
  rm -rf "$into"
  mkdir -p "$into"
  cd "$into"
  GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE=$into/mod \
    "$1" mod download "golang.org/toolchain@v0.0.1-go$go_version.linux-$(dpkg --print-architecture)"
  folder=$(echo "$into"/mod/golang.org/toolchain@*)
  chmod -R u+w "$folder"
  # A module holds no mode bits and no nested go.mod: both are put back as the go command does it.
  chmod -R a+x "$folder/bin" "$folder/pkg/tool"
  find "$folder" -name _go.mod -execdir mv {} go.mod \;
  mv "$folder" "$toolchain"
  rm -rf "$into"
}

hold go
if [ ! -x "$toolchain/bin/go" ]; then
  old=$(command -v go || true)
  if [ -z "$old" ]; then
    "$here/packages.sh" golang-go ca-certificates
    old=/usr/bin/go
  fi
  attempts=3 hint="Go 1.26 or newer is needed: install it by hand, or let the Go module proxy ($("$old" env GOPROXY)) be reachable" \
    step "Go $go_version" fetch "$old"
fi
echo "$toolchain/bin/go"
