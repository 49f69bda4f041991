# A host with the kernel module: its root attacks a session without the module's protection and with it, ends the supervisor,
# and suspends and resumes what is left in peace. What there is to tell goes to the second serial line, an object a line.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C
export DESKPOD_PASSPHRASE_FILE=/checkout/passphrase DESKPOD_BASES=/checkout/bases
turn_off() {
  echo "end $?" >/dev/ttyS1
  dmesg --notime --level=emerg,alert,crit,err,warn | tail -n 20
  for file in /run/deskpod/*/private/supervisor.log /run/deskpod/*/bundle/*.log; do
    [ ! -s "$file" ] || { echo "== $file"; tail -n 30 "$file"; }
  done
  echo o >/proc/sysrq-trigger
  sleep 60
}
trap turn_off EXIT
set -eu
for folder in /run /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$folder"; done
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 none /sys/fs/cgroup
modprobe -a loop tun
ip link set lo up
stty -F /dev/ttyS1 raw -echo

readonly DRIVE=/dev/vdc
tell() { printf '%s\n' "$1" >/dev/ttyS1; }
# The answer of a command, or its error: whether it failed is for the test to say.
ask() { tell "$("$deskpod" --json "$1" -d "$DRIVE" "${@:2}" || true)"; }
root_pid() { "$deskpod" --json status -d "$DRIVE" | sed -n 's/.*"rootPid":\([0-9]*\).*/\1/p'; }

# Tells that the session's counter goes on, and where it stands.
count() {
  local file pid from to
  for file in /run/deskpod/*/merged/home/user/count; do :; done
  read -r pid from <"$file"
  until read -r pid to <"$file" && [ "${to:-0}" -gt "$from" ]; do :; done
  tell "{\"pid\":$pid,\"count\":$to}"
}

# Starts a program in the session that has nothing but /dev/tty to hold its terminal by.
hold_terminal() {
  "$deskpod" exec -d "$DRIVE" -- sh -c 'setsid script -qc "exec 2>/dev/null 7</dev/tty; echo \$\$ >~/holder; exec sleep infinity" /dev/null \
    </dev/null >/dev/null 2>&1 & until [ -s ~/holder ]; do sleep 0.1; done'
}

# Tells what that program holds.
tell_terminal() {
  tell "{\"terminal\":\"$("$deskpod" exec -d "$DRIVE" -- sh -c 'readlink "/proc/$(cat ~/holder)/fd/7"' | tr -d '\r')\"}"
}

# Does to the session what root can do to any process, and tells what came of it.
attack() {
  local root=$1 done=''
  attempt() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then done+="${done:+,}\"$name\""; fi
  }
  attempt signal kill -CONT "$root"
  attempt environ cat "/proc/$root/environ"
  attempt folder test -d "/proc/$root"
  attempt list sh -c "ls /proc | grep -qx $root"
  attempt namespace nsenter --target "$root" --mount true
  attempt schedule chrt --other -p 0 "$root"
  attempt limit prlimit --pid "$root" --nofile
  tell "{\"done\":[$done]}"
}

# Ends the supervisor where it stands.
kill_supervisor() {
  local dir
  for dir in /proc/[0-9]*; do
    if tr '\0' ' ' <"$dir/cmdline" | grep -q '^[^ ]*node .*supervisor'; then kill -KILL "${dir#/proc/}"; fi
  done 2>/dev/null
}

# The log has come to tell of what was refused.
await_violation() {
  until "$deskpod" --json log -d "$DRIVE" | grep -q "\"barrier.violation\".*\"$1\""; do :; done
}

echo 'guest: without the module'
/checkout/carrier/deskpod create "$DRIVE" --no-runtime >/dev/null
deskpod=/run/deskpod-runtime/deskpod
ask start --no-view --require-tier kmod
tell "{\"mounts\":$(grep -c ' /run/deskpod/' /proc/mounts || true)}"
ask start --no-view
"$deskpod" exec -d "$DRIVE" -- sh -c "$(cat /checkout/start-counter)"
until ls /run/deskpod/*/merged/home/user/count; do sleep 0.2; done
count
attack "$(root_pid)"
ask suspend

echo 'guest: with the module'
insmod /checkout/deskpod.ko
tell "$("$deskpod" --json doctor || true)"
ask start --no-view --require-tier kmod
root=$(root_pid)
attack "$root"
count
await_violation signal
hold_terminal
tell_terminal

echo 'guest: the supervisor is killed'
kill_supervisor
attack "$root"
count
ask status
attack "$root"
"$deskpod" exec -d "$DRIVE" -- true
ask checkpoint
count
ask suspend

echo 'guest: the session goes on'
ask start --no-view --require-tier kmod
attack "$(root_pid)"
count
tell_terminal
ask log
ask suspend

echo 'guest: the supervisor is killed before its session is up'
"$deskpod" --json start --fresh --no-view "$DRIVE" >/tmp/killed 2>&1 &
starting=$!
until hidden=$(cat /run/deskpod/*/bundle/session.pid 2>/dev/null) && [ -n "$hidden" ] && [ ! -e "/proc/$hidden" ]; do
  kill -0 "$starting" || { cat /tmp/killed; exit 1; }
done
kill_supervisor
wait "$starting" || true
attack "$hidden"
ask start --no-view --require-tier kmod
count
ask suspend
# the module looks once a second whether a session is over
until rmmod deskpod; do sleep 0.2; done
tell '{"unloaded":true}'
