# A guest in which a USB stick with a pod is pulled out at the moment that the kernel's command line names, and plugged in again.
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

# The session runs; a command comes too late.
pull_while_it_runs() {
  answer start "$DRIVE" --no-view
  count
  pull
  answer suspend -d "$DRIVE"
}

# The suspend is at the step that is named, with _ for spaces.
pull_in_suspend() {
  local line
  answer start "$DRIVE" --no-view
  count
  { "$deskpod" --ndjson suspend -d "$DRIVE" || true; } | while read -r line; do
    case $line in
    *'"step":"'"${1//_/ }"'"'*) tell pull ;;
    *'"type":"progress"'*) ;;
    *) tell "$line" ;;
    esac
  done
  while drive >/dev/null; do sleep 0.1; done
}

# The images of the processes are in memory, and CRIU is making processes of them.
pull_in_start() {
  answer start "$DRIVE" --no-view &
  until [[ -n $(compgen -G '/run/deskpod/*/private/images/inventory.img') ]]; do sleep 0.02; done
  pull
  wait
}

plug
carry
moment=$(sed -n 's/.*\bmoment=\([^ ]*\).*/\1/p' /proc/cmdline)
case $moment in
running) pull_while_it_runs ;;
start) pull_in_start ;;
*) pull_in_suspend "$moment" ;;
esac
clean
plug
answer status -d "$DRIVE"
answer start "$DRIVE" --no-view
answer stop -d "$DRIVE"
answer start "$DRIVE" --no-view --resume
count
answer suspend -d "$DRIVE"
clean
