# Makes a guest a host with systemd and udev on which the package is installed; a service of it runs the trial that the kernel's
# command line names, then it is turned off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs -o mode=755 tmpfs /run
stty -F /dev/ttyS1 raw -echo
modprobe -a loop tun xhci_pci usb_storage sd_mod overlay
# what dpkg would unpack lies over the host's own files
mkdir -p /run/etc/upper /run/etc/work /run/var/upper /run/var/work
mount -t overlay -o lowerdir=/checkout/package/etc:/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
mount -t overlay -o lowerdir=/checkout/package/usr:/usr overlay /usr
mount -t overlay -o lowerdir=/var,upperdir=/run/var/upper,workdir=/run/var/work overlay /var
for dir in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
trial=$(sed -n 's/.*\btrial=\([^ ]*\).*/\1/p' /proc/cmdline)
mkdir -p /run/systemd/system
cat >/run/systemd/system/trial.service <<UNIT
[Unit]
DefaultDependencies=no
Wants=systemd-udevd.service -.slice
After=systemd-udevd.service
[Service]
Type=oneshot
ExecStart=/bin/bash /checkout/$trial.sh
StandardOutput=file:/dev/console
StandardError=inherit
UNIT
exec /usr/lib/systemd/systemd --unit=trial.service
