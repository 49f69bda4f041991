#!/bin/bash
# Makes a builder: Debian's compiler beside the headers of its kernel, in which kmod/ is built for the guest of that release.
#
# usage: ops/builder.sh [--check] RELEASE FOLDER KERNEL
#        ops/builder.sh [--check] RELEASE-backports FOLDER
#
# RELEASE is a Debian release with its own kernel: bookworm (Linux 6.1) or trixie (6.12); KERNEL is the version of its guest's.
# The second form takes the newest kernel that there is for the release, which no guest has, and the kernel's checker of style
# (checkpatch) with it. --check makes nothing, and succeeds if FOLDER is whole and made by this version of the script for that kernel.
#
# In FOLDER: root, which chroot enters; of the second form checkpatch; recipe. Nothing is installed on this machine, and no script of a package is run.
# FOLDER appears complete or not at all.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/archive.sh"

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
readonly PACKAGES=(linux-headers-amd64 gcc libc6-dev make sparse mawk bash dash coreutils findutils grep sed)
readonly LEFT_OUT=('/usr/share/man/*' '/usr/share/doc/*' '/usr/share/locale/*' '/usr/share/info/*' '/usr/share/bug/*')

say() { printf 'builder: %s\n' "$*" >&2; }
fail() {
  printf 'builder: error: %s\n' "$*" >&2
  exit 1
}

recipe() { printf '%s %s %s\n' "$1" "$2" "$(sha256sum <"${BASH_SOURCE[0]}" | cut -c 1-16)"; }

is_whole() {
  local release=$1 folder=$2 kernel=$3
  [[ -z $kernel || -d $folder/root/usr/src/linux-headers-$kernel ]] && [[ -s $folder/recipe ]] &&
    [[ $(cat "$folder/recipe") == "$(recipe "$release" "$kernel")" ]]
}

extract_packages() {
  local release=$1 uri=$2 options=() packages=("${PACKAGES[@]}") pattern include
  local sources=("deb [signed-by=$KEYRING] $uri ${release%-backports} main")
  for pattern in "${LEFT_OUT[@]}"; do options+=("--dpkgopt=path-exclude=$pattern"); done
  if [[ $release == *-backports ]]; then
    sources+=("deb [signed-by=$KEYRING] $uri $release main")
    options+=("--aptopt=APT::Default-Release \"$release\"")
    packages+=(linux-source)
  fi
  include=$(IFS=, && printf '%s' "${packages[*]}")
  TMPDIR=$work mmdebstrap --quiet --mode=root --variant=extract --format=directory "${options[@]}" --include="$include" \
    "${release%-backports}" "$new/root" "${sources[@]}" >"$work/log" 2>&1 || {
    tail -n 10 "$work/log" >&2
    fail "the packages of $release could not be fetched and unpacked"
  }
}

# No script of a package ran: what the kernel's build wants of them.
furnish() {
  local root=$new/root
  ln -sfn mawk "$root/usr/bin/awk"
  mkdir -p "$root/tmp" "$root/dev"
  chmod 1777 "$root/tmp"
  [[ -c $root/dev/null ]] || mknod -m 666 "$root/dev/null" c 1 3
  rm -rf "$root/var/cache" "$root/var/lib/apt"
}

# The kernel's sources are needed for one script of theirs, with the lists that it reads.
keep_checkpatch() {
  local archive
  archive=$(find "$new/root/usr/src" -name 'linux-source-*.tar.xz' | head -n 1)
  [[ -n $archive ]] || fail 'the package of the kernel has no sources'
  mkdir "$new/checkpatch"
  tar -C "$new/checkpatch" --strip-components=2 --wildcards -xJf "$archive" \
    '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch'
  rm -f "$new"/root/usr/src/linux-source-* "$new"/root/usr/src/linux-patch-*
}

main() {
  local check=false
  if [[ ${1:-} == --check ]]; then
    check=true
    shift
  fi
  [[ $# == 3 && $1 =~ ^[a-z]+$ || $# == 2 && $1 =~ ^[a-z]+-backports$ ]] && [[ $2 == /* ]] ||
    fail 'usage: ops/builder.sh [--check] (RELEASE FOLDER KERNEL | RELEASE-backports FOLDER), FOLDER an absolute path'
  local release=$1 folder=$2 kernel=${3:-} uri
  if $check; then
    is_whole "$release" "$folder" "$kernel"
    return
  fi
  uri=$(archive_uri) || fail "no Debian archive in this machine's apt sources; name one in DESKPOD_MIRROR"
  [[ -r $KEYRING ]] || fail "$KEYRING is missing: install debian-archive-keyring"

  mkdir -p "$(dirname "$folder")"
  # a kill leaves this folder behind; the next run takes it away
  find "$(dirname "$folder")" -maxdepth 1 -name '.builder-making.*' -mmin +60 -exec rm -rf {} +
  work=$(mktemp -d "$(dirname "$folder")/.builder-making.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  new=$work/new
  mkdir "$new"
  chmod 0755 "$work" "$new"

  say "fetching the compiler and the kernel's headers of Debian $release"
  extract_packages "$release" "$uri"
  [[ -z $kernel || -d $new/root/usr/src/linux-headers-$kernel ]] ||
    fail "the archive has no headers of Linux $kernel (any more); make the guest of $release again (ops/guest.sh)"
  furnish
  if [[ $release == *-backports ]]; then keep_checkpatch; fi
  recipe "$release" "$kernel" >"$new/recipe"
  sync -f "$new"

  # the former folder steps aside for the instant between the two renames
  if [[ -e $folder ]]; then mv -T "$folder" "$work/former"; fi
  mv -T "$new" "$folder"
  say "headers of Linux ${kernel:-of $release} in $folder ($(du -sh "$folder" | cut -f 1))"
}

main "$@"
