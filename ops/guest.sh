#!/bin/bash
# Makes a guest: a small Debian with its own kernel, for tests that need a kernel other than this machine's. QEMU runs it.
#
# usage: ops/guest.sh [--check] RELEASE FOLDER
#
# RELEASE is a Debian release with its own kernel: bookworm (Linux 6.1) or trixie (6.12).
# --check makes nothing, and succeeds if FOLDER is whole and made by this version of the script.
#
# In FOLDER: vmlinuz; initrd, which mounts the first disk as root and the second at /checkout, then runs the program that
# `run=` on the kernel's command line names; root.erofs, the first disk; kernel, the kernel's version; recipe.
# Nothing is installed on this machine, and no script of a package is run. FOLDER appears complete or not at all.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/archive.sh"

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
readonly PACKAGES=(
  linux-image-amd64 busybox-static kmod bash dash coreutils findutils grep sed procps util-linux mount
  cryptsetup-bin dmsetup e2fsprogs rsync libstdc++6 libatomic1 iproute2 tar gzip perl-base
)
# What tests load, or what the kernel and cryptsetup load for them; with what each of these needs.
readonly MODULES=(
  virtio_pci virtio_blk erofs ext4 overlay loop dm_mod dm_crypt xts cts ecb cbc essiv hmac sha256_generic sha512_generic
  scsi_debug sd_mod xhci_pci usb_storage aesni_intel af_alg algif_hash algif_skcipher crc32c_generic crc32c_intel
  # what CRIU asks sockets by, and what it tries before it does anything
  unix_diag inet_diag tcp_diag udp_diag raw_diag netlink_diag af_packet_diag nf_tables nf_conntrack_netlink tun veth
)
# What the initrd inserts itself.
readonly BOOT_MODULES=(virtio_pci virtio_blk erofs)
readonly LEFT_OUT=(
  '/usr/share/man/*' '/usr/share/doc/*' '/usr/share/locale/*' '/usr/share/info/*' '/usr/share/bug/*'
  '*/lib/udev/*' '/boot/System.map*' '*/modules/*/kernel/*'
)
readonly KEPT=(
  '/usr/share/doc/*/copyright' '*/modules/*/kernel/block/*' '*/modules/*/kernel/arch/*' '*/modules/*/kernel/crypto/*' '*/modules/*/kernel/lib/*'
  '*/modules/*/kernel/net/*' '*/modules/*/kernel/drivers/net/tun.ko*' '*/modules/*/kernel/drivers/net/veth.ko*'
  '*/modules/*/kernel/fs/*' '*/modules/*/kernel/drivers/md/*' '*/modules/*/kernel/drivers/block/*'
  '*/modules/*/kernel/drivers/virtio/*' '*/modules/*/kernel/drivers/scsi/*' '*/modules/*/kernel/drivers/usb/common/*'
  '*/modules/*/kernel/drivers/usb/core/*' '*/modules/*/kernel/drivers/usb/host/*' '*/modules/*/kernel/drivers/usb/storage/*'
  # what tells systemd of a drive
  '*/lib/udev/rules.d/*'
)

say() { printf 'guest: %s\n' "$*" >&2; }
fail() {
  printf 'guest: error: %s\n' "$*" >&2
  exit 1
}

# What a guest is made by: another script makes another guest.
recipe() { printf '%s %s\n' "$1" "$(sha256sum <"${BASH_SOURCE[0]}" | cut -c 1-16)"; }

is_whole() {
  local release=$1 folder=$2 name
  for name in vmlinuz initrd root.erofs kernel recipe; do [[ -s $folder/$name ]] || return 1; done
  [[ $(cat "$folder/recipe") == "$(recipe "$release")" ]]
}

extract_packages() {
  local release=$1 uri=$2 options=() pattern
  for pattern in "${LEFT_OUT[@]}"; do options+=("--dpkgopt=path-exclude=$pattern"); done
  for pattern in "${KEPT[@]}"; do options+=("--dpkgopt=path-include=$pattern"); done
  local include
  include=$(IFS=, && printf '%s' "${PACKAGES[*]}")
  TMPDIR=$work mmdebstrap --quiet --mode=root --variant=extract --format=directory "${options[@]}" --include="$include" \
    "$release" "$work/root" "deb [signed-by=$KEYRING] $uri $release main" >"$work/log" 2>&1 || {
    tail -n 10 "$work/log" >&2
    fail "the packages of $release could not be fetched and unpacked"
  }
}

# The files of a module and of all that it needs, in the order in which they are inserted.
files_of() { /sbin/modprobe -d "$work/root" -S "$kernel" --show-depends "$1" | sed -n 's/^insmod \([^ ]*\) *$/\1/p'; }

