# The trial of a host with systemd: a session is started from a unit, and what the kernel's command line names becomes of that.
. /checkout/stick.sh
trap turn_off EXIT
set -eu

# Starts the pod in a scope, as a login has one.
start_in_scope() { systemd-run --quiet --scope --unit=login "$deskpod" --json start "$DRIVE" --no-view >/dev/ttyS1; }

root_pid() { "$deskpod" --json status -d "$DRIVE" | sed -n 's/.*"rootPid":\([0-9]*\).*/\1/p'; }

# Tells where session and supervisor are, what keeps the session, and what its limits do.
look() {
  local root group name limits=''
  root=$(root_pid)
  group=$(sed -n 's/^0:://p' "/proc/$root/cgroup")
  for name in cgroup.controllers memory.max pids.max cpu.max; do
    limits+=",\"$name\":\"$(cat "/sys/fs/cgroup$group/$name" || true)\""
  done
  tell "{\"group\":\"$group\",\"supervisor\":\"$(supervisor_group)\"$limits}"
}

# Uses up what there is: the memory, the processes and the time of the processors.
use_up() {
  local root group killed=0 forked
  root=$(root_pid)
  group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$root/cgroup")
  "$deskpod" exec -d "$DRIVE" -- perl -e 'push @held, "x" x 2**20 for 1 .. 1024' || killed=$?
  forked=$("$deskpod" exec -d "$DRIVE" -- perl -e 'my @bomb; while (@bomb < 400 && defined(my $pid = fork)) { if ($pid == 0) { sleep 600; exit }
    push @bomb, $pid } kill "KILL", @bomb; print scalar @bomb')
  "$deskpod" exec -d "$DRIVE" -- perl -e 'for (1 .. 4) { next if fork; 1 while (times)[0] < 0.5; exit } 1 while wait > 0'
  tell "{\"killed\":$killed,\"forked\":$forked,\"throttled\":$(sed -n 's/^nr_throttled //p' "$group/cpu.stat")}"
}

supervisor_group() {
  local dir
  for dir in /proc/[0-9]*; do
    if tr '\0' ' ' <"$dir/cmdline" | grep -q '^[^ ]*node .*supervisor'; then sed -n 's/^0:://p' "$dir/cgroup"; fi
  done 2>/dev/null
}

# Lets systemd think of all its units and groups anew.
reconsider() {
  systemctl daemon-reload
  systemd-run --quiet --unit=other -p CPUWeight=50 -p MemoryMax=64M -p TasksMax=20 sleep 600
  systemctl stop other.service
  systemctl daemon-reexec
  systemctl daemon-reload
}

# From a scope: limits are in force, whatever systemd thinks of; with the scope it is suspended.
scope() {
  start_in_scope
  count
  look
  reconsider
  look
  use_up
  systemctl stop login.scope
}

# The same from a service.
service() {
  systemctl start desk.service
  count
  look
  reconsider
  look
  systemctl stop desk.service
}

# By hand, which is from the service that runs this; here it was suspended before, under limits.
by_hand() {
  answer start "$DRIVE" --no-view
  count
  look
  answer suspend -d "$DRIVE"
  clean
  answer start "$DRIVE" --no-view
  count
  reconsider
  look
  answer suspend -d "$DRIVE"
}

# Without limits, in a scope that is stopped.
unlimited() {
  answer limit --memory none --processes none --cpus none -d "$DRIVE"
  start_in_scope
  look
  systemctl stop login.scope
}

# Without limits, in a scope all of which is killed: the session goes on, and the next command takes it over.
killed() {
  answer limit --memory none --processes none --cpus none -d "$DRIVE"
  start_in_scope
  look
  systemctl kill --signal=KILL login.scope
  answer checkpoint -d "$DRIVE"
  count
  look
  answer suspend -d "$DRIVE"
}

# Pulled out while systemd knows the drive by udev, and has units of its mounts.
pulled() {
  start_in_scope
  count
  systemctl --plain --no-legend list-units --all --full 'dev-sd*.device' 'run-deskpod-*-device.mount' |
    sed -n 's/^\([^ ]*\) .* active .*/unit \1/p' >/dev/ttyS1
  pull
}

# Home itself, with a dock: a stick that is plugged in comes home, and can be pulled out.
docked() {
  local line dock
  pull
  cp -r /checkout/home /run/home
  install -m 600 /checkout/identity /run/identity
  "$deskpod" dock --home /run/home --identity /run/identity --journal /run/journal --no-upkeep >/dev/console 2>&1 &
  dock=$!
  plug
  until grep -qE '"step":"(safe|failed|refused)"' /run/journal 2>/dev/null; do sleep 0.2; done
  pull
  until grep -q '"step":"gone"' /run/journal; do sleep 0.2; done
  while read -r line; do tell "$line"; done </run/journal
  kill "$dock"
  wait "$dock" || true
  plug
}

plug
carry
scene=$(sed -n 's/.*\bscene=\([^ ]*\).*/\1/p' /proc/cmdline)
"$scene"
clean
if [[ $scene == pulled ]]; then plug; fi
answer status -d "$DRIVE"
