# A guest in which a pod with a LUKS vault is made on a USB stick, and goes on each time that the stick is plugged in again.
. /checkout/stick.sh
trap turn_off EXIT
set -eu
for dir in /run /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 none /sys/fs/cgroup
stty -F /dev/ttyS1 raw -echo
modprobe -a loop tun xhci_pci usb_storage sd_mod

# What there is of dm-crypt while the pod is open.
mapped() { tell "{\"mapped\":\"$(dmsetup ls --target crypt | sed -n 's/^\(deskpod-[0-9a-f]*\).*/\1/p')\"}"; }

# Where all is emulated, on a busy machine, a desktop may not come up in time before its files were read once.
start_afresh() {
  local attempt
  for attempt in 1 2 3 4; do
    if "$deskpod" --json start "$DRIVE" --no-view >/run/answer; then break; fi
  done
  cat /run/answer >/dev/ttyS1
}

plug
/checkout/deskpod --json create "$DRIVE" --vault luks --base /checkout/base.erofs --cpu-baseline x86-64-v2 --no-runtime >/dev/ttyS1
start_afresh
mapped
"$deskpod" exec -d "$DRIVE" -- sh -c "$(cat /checkout/counter.sh)"
until [[ -n $(compgen -G '/run/deskpod/*/merged/home/user/count') ]]; do sleep 0.1; done
count
answer suspend -d "$DRIVE"
clean
# at rest
pull
plug
answer start "$DRIVE" --no-view
count
# while it runs
pull
clean
plug
answer start "$DRIVE" --no-view --resume
count
answer suspend -d "$DRIVE"
clean
