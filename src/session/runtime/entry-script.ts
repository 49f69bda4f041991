// The script in the root of a device that starts the runtime beside it: all that runs before the runtime's own programs do.

/** Where runtimes are mounted on a host: each in a folder that is named by its id, which its programs are linked for. */
export const RUNTIMES_DIR = '/run/deskpod-runtime';

/** By this variable a program knows the folder on which the device that it was started from is mounted. */
export const CARRIER_VARIABLE = 'DESKPOD_CARRIER';

/** True if this program was started from a device. */
export function isCarried(): boolean {
  return process.env[CARRIER_VARIABLE] !== undefined;
}

/**
 * The script. A host that has nothing but a shell, mount, umount and flock runs it. Copying the runtime into memory lets
 * the device be unmounted, and pulled out, while its programs run. Killed anywhere it is simply run again.
 */
export const ENTRY_SCRIPT = `#!/bin/sh
# Starts the deskpod that this device carries, on any Linux: needs root, and mount, umount and flock of util-linux.
#
# usage: DEVICE/deskpod COMMAND, where the device is mounted on DEVICE; such as: DEVICE/deskpod start
set -eu

fail() {
  printf 'deskpod: %s\\n  %s\\n' "$1" "$2" >&2
  exit 30
}

uid=
[ ! -r /proc/self/status ] || while read -r name real effective rest; do
  [ "$name" != Uid: ] || uid=$effective
done </proc/self/status
[ "$uid" = 0 ] || fail "this needs root, this is user \${uid:-unknown}" 'Run the same command with sudo.'

here=$(cd -- "\${0%/*}/" && pwd -P)
places=${RUNTIMES_DIR}
mount_image() {
  mount -t erofs -o loop,ro,nodev,nosuid,X-mount.mkdir=0755 -- "$1" "$2" ||
    fail "$1: the runtime could not be mounted" 'This needs loop devices and EROFS: try modprobe -a loop erofs.'
}

former=$(umask)
umask 077
exec 9>"$places.lock"
umask "$former"
flock 9
# what a killed run left
umount "$places/device" 2>/dev/null || :
mount_image "$here/runtime.erofs" "$places/device"
id=
read -r id <"$places/device/id" || :
case $id in
'' | *[!0-9a-f]*) fail "$here/runtime.erofs: is no runtime" 'Put it there again with: deskpod runtime put' ;;
esac
place=$places/$id
if [ ! -r "$place/id" ]; then
  umount "$place.memory" 2>/dev/null || :
  mount -t tmpfs -o mode=0700,nodev,nosuid,X-mount.mkdir deskpod-runtime "$place.memory"
  # its own place is not mounted yet: by its loader a program runs from anywhere
  "$places/device/lib/ld.so" --library-path "$places/device/lib" "$places/device/bin/cp" \\
    "$here/runtime.erofs" "$place.memory/runtime.erofs" || {
    umount "$place.memory"
    fail 'the runtime could not be copied into memory' 'Close other programs of this host, then try again.'
  }
  mount_image "$place.memory/runtime.erofs" "$place"
fi
umount "$places/device"
"$place/bin/ln" -sfn "$place/program/bin/deskpod" "$places/deskpod"
exec 9>&-
# CRIU connects to itself first of all, and nobody else may have set up the host's loopback
"$place/bin/ip" link set lo up
export ${CARRIER_VARIABLE}="$here"
exec "$place/program/bin/deskpod" "$@"
`;
