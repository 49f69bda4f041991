# The first program of a guest after its initrd: makes what programs expect to be there, runs one suite, turns it off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
for dir in /run /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm

# A kernel that lacks a module, which may be that of its own root: everything is copied into memory, but for the module, and
# the module let go of.
without=$(sed -n 's/.*\bwithout=\([^ ]*\).*/\1/p' /proc/cmdline)
if [ -n "$without" ] && [ ! -e /former ]; then
  mount -t tmpfs -o mode=755,size=90% tmpfs /tmp
  cp -a --one-file-system /bin /sbin /lib* /usr /etc /checkout /tmp
  find /tmp/lib/modules /tmp/usr/lib/modules -name "$without.ko*" -delete 2>/dev/null
  cd /tmp
  mkdir -p former run tmp var/tmp proc dev sys mnt media
  umount /dev/shm /dev/pts
  for dir in proc dev sys; do mount --move "/$dir" "/tmp/$dir"; done
  pivot_root . former
  exec chroot . /bin/bash /checkout/test/session/guest/boot.sh </dev/console >/dev/console 2>&1
fi
if [ -e /former ]; then
  umount -R -l /former
  while grep -qw "^$without" /proc/modules && ! rmmod "$without"; do sleep 0.2; done
  export LACKING=$without
fi

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