keep_modules() {
  local dir=$1 module
  find "$dir" -name '*.ko.xz' -exec xz -d {} +
  /sbin/depmod -b "$work/root" "$kernel"
  for module in "${MODULES[@]}"; do files_of "$module" || fail "Linux $kernel has no module $module"; done | sort -u >"$work/kept"
  find "$dir" -name '*.ko' | sort | comm -23 - "$work/kept" | xargs -r rm -f
  /sbin/depmod -b "$work/root" "$kernel"
}

make_initrd() {
  local module file
  mkdir -p "$work/initrd/bin" "$work/initrd/modules" "$work/initrd/newroot"
  cp "$(find "$work/root/bin/" "$work/root/usr/bin/" -name busybox -type f | head -n 1)" "$work/initrd/bin/busybox"
  for module in "${BOOT_MODULES[@]}"; do files_of "$module"; done | awk '!seen[$0]++' | while read -r file; do
    cp "$file" "$work/initrd/modules/"
    printf '%s\n' "$(basename "$file")" >>"$work/initrd/modules/order"
  done
  cat >"$work/initrd/init" <<'INIT'
#!/bin/busybox sh
# The first process of a guest: mounts its disks and hands over to the program that the command line names.
export PATH=/bin
/bin/busybox mkdir -p /proc /dev /sbin
/bin/busybox --install -s /bin
fail() {
  echo "guest: $1" >/dev/console
  poweroff -f
}
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for name in $(cat /modules/order); do insmod "/modules/$name" || fail "module $name could not be inserted"; done
mount -t erofs -o ro /dev/vda /newroot || fail 'the root disk could not be mounted'
mount -t erofs -o ro /dev/vdb /newroot/checkout || fail 'the checkout disk could not be mounted'
program=$(sed -n 's/.*\brun=\([^ ]*\).*/\1/p' /proc/cmdline)
mount --move /dev /newroot/dev
mount --move /proc /newroot/proc
mount -t sysfs sys /newroot/sys
exec switch_root /newroot /bin/bash "$program" </dev/console >/dev/console 2>&1
INIT
  chmod 0755 "$work/initrd/init"
  (cd "$work/initrd" && find . | ./bin/busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$new/initrd"
}

# No script of a package ran: what the programs of the tests want of them.
furnish() {
  local root=$work/root
  mkdir -p "$root/checkout" "$root/etc"
  printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  ln -sfn /proc/self/mounts "$root/etc/mtab"
  rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
}

main() {
  local check=false
  if [[ ${1:-} == --check ]]; then
    check=true
    shift
  fi
  [[ $# == 2 && $1 =~ ^[a-z]+$ && $2 == /* ]] || fail 'usage: ops/guest.sh [--check] RELEASE FOLDER (an absolute path)'
  local release=$1 folder=$2 uri
  if $check; then
    is_whole "$release" "$folder"
    return
  fi
  uri=$(archive_uri) || fail "no Debian archive in this machine's apt sources; name one in DESKPOD_MIRROR"
  [[ -r $KEYRING ]] || fail "$KEYRING is missing: install debian-archive-keyring"
  local mkfs=${DESKPOD_RUNTIME:-/var/lib/deskpod/runtime}/bin/mkfs.erofs
  [[ -x $mkfs ]] || fail "$mkfs is missing: run ops/setup"

  mkdir -p "$(dirname "$folder")"
  # a kill leaves this folder behind; the next run takes it away
  find "$(dirname "$folder")" -maxdepth 1 -name '.guest-making.*' -mmin +60 -exec rm -rf {} +
  work=$(mktemp -d "$(dirname "$folder")/.guest-making.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  new=$work/new
  mkdir "$new"

  say "fetching Debian $release with its kernel"
  extract_packages "$release" "$uri"
  local image
  image=$(find "$work/root/boot" -name 'vmlinuz-*' | head -n 1)
  [[ -n $image ]] || fail "the kernel package of $release has no kernel"
  kernel=${image##*/vmlinuz-}
  keep_modules "$work/root/lib/modules/$kernel"
  cp "$image" "$new/vmlinuz"
  make_initrd
  furnish
  rm -rf "$work/root/boot" "$work/root/var/cache" "$work/root/var/lib/apt"
  "$mkfs" --quiet "$new/root.erofs" "$work/root" >"$work/log" 2>&1 || fail "mkfs.erofs: $(tail -n 1 "$work/log")"
  printf '%s\n' "$kernel" >"$new/kernel"
  recipe "$release" >"$new/recipe"
  chmod 0755 "$new"
  sync -f "$new"

  # the former folder steps aside for the instant between the two renames
  if [[ -e $folder ]]; then mv -T "$folder" "$work/former"; fi
  mv -T "$new" "$folder"
  say "Linux $kernel in $folder ($(du -sh "$folder" | cut -f 1))"
}

main "$@"
