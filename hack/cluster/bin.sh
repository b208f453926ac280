#!/usr/bin/env bash
# Makes sure that the binaries named (default: all of go/binaries.txt) exist, and prints the folder that holds them.
#
#   PATH="$(hack/cluster/bin.sh kubectl helm):$PATH"
#
# Built from Go modules whose versions and sums stand in go/*/go.mod and go.sum; kept in the cache under a key of those.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

folder=$cache/bin/$(key_of "$here/go")
table=$(grep -v '^#' "$here/go/binaries.txt")
[ $# -gt 0 ] || mapfile -t all < <(awk '{print $1}' <<<"$table")
wanted=("${@:-${all[@]}}")

version_flags() { # module
  local v=${kubernetes_version#v} package=k8s.io/component-base/version
  [ "$1" != kubernetes ] || printf -- '-X %s.gitVersion=v%s -X %s.gitMajor=%s -X %s.gitMinor=%s -X %s.gitTreeState=clean' \
    $package "$v" $package "${v%%.*}" $package "$(cut -d. -f2 <<<"$v")" $package
}

# One `go build` a module: its packages are compiled once and linked side by side.
build() { # module package...
  local module=$1 out=$cache/bin/.new-$1
  shift
  rm -rf "$out"
  (cd "$here/go/$module" &&
    CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false" GOTOOLCHAIN=local \
      "$go" build -o "$out/" -ldflags "-s -w $(version_flags "$module")" "$@")
  install_from "$out" "$module"
  rm -rf "$out"
}

# A built file bears the binary's name; where a module gives one binary only, whatever it is called is that one.
install_from() { # built-folder module
  local file name
  for file in "$1"/*; do
    name=$(awk -v m="$2" -v f="$(basename "$file")" '$2 == m && (n == "" || $1 == f) {n = $1} END {print n}' <<<"$table")
    mv -f "$file" "$folder/$name"
  done
}

missing_of() { # module
  local name package
  while read -r name _ package; do
    [ -x "$folder/$name" ] || [[ " ${wanted[*]} " != *" $name "* ]] || echo "$package"
  done < <(awk -v m="$1" '$2 == m' <<<"$table")
}

mkdir -p "$folder"
for name in "${wanted[@]}"; do
  grep -q "^$name " <<<"$table" || die "no such binary: $name (known: $(awk '{print $1}' <<<"$table" | xargs))"
done
mapfile -t modules < <(awk '!seen[$2]++ {print $2}' <<<"$table")
for module in "${modules[@]}"; do
  [ -n "$(missing_of "$module")" ] || continue
  go=${go:-$("$here/go.sh")}
  (
    hold "build-$module"
    mapfile -t packages < <(missing_of "$module")
    [ ${#packages[@]} = 0 ] ||
      attempts=3 hint="is the Go module proxy ($("$go" env GOPROXY)) reachable?" \
        step "go build $module: ${packages[*]##*/}" build "$module" "${packages[@]}"
  )
done
echo "$folder"
