#!/bin/bash
# A fresh Debian in a folder that takes the package, works with it, and is rid of it again; what is told goes to stdout.
#
# usage: package-host.sh RELEASE PACKAGE FOLDER
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../../ops/archive.sh"
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
release=$1 package=$2 host=$3

# What is there, by path; what dpkg keeps for itself goes on changing, and /run is gone at the next boot.
inventory() {
  find "$host" -xdev \( -path "$host/proc" -o -path "$host/sys" -o -path "$host/dev" -o -path "$host/var/lib/dpkg" \
    -o -path "$host/var/log" -o -path "$host/tmp" -o -path "$host/root" -o -path "$host/run" \) -prune -o -print | sed "s|^$host||" | sort
}
inside() { chroot "$host" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

depends=$(dpkg-deb --field "$package" Depends | sed 's/ ([^)]*)//g; s/ //g')
mmdebstrap --quiet --mode=root --variant=minbase --include="$depends,man-db,lintian,systemd,udev" "$release" "$host" \
  "deb [signed-by=$KEYRING] $(archive_uri) $release main" >&2
trap 'umount "$host/dev" "$host/proc"' EXIT
mount -t proc proc "$host/proc"
mount --bind /dev "$host/dev"
cp "$package" "$host/tmp/deskpod.deb"
inside lintian --fail-on error,warning --allow-root /tmp/deskpod.deb >&2
inventory >"$host.before"
inside dpkg -i /tmp/deskpod.deb >&2
printf 'version %s\n' "$(inside deskpod --version)"
inside systemd-analyze verify /usr/lib/systemd/system/deskpod-dock.service '/usr/lib/systemd/system/deskpod-plug@.service' >&2
# that of Debian 12 has no such command yet
if inside udevadm --help | grep -q '^ *verify'; then inside udevadm verify /usr/lib/udev/rules.d/70-deskpod.rules >&2; fi
inside sh -euc 'mkdir -p /root/pod; echo "correct horse battery" >/root/passphrase; export DESKPOD_PASSPHRASE_FILE=/root/passphrase
  deskpod create --tree /root/pod; deskpod checkpoint -d /root/pod | sed -n "s/^\(checkpoint [0-9]*\):.*/\1/p"' | grep '^checkpoint'
# the runtime folder's runc finds its libraries through a link in /run
inside /usr/lib/deskpod/runtime/bin/runc --version >&2
inside man deskpod >/dev/null
inside dpkg -P deskpod >&2
# man has an index of its own
inventory >"$host.after"
comm -13 "$host.before" "$host.after" | grep -v '^/var/cache/man/' | sed 's/^/left /' || true
