#!/usr/bin/env bash
# Makes sure that the engine has the image our Dockerfiles start FROM: pulled where a registry answers, else made here with
# debootstrap under the same name.
#
# The one made here also trusts what this machine trusts (a company's own certificate authority, say), as otherwise no
# download over https would work in a build.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

DOCKER_HOST=$("$here/engine.sh")
export DOCKER_HOST

archive=$cache/base/$(key_of "$here/base.sh").tar

bootstrap() {
  local root
  mkdir -p "$cache/base"
  root=$(mktemp -d "$cache/base/.new-XXXXXX")
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root"
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp /etc/ssl/certs/ca-certificates.crt "$root/usr/local/share/ca-certificates/this-machine.crt"
  chroot "$root" update-ca-certificates
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,locale,man,info}/* "$root"/var/log/*
  tar -C "$root" --numeric-owner --exclude=./dev/* -cf "$archive.new" .
  mv "$archive.new" "$archive"
  rm -rf "$root"
}

there() { docker image inspect "$base_image" >/dev/null 2>&1; }

hold base
if ! there && ! docker pull -q "$base_image" >/dev/null 2>&1; then
  "$here/packages.sh" debootstrap ca-certificates
  [ "$(id -u)" = 0 ] || die "$base_image cannot be pulled, and making it here (debootstrap) needs root"
  [ -s "$archive" ] || attempts=3 hint="is the Debian mirror reachable?" step "$base_image by debootstrap (no registry answers)" bootstrap
  step "$base_image into the engine" docker import -c 'CMD ["bash"]' \
    -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$archive" "$base_image"
fi
