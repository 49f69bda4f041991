# The first program of a guest after its initrd: runs one of the programs beside it, and turns the guest off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C
for dir in /run /tmp; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
word() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
program=$(word program)
cycles=$(word cycles)
[ -z "$cycles" ] || export CYCLES=$cycles
stty -F /dev/ttyS1 raw -echo
timeout "$(word limit)" "/checkout/$program" $(word runs) >/dev/ttyS1
echo "guest: $program ended with exit code $?"
dmesg --notime --level=emerg,alert,crit,err,warn | sed 's/^/guest: kernel: /'
# Begun before: the disks go off first, and no program can be read from them then.
sleep 60 &
echo o >/proc/sysrq-trigger
wait
