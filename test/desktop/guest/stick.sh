# For the programs of a guest with a USB stick: the stick, the pod on it, and what is told to who runs the guest.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C DESKPOD_PASSPHRASE_FILE=/checkout/passphrase
# The first host id of a session's ids.
readonly SHIFTED=1879048192
# emulated, and beside whatever else is done, a suspend takes its time; one that hangs is told by then
readonly CLEAN_SECONDS=300
deskpod=/run/deskpod-runtime/deskpod

# A line on the second serial line.
tell() { printf '%s\n' "$1" >/dev/ttyS1; }

# For the end of the program, whatever it is: tells of it, and turns the guest off.
turn_off() {
  tell "end $?"
  echo o >/proc/sysrq-trigger
  sleep 60
}

# Has the stick plugged in, or the other one if that is said, and waits for it: DRIVE is its device then.
plug() {
  tell "plug${1:+ $1}"
  until DRIVE=$(drive); do sleep 0.1; done
}

# Has it pulled out, and waits until the kernel knows it no more; lost, there is nothing of it any more.
pull() {
  tell "${1:-pull}"
  while drive >/dev/null; do sleep 0.1; done
}

drive() {
  local dir size
  for dir in /sys/block/sd*; do
    if read -r size <"$dir/size" && ((size > 0)); then
      echo "/dev/${dir##*/}"
      return
    fi
  done 2>/dev/null
  return 1
}

# Starts deskpod from the stick itself, once: its runtime is in memory from then on, and outlives it.
carry() {
  mkdir -p /run/stick
  mount "$DRIVE" /run/stick
  /run/stick/deskpod --json status >/dev/ttyS1
}

# Runs a command of deskpod; its answer is told, a failure, too.
answer() { "$deskpod" --json "$@" >/dev/ttyS1 || true; }

# Where the program in the session that counts is: waits until it has gone on.
count() {
  local file pid from to
  for file in /run/deskpod/*/merged/home/user/count; do :; done
  read -r pid from <"$file"
  until read -r pid to <"$file" && ((to > from)); do sleep 0.1; done
  tell "{\"pid\":$pid,\"count\":$to}"
}

# What this host still has of a pod, a line for each.
left() {
  local file path pid uid args
  grep -E ' /run/deskpod/| /run/stick |^/dev/sd' /proc/mounts || true
  for file in /sys/block/loop*/loop/backing_file; do
    if read -r path <"$file" && [[ $path != /run/deskpod-runtime/* ]]; then echo "loop: $path"; fi
  done 2>/dev/null
  # a file system that lives has the key of its vault
  for path in /run/deskpod/????????????????/ /sys/fs/cgroup/deskpod-* /sys/fs/ext4/sd* /dev/mapper/deskpod-*; do
    if [[ -e $path ]]; then echo "$path"; fi
  done
  grep -i fscrypt /proc/keys || true
  ps -eo pid=,uid=,args= | while read -r pid uid args; do
    if ((uid >= SHIFTED)) || [[ $(readlink "/proc/$pid/exe") == /run/deskpod-runtime/* ]]; then echo "process: $pid $args"; fi
  done
}

# Waits until nothing is left, and tells how long that took, or what is left then.
clean() {
  local from=$SECONDS line
  while [[ -n $(left) ]] && ((SECONDS - from < CLEAN_SECONDS)); do sleep 0.2; done
  left | while read -r line; do tell "left $line"; done
  tell "{\"cleanSeconds\":$((SECONDS - from))}"
}
