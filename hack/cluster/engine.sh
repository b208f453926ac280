#!/usr/bin/env bash
# Prints the address (DOCKER_HOST) of a Docker engine: the one that answers already, else Debian's, started by us.
#
#   engine.sh        make sure that there is one, print its address
#   engine.sh down   stop the one that we started and put the machine's network settings back
#
# Ours keeps its images in the cache, so that a second start has them; its socket and processes live under /run.
set -euo pipefail
source "$(dirname "$0")/env.sh"
source "$here/steps.sh"

pidfile=$state/dockerd.pid
ours=unix://$state/docker.sock

running() { [ -s "$pidfile" ] && [ "$(cat "/proc/$(cat "$pidfile")/comm" 2>/dev/null)" = dockerd ]; }
answers() { docker -H "$1" info >/dev/null 2>&1; }

foreign() { # the engine that the user's own docker command speaks to
  command -v docker >/dev/null && docker info >/dev/null 2>&1 || return 1
  echo "${DOCKER_HOST:-$(docker context inspect -f '{{.Endpoints.docker.Host}}')}"
}

# Where the machine's processes may not hold CAP_SYS_RESOURCE (bit 24), containers must not ask for it either.
lacks_sys_resource() {
  local bounding
  bounding=$(awk '/^CapBnd/ {print $2}' /proc/self/status)
  (((16#$bounding >> 24 & 1) == 0))
}

start() {
  "$here/packages.sh" docker.io containerd runc iptables iproute2 debootstrap jq conntrack
  [ "$(id -u)" = 0 ] || die "needs root to start a Docker engine, and none answers"
  local options=(--data-root "$cache/docker" --exec-root "$state/exec" --pidfile "$pidfile" -H "$ours")
  mkdir -p "$cache/docker" "$state"
  rm -f "$pidfile"
  install -m 755 "$here/runc-without-sys-resource" "$state/runc"
  ! lacks_sys_resource || options+=(--add-runtime "tfmodel=$state/runc" --default-runtime tfmodel)
  [ -e "$state/before" ] || remember_network >"$state/before"
  setsid nohup dockerd "${options[@]}" >"$state/dockerd.log" 2>&1 </dev/null 9>&- &
  until_true 60 answers "$ours" || { tail -20 "$state/dockerd.log" >&2; return 1; }
}

remember_network() {
  echo "$(cat /proc/sys/net/ipv4/ip_forward) $(iptables -S FORWARD 2>/dev/null | awk '$1 == "-P" {print $3}')"
}

# Takes away what dockerd leaves: its bridges, its rules, its forwarding. Rules of others stay.
restore_network() {
  local forward policy bridge
  read -r forward policy <"$state/before"
  for bridge in $(ip -o link show type bridge | sed -n 's/^[0-9]*: \(docker0\|br-[0-9a-f]\{12\}\):.*/\1/p'); do ip link del "$bridge"; done
  iptables-save | grep -v -e DOCKER -e docker0 -e ' br-[0-9a-f]\{12\}' | iptables-restore
  iptables -P FORWARD "${policy:-ACCEPT}"
  echo "$forward" >/proc/sys/net/ipv4/ip_forward
  rm -f "$state/before"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

stop() {
  local pid
  if running; then
    pid=$(cat "$pidfile")
    kill "$pid"
    until_true 30 gone "$pid" || die "dockerd ($pid) does not end"
  fi
  [ ! -e "$state/before" ] || restore_network
  rm -rf "$state"
}

hold engine
case "${1:-up}" in
  up)
    if running && until_true 60 answers "$ours"; then
      echo "$ours"
    elif ! foreign; then
      step "Docker engine" start
      echo "$ours"
    fi
    ;;
  down) stop ;;
  *) die "usage: engine.sh [up|down]" ;;
esac
