#!/bin/bash
# Makes the runtime folder: CRIU, runc and mkfs.erofs, newer than the system's, beside the system and never over it; and
# all that a device carries of programs besides, as a host may have none of them.
#
# usage: ops/runtime.sh [--check] FOLDER
#
# --check makes nothing, and succeeds if FOLDER is whole and new enough.
#
# The programs and their libraries come from Debian's unstable release, fetched by apt with its own signature checks
# into a private state folder. One library of CRIU's is our own, and compiled here. FOLDER appears complete or not at all,
# and may be moved or carried to another host.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/archive.sh"

readonly RELEASE=sid
readonly PROGRAM_PACKAGES=(criu runc erofs-utils)
# What a device carries besides: every program that deskpod, CRIU and runc start, with the names that it goes by.
# ops/runtime-image.ts links them for their place on a host; this machine uses its own.
readonly CARRIED_PACKAGES=(
  util-linux mount e2fsprogs coreutils findutils tar gzip rsync openssh-client iproute2 passt cryptsetup-bin dmsetup kmod
  libstdc++6 libgcc-s1 libatomic1
)
readonly CARRIED=(
  mount umount losetup blkid wipefs nsenter unshare setpriv fallocate
  mke2fs e2fsck debugfs
  cat chmod chroot cp dd dirname env ln mkdir mkfifo mktemp mv readlink rm sleep stat stty sync timeout touch true
  find tar gzip rsync ssh ip ss passt cryptsetup dmsetup kmod
)
readonly CARRIED_LINKS=(mkfs.ext4=mke2fs pasta=passt modprobe=kmod)
# the oldest that work; src/session/host/runtime.ts has them too
readonly CRIU_NEEDED=4.2 RUNC_NEEDED=1.3.6 EROFS_NEEDED=1.8
# what CRIU has besides its own libraries, and the name that it goes by
readonly POLL_SOURCE=src/session/process/poll-anew.c POLL_LIBRARY=libpoll-anew.so.1
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'runtime: %s\n' "$*" >&2; }
fail() {
  printf 'runtime: error: %s\n' "$*" >&2
  exit 1
}

# apt with nothing of the system's state: its own lists, an empty dpkg status, one source, no hooks
make_private_apt() {
  local uri=$1
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/apt/empty" "$work/debs"
  : >"$work/apt/status"
  # an archive that stands still (a frozen mirror) outlives the Valid-Until of unstable; the signature still counts
  printf 'deb [signed-by=%s check-valid-until=no] %s %s main\n' "$KEYRING" "$uri" "$RELEASE" >"$work/apt/sources.list"
  cat >"$work/apt/apt.conf" <<CONF
Dir::State "$work/apt";
Dir::State::lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "$work/apt/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$work/apt/empty";
APT::Sandbox::User "root";
APT::Architectures { "$(dpkg --print-architecture)"; };
Acquire::Languages "none";
Acquire::GzipIndexes "true";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
CONF
}

private_apt() {
  local program=$1
  shift
  # -c is read last, after the system's own configuration (proxies stay in force)
  "$program" -q -c "$work/apt/apt.conf" "$@" 2>>"$work/apt.log" || {
    tail -n 5 "$work/apt.log" >&2
    return 1
  }
}

