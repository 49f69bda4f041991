#!/bin/bash
# A fresh Debian in a folder that takes the package, works with it, and is rid of it again; what is told goes to stdout.
#
# usage: package-host.sh RELEASE PACKAGE FOLDER, in mount and process namespaces of its own: what it mounts and starts goes with it
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../../ops/archive.sh"
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
release=$1 package=$2 host=$3

(($$ == 1)) || { echo 'package-host.sh: not in namespaces of its own' >&2; exit 1; }
# devices of others, which could not be let go of as long as this runs
findmnt --raw --noheadings --output TARGET | grep '^/run/deskpod/' | tac | xargs -r umount --lazy || true

# What is there, by path; what dpkg keeps for itself goes on changing, and /run is gone at the next boot.
inventory() {
  find "$host" -xdev \( -path "$host/proc" -o -path "$host/sys" -o -path "$host/dev" -o -path "$host/var/lib/dpkg" \
    -o -path "$host/var/log" -o -path "$host/tmp" -o -path "$host/root" -o -path "$host/run" \) -prune -o -print | sed "s|^$host||" | sort
}
# Takes the package away, and tells what is there that was not.
remove() {
  inside dpkg -P deskpod >&2
  inventory >"$host.after"
  # man has an index of its own, and dkms a key
  comm -13 "$host.before" "$host.after" | grep -Ev '^/var/(cache/man/|lib/dkms/mok\.)' | sed 's/^/left /' || true
}
inside() { chroot "$host" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

depends=$(dpkg-deb --field "$package" Depends | sed 's/ ([^)]*)//g; s/ //g')
mmdebstrap --quiet --mode=root --variant=minbase --include="$depends,man-db,lintian,systemd,udev" "$release" "$host" \
  "deb [signed-by=$KEYRING] $(archive_uri) $release main" >&2
mount -t proc proc "$host/proc"
# not the machine's own: whoever removes the folder must find none of its nodes
mount -t tmpfs -o mode=755 tmpfs "$host/dev"
for node in null zero full random urandom tty; do cp -a "/dev/$node" "$host/dev/"; done
ln -s /proc/self/fd "$host/dev/fd"
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
# while a session runs, which whoever listens at this place says of it, it stays
mkdir -p "$host/run/deskpod/0/private"
chroot "$host" /usr/bin/systemd-socket-activate --listen=/run/deskpod/0/private/supervisor.sock /bin/true >&2 &
listener=$!
until [[ -S $host/run/deskpod/0/private/supervisor.sock ]]; do sleep 0.1; done
if inside dpkg -P deskpod >&2; then printf 'removed while a session runs\n'; fi
kill "$listener"
wait "$listener" || true
[[ -S $host/run/deskpod/0/private/supervisor.sock ]] || printf 'no socket was left by it\n'
remove

# What was built of the kernel module's sources goes, too.
cp -L /etc/resolv.conf "$host/etc/resolv.conf"
inside apt-get -q update >&2
inside apt-get -q -y --no-install-recommends install dkms linux-headers-amd64 >&2
kernel=$(basename "$(dirname "$(find "$host/lib/modules" -maxdepth 2 -name build | head -n 1)")")
# what depmod would leave by itself
inside depmod "$kernel"
inventory >"$host.before"
inside dpkg -i /tmp/deskpod.deb >&2
inside dkms install deskpod/1 -k "$kernel" >&2
built() { find "$host/lib/modules" "$host/var/lib/dkms" -name 'deskpod.ko*'; }
[[ $(built | wc -l) -gt 0 ]] && inside dkms status deskpod/1 | sed -n 's/.*: \(installed\).*/module \1/p'
remove
built | sed 's/^/left /'
inside dkms status | sed 's/^/left /'
