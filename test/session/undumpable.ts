// Programs for a session, in Perl, that make what CRIU cannot checkpoint, by system calls as they are on x86-64.
import { basename } from 'node:path';
import { captureInSession, type ProcessSession } from '../../src/session/process/processes.ts';

/**
 * Every program dies with what was in the way, or says `made` and stays. A call that fails leaves its errno. Strings are
 * passed to syscall() by their address.
 */
const PRELUDE = `
  use strict; use warnings; use Socket qw(:all); use POSIX ();
  $SIG{ALRM} = 'DEFAULT';
  sub call { my ($number, @values) = @_; my $result = syscall($number, @values); die "call $number: $!\\n" if $result == -1; return $result }
  sub address { return unpack('J', pack('p', $_[0])) }
  my $place = $ENV{PLACE};
  $0 = $ENV{NAME};
  sub put { my ($path, $text) = @_; open(my $file, '>', "$path.new") or die "$path: $!\\n"; print $file $text; close $file; rename "$path.new", $path }
  sub said { put($place, @_) }
  put("$place.pid", $$);
  sub state { my ($pid) = @_; open(my $file, '<', "/proc/$pid/stat") or return ''; return <$file> =~ /\\) (.)/ ? $1 : '' }
  sub stay { said('made'); sleep 1000 while 1 }
`;

/**
 * A page of memory whose code waits for ever (pause() again and again) and whose end is a stack that leads there: where
 * syscall() returns to, in a task that was made with that stack.
 */
const PAUSING_PAGE =
  'my $page = call(9, 0, 4096, 7, 0x62, -1, 0); my $code = pack("H*", "b8220000000f05ebf7");' +
  'my $image = $code . "\\0" x (4088 - length $code) . pack("Q", $page); pipe(my $reader, my $writer);' +
  'syswrite $writer, $image; call(0, fileno $reader, $page, 4096); my $stack = $page + 4088;';

/** What is made, by the \`what\` of its row in the table of denied calls. */
export const DENIED_OBJECTS: Readonly<Record<string, string>> = {
  'other namespaces': 'call(272, 0x10000000); stay()',
  'a process in a user namespace of its own':
    'my $pid = call(56, 0x10000011, 0, 0, 0, 0); sleep 1000 if $pid == 0; stay()',
  'a process that shares its working folder with another': `${PAUSING_PAGE} call(56, 0x211, $stack, 0, 0, 0); stay()`,
  'a process that shares its memory with another': `${PAUSING_PAGE} call(56, 0x111, $stack, 0, 0, 0); stay()`,
  'another process to trace':
    'my $pid = fork; if ($pid == 0) { call(101, 0, 0, 0, 0); sleep 1000 while 1 } select undef, undef, undef, 0.2; stay()',
  'a BPF map or program': 'my $map = pack("L4x104", 2, 4, 4, 1); call(321, 0, $map, length $map); stay()',
  'a performance counter':
    'my $event = pack("L2Q5x72", 1, 112, 0, 0, 0, 0, 3 << 5); call(298, $event, 0, -1, -1, 0); stay()',
  'an io_uring': 'my $parameters = "\\0" x 120; call(425, 4, $parameters); stay()',
  'a userfaultfd': 'call(323, 1); stay()',
  'secret memory': 'call(447, 0); stay()',
  'a file of huge pages': 'my $name = "pages"; call(319, $name, 4); stay()',
  'a POSIX message queue': 'call(240, "deskpod", 0102, 0600, 0); stay()',
  'a fanotify group': 'my $group = call(300, 0x200, 0); call(301, $group, 1, 2, -100, $ENV{HOME}); stay()',
  'a filter that asks a listener':
    'my $filter = pack("SCCL", 6, 0, 0, 0x7fff0000); my $program = pack("Sx6J", 1, address($filter)); call(317, 1, 8, $program); stay()',
  'a pidfd of a thread': 'call(434, $$ + 0, 0x80); stay()',
  'a socket of a family other than unix, IPv4, IPv6, netlink and packet':
    'syscall(41, 40, 1, 0) >= 0 or call(41, 38, 5, 0); stay()',
  'a socket of MPTCP, SCTP, DCCP, SMC or L2TP': 'call(41, 2, 1, 262); stay()',
};

