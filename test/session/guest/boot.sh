# The first program of a guest after its initrd: makes what programs expect to be there, runs one suite, turns it off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
for dir in /run /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 none /sys/fs/cgroup
modprobe -a loop tun
ip link set lo up
stty -F /dev/ttyS1 raw -echo
cd /checkout
suite=$(sed -n 's/.*\bsuite=\([^ ]*\).*/\1/p' /proc/cmdline)
export DESKPOD_RUNTIME=/checkout/runtime
# No machine code is made of JavaScript, unless there is much to do: emulated, that costs more than it saves.
grep -qw busy /proc/cmdline || jitless=--jitless
timeout 300 node/bin/node ${jitless-} --disable-warning=ExperimentalWarning build/main.js "$suite" >/dev/ttyS1
echo "guest: the suite $suite ended with exit code $?"
echo o >/proc/sysrq-trigger
sleep 60
