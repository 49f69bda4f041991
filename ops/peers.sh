#!/bin/bash
# Puts the restic that we are measured against into a folder: Debian 13's, also on Debian 12. Nothing is installed.
#
# usage: ops/peers.sh [--check] FOLDER
#
# --check makes nothing, and succeeds if FOLDER is whole. FOLDER/restic is a static program; it appears complete or not at all.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/archive.sh"

readonly RELEASE=trixie
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  printf 'peers: error: %s\n' "$*" >&2
  exit 1
}

main() {
  local check=false
  if [[ ${1:-} == --check ]]; then
    check=true
    shift
  fi
  [[ $# == 1 && $1 == /* ]] || fail 'usage: ops/peers.sh [--check] FOLDER (an absolute path)'
  local folder=$1 uri
  if $check; then
    [[ -x $folder/restic ]]
    return
  fi
  uri=$(archive_uri) || fail "no Debian archive in this machine's apt sources; name one in DESKPOD_MIRROR"
  mkdir -p "$folder"
  work=$(mktemp -d "$folder/.making.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  TMPDIR=$work mmdebstrap --quiet --mode=root --variant=extract --format=directory --include=restic \
    --dpkgopt='path-exclude=/usr/share/*' "$RELEASE" "$work/root" "deb [signed-by=$KEYRING] $uri $RELEASE main" >"$work/log" 2>&1 ||
    fail "restic of $RELEASE could not be fetched: $(tail -n 3 "$work/log")"
  mv "$work/root/usr/bin/restic" "$folder/restic"
}

main "$@"
