# A bus, and NetworkManager in a network of its own, with one cable into another where a DHCP server is.
#
# usage: network-manager.sh TREE FOLDER, in mount, network and process namespaces of its own
#
# TREE is what ops/network-manager.sh makes; in FOLDER is bus.conf. When the bus is there that is told by the line `bus`. Each line
# on stdin is one of yes, no, guessedYes, guessedNo, unknown: the connection costs that then, and the same line comes back when
# NetworkManager says so itself. It is started by the first.
set -euo pipefail
tree=$1 folder=$2
exec 3>&1 >"$folder/network-manager.log" 2>&1
(($$ == 1)) || { echo 'network-manager.sh: not in namespaces of its own' >&2; exit 1; }
# devices of others, which could not be let go of as long as this runs
findmnt --raw --noheadings --output TARGET | grep '^/run/deskpod/' | tac | xargs -r umount --lazy || true

# each run begins with nothing
mount -t tmpfs -o mode=755 tmpfs "$tree/run"
mount -t tmpfs -o mode=755 tmpfs "$tree/var"
mount -t tmpfs -o mode=755 tmpfs "$tree/tmp"
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
# what finds it read-only waits for no udev
mount -t sysfs -o ro sysfs "$tree/sys"
mkdir -p "$tree/run/bus" "$tree/var/lib/NetworkManager"
mount --bind "$folder" "$tree/run/bus"
inside() { chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus/bus "$@"; }

dbus-daemon --nofork --print-address --config-file="$folder/bus.conf" >"$tree/tmp/address" &
until [[ -s $tree/tmp/address ]]; do sleep 0.05; done
printf 'bus\n' >&3

ip link set lo up
unshare --net --kill-child sleep infinity &
far=$!
# it has its own network once the two have not the same
until [[ $(readlink "/proc/$far/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.05; done
ip link add cable type veth peer far netns "$far"
nsenter --net="/proc/$far/ns/net" ip address add 10.78.0.1/24 dev far
nsenter --net="/proc/$far/ns/net" ip link set far up
ip link set cable up

# it says what a phone says that shares its connection
nsenter --net="/proc/$far/ns/net" chroot "$tree" dnsmasq --keep-in-foreground --user=root --conf-file=/dev/null --port=0 --no-ping \
  --interface=far --bind-interfaces --dhcp-range=10.78.0.10,10.78.0.20 --dhcp-option-force=43,ANDROID_METERED \
  --dhcp-leasefile=/tmp/leases --pid-file= &

cat >"$tree/tmp/manager.conf" <<'CONF'
[main]
plugins=keyfile
dhcp=internal
dns=none
rc-manager=unmanaged
auth-polkit=false
no-auto-default=*
[keyfile]
path=/tmp/connections
[logging]
backend=stderr
CONF
mkdir "$tree/tmp/connections" "$tree/tmp/conf.d"
fixed=(ipv4.method manual ipv4.addresses 10.78.0.2/24 ipv4.gateway 10.78.0.1)

start_manager() {
  inside NetworkManager --no-daemon --config /tmp/manager.conf --config-dir /tmp/conf.d --state-file /tmp/state &
  until inside nmcli general status; do sleep 0.1; done
  inside nmcli connection add type ethernet con-name cable ifname cable autoconnect no ipv6.method disabled "${fixed[@]}"
}

while read -r word; do
  [[ -n ${isStarted:-} ]] || start_manager
  isStarted=yes
  leased=(ipv4.method auto ipv4.addresses '' ipv4.gateway '')
  case $word in
  yes) costs=yes how=("${fixed[@]}") told=yes ;;
  no) costs=no how=("${fixed[@]}") told=no ;;
  guessedNo) costs=unknown how=("${fixed[@]}") told='no (guessed)' ;;
  # only the server tells of that
  guessedYes) costs=unknown how=("${leased[@]}") told='yes (guessed)' ;;
  unknown) told=unknown ;;
  esac
  if [[ $word == unknown ]]; then
    inside nmcli connection down cable
  else
    inside nmcli connection modify cable connection.metered "$costs" "${how[@]}"
    inside nmcli --wait 30 connection up cable
  fi
  until [[ $(inside nmcli --get-values GENERAL.METERED device show cable) == "$told" ]]; do sleep 0.1; done
  printf '%s\n' "$word" >&3
done
