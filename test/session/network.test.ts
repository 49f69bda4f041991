// Connections of a session to other computers, across checkpoints and suspends.
import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isDeskPodError } from '../../src/core/errors.ts';
import { endProcess, identifyProcess } from '../../src/session/host/process-identity.ts';
import { checkpointSession, suspendSession } from '../../src/session/process/checkpointing.ts';
import { INTERFACE } from '../../src/session/process/network.ts';
import type { ProcessSession } from '../../src/session/process/processes.ts';
import { HOST, type OwnNetwork, openOwnNetwork, SERVER } from './own-network.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';

type Kind = 'tcp' | 'udp';

/** Sends numbers, and keeps the last one that came back as `~/tcp` or `~/udp`; or that the connection ended. An answer may be late. */
const talkOver = (kind: Kind): string => `
  use IO::Socket::INET; use IO::Select; $SIG{PIPE} = "IGNORE";
  my $port = ${kind === 'tcp' ? SERVER.tcpPort : SERVER.udpPort};
  my $socket = IO::Socket::INET->new(PeerAddr => "${SERVER.address}", PeerPort => $port, Proto => "${kind}") or die "$@";
  sub keep { my $f = "$ENV{HOME}/${kind}"; open(my $to, ">", "$f.new") or die; print $to $_[0]; close $to; rename "$f.new", $f; }
  for (my $n = 1; ; $n++) {
    my $isSent = defined(syswrite($socket, "$n\\n"));
    my $isThere = IO::Select->new($socket)->can_read(0.5);
    my $count = $isThere ? sysread($socket, my $answer, 100) : undef;
    if ($count) { keep($1) if $answer =~ /(\\d+)\\n$/; }
    elsif ("${kind}" eq "tcp" && ($isThere || !$isSent)) { keep("ended"); exit; }
    select(undef, undef, undef, 0.02);
  }`;

/** Sends a datagram by IPv6 until it comes back. */
const TALK_BY_IPV6 = `
  use Socket qw(:all); use IO::Select;
  socket(my $socket, AF_INET6, SOCK_DGRAM, 0) or die $!;
  my $server = pack_sockaddr_in6(${SERVER.udpPort}, inet_pton(AF_INET6, "${SERVER.address6}"));
  for (1 .. 100) { send($socket, "6\n", 0, $server); if (IO::Select->new($socket)->can_read(0.1)) { recv($socket, my $answer, 9, 0); exit($answer ne "6\n"); } }
  die "no answer"`;

/** A socket that is bound to the interface, and kept. */
const AT_INTERFACE = `
  use Socket qw(:all);
  socket(my $at_interface, AF_INET, SOCK_DGRAM, 0) or die $!; setsockopt($at_interface, SOL_SOCKET, 25, "${INTERFACE}\\0") or die $!;
  bind($at_interface, pack_sockaddr_in(7779, INADDR_ANY)) or die $!;
  sleep 1000 while 1`;

/**
 * Of each kind one server on the host's own address, a socket for datagrams there, and one that is connected; and one that
 * is bound to the interface.
 */
const SOCKETS = `
  use Socket qw(:all);
  my @places = ([AF_INET, inet_aton("${HOST.address}"), inet_aton("${SERVER.address}"), \\&pack_sockaddr_in],
    [AF_INET6, inet_pton(AF_INET6, "${HOST.address6}"), inet_pton(AF_INET6, "${SERVER.address6}"), \\&pack_sockaddr_in6]);
  for (@places) {
    my ($family, $own, $other, $at) = @$_;
    socket(my $server, $family, SOCK_STREAM, 0) or die $!; bind($server, $at->(7777, $own)) or die $!; listen($server, 5) or die $!;
    socket(my $bound, $family, SOCK_DGRAM, 0) or die $!; bind($bound, $at->(7778, $own)) or die $!;
    socket(my $connected, $family, SOCK_DGRAM, 0) or die $!; connect($connected, $at->(${SERVER.udpPort}, $other)) or die $!;
    push @kept, $server, $bound, $connected;
  }
  ${AT_INTERFACE}`;
const LIST = "ss -Hantu | awk '{print $1, $2, $5, $6}' | sort";

