# Makes a guest a host with systemd as its first process, and udev; a service of it runs the trial, then the guest is turned off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs -o mode=755 tmpfs /run
for dir in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
stty -F /dev/ttyS1 raw -echo
modprobe -a loop tun xhci_pci usb_storage sd_mod
# a host has a name of its own
mkdir -p /run/etc/upper /run/etc/work
modprobe overlay
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
mkdir -p /run/systemd/system
cat >/run/systemd/system/trial.service <<'UNIT'
[Unit]
DefaultDependencies=no
Wants=systemd-udevd.service -.slice
After=systemd-udevd.service
[Service]
Type=oneshot
ExecStart=/bin/bash /checkout/units.sh
StandardOutput=file:/dev/console
StandardError=inherit
UNIT
# a oneshot service that is there until it is stopped, with what it started
cat >/run/systemd/system/desk.service <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
RemainAfterExit=yes
Environment=DESKPOD_PASSPHRASE_FILE=/checkout/passphrase
ExecStart=/bin/bash -c '/run/deskpod-runtime/deskpod --json start /dev/$(ls /sys/block | grep ^sd) --no-view >/dev/ttyS1'
StandardOutput=file:/dev/console
StandardError=inherit
UNIT
exec /usr/lib/systemd/systemd --unit=trial.service