/** What is held of a device, by its path in the table of devices. */
export const HELD_DEVICES: Readonly<Record<string, string>> = {
  '/dev/tty': 'open(my $tty, "+<", "/dev/tty") or die; POSIX::close($_) for 0 .. 2; stay()',
};

/** What is lost without an error: each program looks once it is told to, and says \`kept\` or \`lost\`. */
export const LOST_OBJECTS: Readonly<Record<string, string>> = {
  'a key in a keyring of the kernel':
    'call(250, 1, 0); call(248, "user", "deskpod", "x", 1, -3);' +
    'my ($type, $name) = ("user", "deskpod"); look(sub { syscall(250, 10, -3, $type, $name, 0) > 0 })',
  'a Landlock domain':
    'my $rights = pack("Q", 1 << 7); my $rules = call(444, $rights, 8, 0); call(446, $rules, 0); POSIX::close($rules);' +
    'look(sub { my $made = mkdir "$ENV{HOME}/forbidden"; rmdir "$ENV{HOME}/forbidden" if $made; !$made })',
  "dispatch of a program's own system calls to itself":
    'my $selector = "\\0" x 2; substr($selector, 1, 1) = "\\1"; call(157, 59, 1, 0, 0, address($selector));' +
    // Were it still there, the next call would end the program.
    'look(sub { said("kept"); substr($selector, 0, 1, "\\1"); said("lost"); 0 })',
  'memory that is never writable and executable':
    'call(157, 65, 1, 0, 0, 0); look(sub { syscall(157, 66, 0, 0, 0, 0) == 1 })',
  'memory that is sealed against changes of its mapping':
    'my $page = call(9, 0, 4096, 3, 0x22, -1, 0); call(462, $page, 4096, 0); look(sub { syscall(11, $page, 4096) == -1 })',
  'a local descriptor table':
    'my $entry = pack("L4", 0, 0, 0xfffff, 81); call(154, 1, $entry, 16);' +
    'look(sub { my $table = "\\0" x 64; call(154, 0, $table, 64) > 0 })',
};

const LOOK = `
  sub look {
    my ($isKept) = @_;
    said('made');
    select undef, undef, undef, 0.02 until -e "$place.look";
    said($isKept->() ? 'kept' : 'lost');
    sleep 1000 while 1;
  }
`;

/** A connection within the session that a server has not taken, and another one that it takes when it is told to look. */
export const UNTAKEN_CONNECTION =
  'my $address = pack_sockaddr_in(7777, inet_aton("127.0.0.1")); my $client; ' +
  'sub connected { socket($client, AF_INET, SOCK_STREAM, 0) or die; connect($client, $address) or die }' +
  'socket(my $server, AF_INET, SOCK_STREAM, 0) or die; bind($server, $address) or die; listen($server, 5) or die; connected();' +
  'look(sub { connected(); accept(my $taken, $server) or die; syswrite $client, "x"; sysread $taken, my $word, 1 })';

