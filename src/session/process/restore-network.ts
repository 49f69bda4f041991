// The network of a session that is being restored: what its sockets need to be bound and connected again.
import { INTERFACE } from './network.ts';

/**
 * A script for CRIU to call. The session had addresses of another host, and an interface. Sockets that listen on such an
 * address, datagram sockets that are connected, and those that are bound to the interface are made again before there is a
 * network. So an interface of that name is there, which pasta takes over; and until all sockets are made each address is
 * the session's own, and leads nowhere. The loopback stays up. A kernel without tun or IPv6 does without.
 *
 * CRIU runs it without a standard input: nsenter of util-linux 2.41 stays where it is if what it opens becomes
 * descriptor 0.
 */
export const RESTORE_NETWORK_SCRIPT = `#!/bin/sh
# what was done is remembered beside this script, as no more must be undone
case $CRTOOLS_SCRIPT_ACTION in
setup-namespaces) act='
  ip link set lo up || exit 1
  ip tuntap add dev ${INTERFACE} mode tap 2>/dev/null || :
  for family in -4 -6; do
    rm -f "$0$family"
    if ip $family route add local default dev lo 2>/dev/null; then : >"$0$family"; fi
  done
  if [ -e "$0-6" ]; then echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind; fi' ;;
post-restore) act='
  for family in -4 -6; do
    if [ -e "$0$family" ]; then ip $family route delete local default dev lo && rm "$0$family" || exit 1; fi
  done
  if [ -e /proc/sys/net/ipv6 ]; then echo 0 >/proc/sys/net/ipv6/ip_nonlocal_bind; fi' ;;
*) exit 0 ;;
esac
exec nsenter --target "$CRTOOLS_INIT_PID" --net sh -c "$act" "$0" </dev/null
`;
