#!/bin/sh
# Starts deskpod with the Node and the runtime folder that it was installed with.
set -eu
self=$(readlink -f -- "$0")
home=$(dirname -- "$(dirname -- "$self")")
# what works on drives lies where the PATH of a user does not lead
case ":${PATH:-/usr/bin:/bin}:" in
*:/usr/sbin:*) ;;
*) export PATH="${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin" ;;
esac
export DESKPOD_RUNTIME="${DESKPOD_RUNTIME:-$home/runtime}"
# what V8 has compiled is kept for the next start, for each user apart: it is code
if [ "$(id -u)" -eq 0 ]; then
  export NODE_COMPILE_CACHE=/var/cache/deskpod
elif [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ]; then
  export NODE_COMPILE_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/deskpod"
fi
export MALLOC_ARENA_MAX=2
exec "$home/node" --disable-warning=ExperimentalWarning --single-threaded-gc --max-semi-space-size=16 \
  --invocation-count-for-turbofan=30000 "$home/build/deskpod.js" "$@"