/** What no filter can keep a program from, by the kind of obstacle that it is. */
export const OBSTACLES: Readonly<Record<string, string>> = {
  'deleted-file':
    'my $name = "$place.gone"; open(my $file, ">", $name) or die; call(285, fileno $file, 0, 0, 70 * 1048576); unlink $name; stay()',
  'ended-leader':
    PAUSING_PAGE +
    // Somebody else sees when the first thread has ended: its own child would stay a zombie of it.
    'my $first = $$; my $witness = fork; if ($witness == 0) { POSIX::_exit(0) if fork; select undef, undef, undef, 0.02 until state($first) eq "Z"; said("made"); POSIX::_exit(0) }' +
    'waitpid $witness, 0; call(56, 0x50f00, $stack, 0, 0, 0); call(60, 0)',
  'torn-shared-memory':
    'my $segment = call(29, 0, 12288, 01600); my $start = call(30, $segment, 0, 0); call(11, $start + 4096, 4096); stay()',
  'unaccepted-connection':
    'socket(my $server, AF_UNIX, SOCK_STREAM, 0) or die; bind($server, pack_sockaddr_un("$place.socket")) or die; listen($server, 5) or die;' +
    'socket(my $client, AF_UNIX, SOCK_STREAM, 0) or die; connect($client, pack_sockaddr_un("$place.socket")) or die; syswrite $client, "x"; stay()',
  'unknown-socket':
    // A group of netlink beyond the first 32: 36 are the statistics of interfaces.
    'socket(my $link, 16, SOCK_RAW, 0) or die; bind($link, pack("SSLL", 16, 0, 0, 0)) or die; setsockopt($link, 270, 1, pack("L", 36)) or die; stay()',
  'unnamed-watch': 'my $watcher = call(294, 0); call(254, $watcher, "/proc/self/status", 2); stay()',
  'unread-credentials':
    'socketpair(my $one, my $other, AF_UNIX, SOCK_STREAM, 0) or die; setsockopt($other, SOL_SOCKET, 16, 1) or die; syswrite $one, "x";' +
    'look(sub { sysread $other, my $word, 1 })',
  'unread-netlink':
    // Asks for the list of interfaces, and does not read the answer.
    'socket(my $link, 16, SOCK_RAW, 0) or die; bind($link, pack("SSLL", 16, 0, 0, 0)) or die;' +
    'send($link, pack("LSSLLCx3", 20, 18, 0x301, 1, 0, 0), 0) or die; stay()',
  unstoppable: 'said("made"); my $pid = syscall(58); if ($pid == 0) { sleep 1000 while 1 }',
};

/** One of the programs as it runs. */
export interface Made {
  /** The file, inside the session, in which it says what it has to say. */
  readonly file: string;
  /** Why it could not make what it was to make. */
  readonly failure: string | undefined;
}

/** Starts one of the programs, in a window if that gets a title, and waits until it has made what it makes. */
export async function make(
  session: ProcessSession,
  name: string,
  program: string,
  title = '',
): Promise<Made> {
  const file = `/home/user/${name.replaceAll(/\W+/g, '-')}`;
  const code = [PRELUDE, LOOK, program].join('\n');
  const script =
    'rm -f "$PLACE"*; set -- sh -c \'exec "$@" 2>"$PLACE.error"\' sh "$@"; ' +
    'if [ -n "$TITLE" ]; then set -- xterm -T "$TITLE" -e "$@"; fi; setsid "$@" </dev/null >/dev/null 2>&1 & ' +
    'until [ -s "$PLACE" ] || [ -s "$PLACE.error" ] || ! kill -0 $!; do sleep 0.02; done; ' +
    '[ -s "$PLACE" ] || { cat "$PLACE.error"; [ -s "$PLACE.error" ] || echo "it has ended"; }';
  const { stdout } = await captureInSession(session, ['sh', '-c', script, 'sh', 'perl', '-e', code], {
    env: { PLACE: file, NAME: basename(file), TITLE: title },
  });
  return { file, failure: stdout === '' ? undefined : stdout.trim() };
}

/** Ends what {@link make} has started, with its children and its window. */
export async function unmake(session: ProcessSession, { file }: Made): Promise<void> {
  const script =
    'pid=$(cat "$0.pid"); kill -KILL $pid; pkill -KILL -f "^$1$"; while kill -0 $pid; do sleep 0.02; done; rm -f "$0"*';
  await captureInSession(session, ['sh', '-c', script, file, basename(file)]);
}

/** The number that one of the programs has inside the session. */
export async function pidOf(session: ProcessSession, { file }: Made): Promise<number> {
  return Number((await captureInSession(session, ['cat', `${file}.pid`])).stdout);
}

/** Tells a program to look at what it had, and gives what it says. */
export async function look(session: ProcessSession, { file }: Made): Promise<string> {
  const script =
    'touch "$0.look"; while kill -0 $(cat "$0.pid") && grep -q made "$0"; do sleep 0.02; done; sleep 0.1; cat "$0"';
  return (await captureInSession(session, ['sh', '-c', script, file])).stdout;
}
