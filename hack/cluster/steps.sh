# How the scripts here speak and fail: one line a step with its seconds, retries around the network, one owner at a time.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Runs a command; prints its name and seconds, and its output only when it fails, which ends the script.
# `attempts=3` before it tries again; `hint=...` says what a failure most likely means.
# Call it as a plain statement: bash ignores `set -e` inside whatever stands left of || and in conditions.
step() { # title command...
  local title=$1 began=$SECONDS log code attempt
  shift
  log=$(mktemp)
  for ((attempt = 1; attempt <= ${attempts:-1}; attempt++)); do
    [ "$attempt" = 1 ] || { say "again, attempt $attempt: $title"; sleep $((attempt * 3)); }
    set +e
    (set -e; "$@") >"$log" 2>&1
    code=$?
    set -e
    [ $code != 0 ] || break
    tail -n 40 "$log" >&2
  done
  rm -f "$log"
  [ $code = 0 ] || die "$title: failed after $((SECONDS - began)) s${hint:+; $hint}"
  say "$(printf '%5d s  %s' $((SECONDS - began)) "$title")"
}

# Waits up to some seconds until a command succeeds.
until_true() { # seconds command...
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.3
  done
}

# Holds a lock until the calling (sub)shell ends, so that two scripts never make the same thing twice at once.
hold() { # name
  mkdir -p "$cache/locks"
  exec 9>"$cache/locks/$1"
  flock 9
}

# One key for the content of files and folders, whatever the checkout's path.
key_of() { # path...
  local path
  for path; do
    (cd "$path" 2>/dev/null || cd "$(dirname "$path")"
     if [ -d "$path" ]; then find . -type f -print0; else printf '%s\0' "$(basename "$path")"; fi |
       sort -z | xargs -0 sha256sum)
  done | sha256sum | cut -c1-12
}