describe('the network of a session', () => {
  let lab: SessionLab;
  let network: OwnNetwork;
  let session: ProcessSession;
  beforeEach(async () => {
    lab = await openLab();
    network = await openOwnNetwork(lab.dir);
    await lab.mount('pod');
    session = await lab.start('pod', { programs: network.programs });
    assert.deepEqual(await session.settled, []);
  });
  afterEach(async () => {
    // the other computer's server would keep this process from ending
    await lab.close().finally(() => network.close());
  });

  const talk = (kind: Kind): Promise<string> =>
    shell(session, `setsid perl -e '${talkOver(kind)}' >/dev/null 2>~/talk.err </dev/null &`);
  const said = (kind: Kind, where = session): Promise<string> => shell(where, `cat ~/${kind}`);
  const untilSaidAfter = async (kind: Kind, least: number, where = session): Promise<void> => {
    await shell(
      where,
      `until [ "$(cat ~/${kind} 2>/dev/null || echo 0)" -gt ${least} ]; do sleep 0.02; done`,
    );
  };
  /** As the host may, for want of memory. */
  const endPasta = async (): Promise<void> => {
    const { bundleDir, rootPid } = session;
    const pasta = identifyProcess(Number(await readFile(`${bundleDir}/pasta-${rootPid}.pid`, 'utf8')));
    assert.ok(pasta !== undefined && (await endProcess(pasta)));
  };

  it('is there through checkpoints of a session that goes on: what is connected stays so', async () => {
    for (const kind of ['tcp', 'udp'] as const) {
      await talk(kind);
      await untilSaidAfter(kind, 0);
    }
    for (const name of ['one', 'two']) {
      let saidThen = '';
      const whileFrozen = async (): Promise<void> => {
        saidThen = await readFile(`${session.mergedDir}/home/user/tcp`, 'utf8');
      };
      await checkpointSession(session, { imagesDir: await lab.imagesDir(name), whileFrozen });
      await untilSaidAfter('tcp', Number(saidThen) + 5);
      await untilSaidAfter('udp', 0);
    }
    assert.equal(await network.connectionCount(), 1);
  });

  it('is gone in the session of such a checkpoint, which sees its connections end and is given another', async () => {
    for (const kind of ['tcp', 'udp'] as const) {
      await talk(kind);
      await untilSaidAfter(kind, 0);
    }
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    const resumed = await lab.resume('pod', imagesDir, { programs: network.programs });
    assert.deepEqual(await resumed.settled, []);
    await shell(resumed, 'until grep -q ended ~/tcp; do sleep 0.02; done');
    await untilSaidAfter('udp', Number(await said('udp', resumed)), resumed);
    session = resumed;
    await talk('tcp');
    await untilSaidAfter('tcp', 0, resumed);
    assert.equal(await network.connectionCount(), 2);
  });

  it('is as it was for the sockets that are bound to addresses of the former host, or to its interface', async () => {
    await shell(session, `setsid perl -e '${SOCKETS}' >/dev/null 2>~/sockets.err </dev/null &`);
    await shell(session, 'until [ "$(ss -Hantu | wc -l)" = 7 ] || [ -s ~/sockets.err ]; do sleep 0.02; done');
    const before = await shell(session, LIST);
    for (const address of [...Object.values(HOST), SERVER.address, SERVER.address6])
      assert.ok(before.includes(address), `${address} in ${before}`);
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    session = await lab.resume('pod', imagesDir, { hasNetwork: false });
    assert.equal(await shell(session, LIST), before);
    // what had to be there for that is not there any more
    assert.equal(
      await shell(session, 'ip route show table all default; ip -6 route show table all default'),
      '',
    );
    assert.equal(await shell(session, 'cat /proc/sys/net/ipv6/ip_nonlocal_bind'), '0');
  });

  it('is plugged in again after its pasta has died, in a resumed session, whose interface has outlived it', async () => {
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    // As newer ones are: they do not set what is set already.
    const pasta = `${lab.dir}/strict-pasta`;
    const script = `#!/bin/sh
      for netns; do :; done
      in_session() { nsenter --net="$netns" ip "$@" dev ${INTERFACE}; }
      left=$(in_session address show scope global | grep inet; in_session route show; in_session -6 route show)
      [ -z "$left" ] || { echo "File exists: $left" >&2; exit 1; }
      exec ${network.programs.pasta} "$@"`;
    await writeFile(pasta, script, { mode: 0o700 });
    session = await lab.resume('pod', imagesDir, { programs: { ...network.programs, pasta } });
    assert.deepEqual(await session.settled, []);
    await shell(session, `setsid perl -e '${AT_INTERFACE}' >/dev/null 2>&1 </dev/null &`);
    await shell(session, `until ss -Hanu | grep -q %${INTERFACE}:7779; do sleep 0.02; done`);
    await endPasta();
    await rename(pasta, `${pasta}.away`);
    const { warnings } = await checkpointSession(session, { imagesDir: await lab.imagesDir('two') });
    assert.deepEqual(
      warnings.map(({ code, hint }) => [code, hint]),
      [['NETWORK_FAILED', 'Install the package passt.']],
    );
    await rename(`${pasta}.away`, pasta);
    assert.equal(await session.network?.plug(), undefined);
    for (const kind of ['tcp', 'udp'] as const) {
      await talk(kind);
      await untilSaidAfter(kind, 0);
    }
    await shell(session, `perl -e '${TALK_BY_IPV6}'`);
    assert.match(await shell(session, 'ss -Hanu'), new RegExp(`%${INTERFACE}:7779`));
  });

  it('is there after a suspend that fails, with what was connected', async () => {
    await talk('tcp');
    await untilSaidAfter('tcp', 0);
    const refused = new Error('no room');
    await assert.rejects(
      suspendSession(session, {
        imagesDir: await lab.imagesDir('one'),
        whileFrozen: async () => Promise.reject(refused),
      }),
      (error) => error === refused || isDeskPodError(error, 'SUSPEND_FAILED'),
    );
    await untilSaidAfter('tcp', Number(await said('tcp')) + 5);
    assert.equal(await network.connectionCount(), 1);
  });
});
