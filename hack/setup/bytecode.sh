#!/usr/bin/env bash
# What Python compiled of the packages in .venv, kept outside the checkout: compiling TensorFlow and Keras alone takes 12 s of a
# core in each new checkout. Python itself tells what does not fit its source.
#
#   bytecode.sh restore   into a new .venv, if there is any for these packages
#   bytecode.sh keep      of this .venv, unless it is kept already
set -euo pipefail
cd "$(dirname "$0")/../.."
kept="${TFMODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tfmodel}/bytecode/$(python3 -V | tr -d ' ')-$(cat .venv/.stamp).tar"
case $1 in
  restore) [ ! -f "$kept" ] || tar -xf "$kept" ;;
  keep)
    [ ! -f "$kept" ] || exit 0
    rm -rf "$(dirname "$kept")" && mkdir -p "$(dirname "$kept")"
    find .venv/lib -name __pycache__ -print0 | tar --null -T - -cf "$kept.new"
    mv "$kept.new" "$kept"
    ;;
  *) echo "usage: bytecode.sh restore|keep" >&2; exit 2 ;;
esac
