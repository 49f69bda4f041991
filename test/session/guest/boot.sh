# The first program of a guest after its initrd: makes what programs expect to be there, runs the tests, turns the guest off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
for dir in /run /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
modprobe loop
stty -F /dev/ttyS1 raw -echo
cd /checkout
timeout 400 node/bin/node --disable-warning=ExperimentalWarning build/suite.js >/dev/ttyS1
echo "guest: the tests ended with exit code $?"
echo o >/proc/sysrq-trigger
sleep 60
