# Lets uv trust the machine's own certificate authorities where there are any, as git and pip do; sourced, never run.
# shellcheck shell=bash
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=1