# The library packages that the programs depend on, directly or not: the interpreters and tools that they also name
# (python3, perl, iptables) are the host's business.
library_packages() {
  local -A seen=()
  local level=("${PROGRAM_PACKAGES[@]}" "${CARRIED_PACKAGES[@]}") next package
  while ((${#level[@]} > 0)); do
    next=()
    while read -r package; do
      package=${package%%:*}
      if [[ $package =~ ^(lib|zlib) && -z ${seen[$package]:-} ]]; then
        seen[$package]=1
        next+=("$package")
      fi
    done < <(private_apt apt-cache depends --important "${level[@]}" | sed -n 's/^ *|\?\(Pre\)\?-\?Depends: *//p')
    level=("${next[@]}")
  done
  printf '%s\n' "${!seen[@]}" | sort
}

# Copies the libraries that a program needs, as its own loader finds them, into the new folder.
copy_libraries() {
  local program=$1 line path
  while read -r line; do
    path=$(sed -n 's/^.* => \(\/.*\) (0x[0-9a-f]*)$/\1/p' <<<"$line")
    [[ $line == *'not found'* ]] && fail "$(basename "$program"): the archive has no library for: $line"
    [[ -n $path ]] || continue
    [[ $path == "$work"/* ]] || fail "$(basename "$program"): $path belongs to the system"
    cp -L "$path" "$new/lib/"
  done < <("$loader" --library-path "$search" --list "$program")
}

# Copies a program of the archive, with the libraries that it needs.
copy_program() {
  local name=$1 folder=$2 found
  found=$(find "$work/root" -path "$work/root/*bin/$name" -type f | head -n 1)
  [[ -n $found ]] || fail "the archive's packages have no program $name"
  cp "$found" "$folder/$name"
  chmod 0755 "$folder/$name"
  copy_libraries "$folder/$name"
}

# CRIU comes to need a library of ours before all others, and so finds it wherever it is started.
add_poll_library() {
  cc -O2 -Wall -Wextra -Werror -shared -fPIC -s -Wl,-soname,"$POLL_LIBRARY" -o "$new/lib/$POLL_LIBRARY" "$here/../$POLL_SOURCE" ||
    fail "$POLL_SOURCE could not be compiled"
  cp "$here/../$POLL_SOURCE" "$new/doc/"
  patchelf --add-needed "$POLL_LIBRARY" "$new/libexec/criu"
  "$new/lib/$loader_name" --library-path "$new/lib" --list "$new/libexec/criu" | head -n 2 | grep -qF "$POLL_LIBRARY" ||
    fail "patchelf did not have CRIU load $POLL_LIBRARY first"
}

write_wrapper_through_loader() {
  local name=$1 environment=$2 arguments=$3
  cat >"$new/bin/$name" <<WRAPPER
#!/bin/sh
# Runs this folder's own $name with this folder's own libraries, wherever the folder lies.
here=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
${environment}exec "\$here/lib/$loader_name" --library-path "\$here/lib" "\$here/libexec/$name" ${arguments}"\$@"
WRAPPER
  chmod 0755 "$new/bin/$name"
}

# runc runs itself again through /proc/self/exe, often from a memory file, and clears its environment: its loader and
# libraries need absolute paths inside the program. They name a link in /run that the wrapper points at the folder.
write_runc() {
  local link=$1
  patchelf --set-interpreter "$link/$loader_name" --set-rpath "$link" "$new/libexec/runc"
  cat >"$new/bin/runc" <<WRAPPER
#!/bin/sh
# Runs this folder's own runc with this folder's own libraries, wherever the folder lies. runc finds them through
# the link below, whose name is the hash of what it points at: two folders that share it are interchangeable.
here=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
link=$link
if [ "\$(readlink "\$link")" != "\$here/lib" ]; then
  mkdir -p "\${link%/*}" && ln -s "\$here/lib" "\$link.\$\$" && mv -T "\$link.\$\$" "\$link" || exit 125
fi
exec "\$here/libexec/runc" "\$@"
WRAPPER
  chmod 0755 "$new/bin/runc"
}

# Succeeds if a folder has all programs, each new enough by the folder's own versions.json.
is_whole() {
  local folder=$1 program name needed found
  for program in criu:criu:$CRIU_NEEDED runc:runc:$RUNC_NEEDED mkfs.erofs:erofs:$EROFS_NEEDED; do
    IFS=: read -r program name needed <<<"$program"
    [[ -x $folder/bin/$program && -r $folder/versions.json ]] || return 1
    found=$(sed -n 's/.*"'"$name"'":"\([0-9.]*\)".*/\1/p' "$folder/versions.json")
    [[ -n $found ]] && dpkg --compare-versions "$found" ge "$needed" || return 1
  done
  # the source lies beside what was compiled of it
  [[ -r $folder/lib/$POLL_LIBRARY ]] && cmp -s "$here/../$POLL_SOURCE" "$folder/doc/${POLL_SOURCE##*/}" || return 1
  for program in "${CARRIED[@]}" "${CARRIED_LINKS[@]%%=*}"; do [[ -x $folder/carried/$program ]] || return 1; done
}

version_of() { "$new/bin/$1" "$2" 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1; }

main() {
  if [[ $# == 2 && $1 == --check ]]; then
    is_whole "$2"
    return
  fi
  [[ $# == 1 && $1 == /* ]] || fail "usage: ops/runtime.sh FOLDER (an absolute path)"
  local folder=$1 uri
  uri=$(archive_uri) || fail "no Debian archive in this machine's apt sources; name one in DESKPOD_MIRROR"
  [[ -r $KEYRING ]] || fail "$KEYRING is missing: install debian-archive-keyring"

  mkdir -p "$(dirname "$folder")"
  # a kill leaves this folder behind; the next run takes it away
  find "$(dirname "$folder")" -maxdepth 1 -name '.runtime-making.*' -mmin +60 -exec rm -rf {} +
  work=$(mktemp -d "$(dirname "$folder")/.runtime-making.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP

  say "reading the archive's index of $RELEASE"
  make_private_apt "$uri"
  private_apt apt-get update >/dev/null || fail "the index of $RELEASE could not be fetched from $uri"

  local packages
  mapfile -t packages < <(library_packages)
  ((${#packages[@]} > 0)) || fail "the index of $RELEASE names no libraries for ${PROGRAM_PACKAGES[*]}"
  packages+=("${PROGRAM_PACKAGES[@]}" "${CARRIED_PACKAGES[@]}")
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  say "fetching ${#packages[@]} packages"
  (cd "$work/debs" && private_apt apt-get download "${packages[@]}" >/dev/null) || fail "the packages could not be fetched"
  local deb
  for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/root"; done

  new=$work/runtime
  mkdir -p "$new/bin" "$new/lib" "$new/libexec" "$new/lib/criu" "$new/doc"
  local triplet program
  triplet=$(basename "$(dirname "$(find "$work/root" -name 'libc.so.6' | head -n 1)")")
  search=$work/root/usr/lib/$triplet:$work/root/lib/$triplet
  loader_name=$(basename "$(patchelf --print-interpreter "$work/root/usr/sbin/criu")")
  loader=$work/root/usr/lib/$triplet/$loader_name
  for program in criu runc mkfs.erofs; do copy_program "$program" "$new/libexec"; done
  mkdir "$new/carried"
  for program in "${CARRIED[@]}"; do copy_program "$program" "$new/carried"; done
  for program in "${CARRIED_LINKS[@]}"; do ln -s "${program#*=}" "$new/carried/${program%%=*}"; done
  # Node's, and what libraries open by themselves
  for program in 'libstdc++.so.6' libgcc_s.so.1 libatomic.so.1 libdl.so.2 libpthread.so.0 librt.so.1 libm.so.6; do
    cp -L "$(find "$work/root" -path "$work/root/*lib/$triplet/$program" | head -n 1)" "$new/lib/"
  done
  cp -L "$loader" "$new/lib/$loader_name"
  add_poll_library
  (cd "$work/root/usr/share/doc" && for program in */copyright; do
    # some are links to another package's that is not here
    if [[ -r $program ]]; then cp -L "$program" "$new/doc/${program%/copyright}.copyright"; fi
  done)

  # criu must not load the host's plugins or settings: they belong to another criu
  write_wrapper_through_loader criu 'export CRIU_LIBS_DIR="$here/lib/criu"
' '--no-default-config '
  write_wrapper_through_loader mkfs.erofs '' ''
  local hash
  hash=$(cat "$new"/lib/*.so* "$new/libexec/runc" | sha256sum | cut -c 1-16)
  write_runc "/run/deskpod-runtime/$hash"

  local criu runc erofs
  criu=$(version_of criu --version) || fail "criu does not run here"
  runc=$(version_of runc --version) || fail "runc does not run here"
  erofs=$(version_of mkfs.erofs -V) || fail "mkfs.erofs does not run here"
  printf '{"criu":"%s","runc":"%s","erofs":"%s"}\n' "$criu" "$runc" "$erofs" >"$new/versions.json"
  is_whole "$new" || fail "too old in this archive: got criu $criu, runc $runc, mkfs.erofs $erofs; expected criu $CRIU_NEEDED, runc $RUNC_NEEDED, mkfs.erofs $EROFS_NEEDED or newer"
  chmod 0755 "$new"
  sync -f "$new"

  # the former folder steps aside for the instant between the two renames
  if [[ -e $folder ]]; then mv -T "$folder" "$work/former"; fi
  mv -T "$new" "$folder"
  say "criu $criu, runc $runc, mkfs.erofs $erofs in $folder ($(du -sh "$folder" | cut -f 1))"
}

main "$@"
