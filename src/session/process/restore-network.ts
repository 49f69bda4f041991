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
case $CRTOOLS_SCRIPT_ACTION in
setup-namespaces) act='
  if [ -e $binding ]; then echo 1 >$binding; fi
  ip -force -batch - 2>/dev/null <<LINES || ip link set lo up
link set lo up
tuntap add dev ${INTERFACE} mode tap
route add local 0.0.0.0/0 dev lo
route add local ::/0 dev lo
LINES
' ;;
post-restore) act='
  if [ -e $binding ]; then echo 0 >$binding; fi
  ip -force -batch - 2>/dev/null <<LINES || [ -z "$(ip route show table local default; ip -6 route show table local default)" ]
route delete local 0.0.0.0/0 dev lo
route delete local ::/0 dev lo
LINES
' ;;
*) exit 0 ;;
esac
export binding=/proc/sys/net/ipv6/ip_nonlocal_bind
exec nsenter --target "$CRTOOLS_INIT_PID" --net sh -c "$act" </dev/null
`;
