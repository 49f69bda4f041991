#!/bin/bash
# Puts NetworkManager into a folder, with all that it needs and a DHCP server, for tests that ask it what the network costs. Nothing
# is installed: as a service it would take this machine's own network in hand.
#
# usage: ops/network-manager.sh [--check] FOLDER
#
# --check makes nothing, and succeeds if FOLDER is there. It is a tree to change root into, and appears complete or not at all.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/archive.sh"

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# the tests' own script runs in there, too
readonly PACKAGES=network-manager,dnsmasq-base,bash,coreutils,iproute2

fail() {
  printf 'network-manager: error: %s\n' "$*" >&2
  exit 1
}

main() {
  local check=false
  if [[ ${1:-} == --check ]]; then
    check=true
    shift
  fi
  [[ $# == 1 && $1 == /* ]] || fail 'usage: ops/network-manager.sh [--check] FOLDER (an absolute path)'
  local folder=$1 uri release
  if $check; then
    [[ -x $folder/usr/sbin/NetworkManager ]]
    return
  fi
  uri=$(archive_uri) || fail "no Debian archive in this machine's apt sources; name one in DESKPOD_MIRROR"
  release=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  mkdir -p "$(dirname "$folder")"
  # a kill leaves this folder behind; the next run takes it away
  find "$(dirname "$folder")" -maxdepth 1 -name '.network-manager.*' -mmin +60 -exec rm -rf {} +
  work=$(mktemp -d "$(dirname "$folder")/.network-manager.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  printf 'network-manager: fetching it\n' >&2
  TMPDIR=$work mmdebstrap --quiet --mode=root --variant=extract --format=directory --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$release" "$work/root" "deb [signed-by=$KEYRING] $uri $release main" >"$work/log" 2>&1 ||
    fail "the packages of $release could not be fetched: $(tail -n 3 "$work/log")"
  # no script of a package ran
  printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$work/root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$work/root/etc/group"
  rm -rf "$work/root/var/cache" "$work/root/var/lib/apt"
  rm -rf "$folder"
  mv -T "$work/root" "$folder"
}

main "$@"
