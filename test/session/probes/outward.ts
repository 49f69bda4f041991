// The way out: what a program of a session attempts to get beyond it, and must not.
import type { Probe } from './probe.ts';

const FILES: readonly Probe[] = [
  {
    name: 'leaves a changed root by a folder that is still open',
    perl: `opendir(my $here, '/'); mkdir '/tmp/jail'; chroot('/tmp/jail') or return 0; chdir $here;
        chdir '..' for 1 .. 64; return chroot '.'`,
  },
  {
    name: 'climbs beyond the root',
    perl: `for my $from ('/', '/proc', '/sys', '/dev', '/dev/pts', '/dev/shm', '/tmp') {
          chdir $from or die "$from: $!"; chdir '..' for 1 .. 64; return $from unless same('.', '/') } return 0`,
  },
  {
    name: 'finds a file of the host below another name of the root',
    perl: `for ('', '/..', '/proc/1/root', '/proc/self/root/..', '/proc/1/cwd/../..', '/proc/thread-self/root',
            map { "/proc/self/fd/$_/../../.." } 0 .. 9) { return "$_$given{file}" if reads("$_$given{file}") } return 0`,
    isHarmless: true,
  },
  {
    name: 'opens a file of the host by the newer call',
    perl: `opendir(my $root, '/'); my $how = pack 'QQQ', 0, 0, 0;
          return sys(437, fileno($root), "../../..$given{file}", $how, 24) >= 0`,
    isHarmless: true,
  },
  {
    name: 'has a file open that is not in the session',
    perl: `my @outside; for my $pid (grep { /^\\d+$/ } names('/proc')) { for my $fd (names("/proc/$pid/fd")) {
          my $path = readlink "/proc/$pid/fd/$fd" // next;
          next if $path =~ m{^(?:pipe|socket|anon_inode):} || $path =~ / \\(deleted\\)$/;
          next if same("/proc/$pid/fd/$fd", $path);
          # what has ended or closed it between the two looks has nothing open
          push @outside, "$pid $path" if (readlink "/proc/$pid/fd/$fd" // '') eq $path } } return found(@outside)`,
  },
  {
    name: 'has its root, place or program outside',
    perl: `my @outside; for my $pid (grep { /^\\d+$/ } names('/proc')) {
          for my $link ('root', 'cwd', 'exe') { my $path = readlink "/proc/$pid/$link" // next;
            next if same("/proc/$pid/$link", $path);
            push @outside, "$pid $link $path" if (readlink "/proc/$pid/$link" // '') eq $path }
          push @outside, "$pid root" if readlink "/proc/$pid/root" && !same("/proc/$pid/root", '/') } return found(@outside)`,
  },
  {
    name: 'writes to the program of its first process',
    perl: `return writes('/proc/1/exe') || writes('/usr/bin/perl')`,
  },
  {
    name: 'opens the root of its file system by a guessed handle',
    perl: `opendir(my $root, '/'); my $handle = pack('LlQL', 8, 1, 2, 0); return passed(304, fileno($root), $handle, 0)`,
  },
  {
    name: 'makes a device',
    perl: `my @kinds = ([0020666, 0x101], [0060666, 0x800], [0060666, 0x700]); my $made = 0;
          for (@kinds) { $made++ if sys(133, "/tmp/node", @$_) == 0; unlink '/tmp/node' } return $made`,
  },
  {
    name: 'finds a disk, or memory, among its devices',
    perl: `return found(grep { -b || m{/k?mem$|/port$} } below('/dev', 3))`,
    isHarmless: true,
  },
  {
    name: 'puts something in the place of a device or of a folder of the kernel',
    perl: `my @done; for my $path ('/dev/null', '/dev/ptmx', '/dev', '/proc', '/sys') {
          push @done, $path if rename($path, "$path.was") } push @done, 'link' if symlink('/etc', '/dev/console');
          push @done, 'root' if mkdir '/dev/console'; return found(@done)`,
  },
];

const MOUNTS_AND_NAMESPACES: readonly Probe[] = [
  {
    name: 'mounts',
    perl: `my @done; mkdir '/tmp/place'; for (['proc'], ['sysfs'], ['devtmpfs'], ['tmpfs'], ['cgroup2'], ['/', 4096],
            ['overlay', 0, 'lowerdir=/:/etc'], ['/tmp', 1 << 20]) {
          my ($type, $flags, $text) = (@$_, 0, ''); push @done, $type if passed(165, $type, '/tmp/place', $type, $flags, $text) }
          return found(@done)`,
  },
  {
    name: 'mounts by the newer calls',
    perl: `my @done; push @done, 'fsopen' if passed(430, 'tmpfs', 0); push @done, 'open_tree' if passed(428, -100, '/', 1);
          push @done, 'fspick' if passed(433, -100, '/', 0); push @done, 'setattr' if passed(442, -100, '/sys', 0, 0, 0);
          return found(@done)`,
  },
  {
    name: 'takes away what hides a file, or makes writable what is not',
    perl: `my @done; for my $path ('/proc/kcore', '/proc/keys', '/proc/sys', '/sys', '/proc/irq') {
          push @done, "umount $path" if sys(166, $path, 2) == 0;
          push @done, "remount $path" if sys(165, 'none', $path, 'none', 32 | 4096, '') == 0 } return found(@done)`,
  },
  {
    name: 'makes a namespace',
    perl: `my @done; my %kinds = (user => 0x10000000, mount => 0x20000, pid => 0x20000000, net => 0x40000000,
            ipc => 0x08000000, uts => 0x04000000, cgroup => 0x02000000, time => 0x80);
          for my $kind (keys %kinds) { push @done, "unshare $kind" if passed(272, $kinds{$kind});
            next if $kind eq 'time';
            my $pid = sys(56, $kinds{$kind} | 17, 0, 0, 0, 0); exit if $pid == 0; push @done, "clone $kind" if $pid > 0 }
          push @done, 'clone3' if passed(435, pack('Q8', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64); return found(@done)`,
  },
  {
    name: 'enters a namespace',
    perl: `my @done; for my $owner ('1', 'self') { for my $kind (names("/proc/$owner/ns")) {
          open(my $namespace, '<', "/proc/$owner/ns/$kind") or next;
          push @done, $kind if passed(308, fileno($namespace), 0) } } return found(@done)`,
  },
  {
    name: 'maps other ids',
    perl: `open(my $map, '>', '/proc/self/uid_map') or return 0; return syswrite($map, '0 0 1')`,
  },
];

const PROCESSES: readonly Probe[] = [
  {
    name: 'sees a process of the host',
    perl: `for my $pid (grep { /^\\d+$/ } names('/proc')) { open(my $file, '<', "/proc/$pid/cmdline") or next;
          local $/; my $words = <$file> // ''; next if $pid == $$ || $words =~ /^perl\\0/;
          return $pid if index($words, $given{mark}) >= 0 } return 0`,
    isHarmless: true,
  },
  {
    name: 'signals a process of the host',
    perl: `return kill(0, $given{pid}) || kill(0, -$given{pid})`,
    isHarmless: true,
  },
  {
    name: 'takes a handle of a process of the host',
    perl: `return sys(434, $given{pid}, 0) >= 0`,
    isHarmless: true,
  },
  {
    name: 'reads the memory of a process of the host',
    perl: `my $iov = pack 'QQ', 4096, 1; return passed(310, $given{pid}, $iov, 1, $iov, 1, 0)`,
    isHarmless: true,
  },
  {
    name: 'traces a process',
    perl: `return passed(101, 0x4206, getppid(), 0, 0) || passed(101, 16, 1, 0, 0) || passed(101, 16, $given{pid}, 0, 0)`,
  },
  {
    name: "finds the host's shared memory",
    perl: `return sys(29, $given{key}, 0, 0) >= 0 || reads("/dev/shm/$given{mark}")`,
    isHarmless: true,
  },
  {
    name: "reads the kernel's keyrings",
    perl: `return reads('/proc/keys') || passed(250, 0, -3, 0) || passed(250, 11, 1, 0, 0) || passed(248, 'user', 'a', 'b', 1, -3)`,
  },
];

const THE_KERNEL: readonly Probe[] = [
  {
    name: 'changes a setting of the kernel',
    perl: `return found(grep { writes($_) } below('/proc/sys', 8), below('/sys/kernel', 4), below('/sys/power', 1),
            below('/sys/fs', 5), '/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/sys/kernel/uevent_helper')`,
  },
  {
    name: 'writes to a file of the kernel outside its own processes',
    // What hides a file is writable and holds nothing. Every user of a host may ask to be told of its pressure.
    perl: `return found(grep { !-c && !m{^/proc/pressure/} && writes($_) }
            map { my $path = "/proc/$_"; -l $path ? () : -d _ ? below($path, 4) : $path } grep { !/^\\d+$/ } names('/proc'))`,
  },
  {
    name: 'reads what the kernel tells its root',
    perl: `return found(grep { reads($_) } '/proc/kcore', '/proc/kmsg', '/dev/kmsg', '/dev/mem', '/proc/kpagecount',
            '/proc/kpageflags', '/proc/vmallocinfo', '/proc/slabinfo', '/proc/timer_list', '/proc/kallsyms', '/sys/kernel/debug/sched',
            '/sys/kernel/tracing/trace', '/sys/firmware/efi/efivars', '/proc/1/stack') || passed(103, 3, 'x' x 64, 64)`,
  },
  {
    name: 'makes the kernel run or load something',
    perl: `my %calls = (kexec_load => 246, kexec_file_load => 320, init_module => 175, finit_module => 313, delete_module => 176,
            bpf => 321, perf_event_open => 298, userfaultfd => 323, io_uring_setup => 425, add_key => 248, reboot => 169,
            swapon => 167, acct => 163, iopl => 172, ioperm => 173, fanotify_init => 300, memfd_secret => 447);
          return found(grep { passed($calls{$_}, 1, 1, 1, 1, 1) } sort keys %calls)`,
  },
  {
    name: 'makes calls by another interface of the kernel',
    perl: `return sys(0x40000000 + 39) >= 0 || sys(0x40000000 + 165, 'tmpfs', '/tmp', 'tmpfs', 0, 0) >= 0`,
  },
  {
    name: 'sets the clock or the name of the host',
    perl: `return passed(227, 0, pack('QQ', time, 0)) || passed(164, pack('QQ', time, 0), 0) || passed(170, 'other', 5)
            || passed(171, 'other', 5)`,
  },
];

const SOCKETS: readonly Probe[] = [
  {
    name: 'connects to an abstract socket of the host',
    perl: `return reaches("\\0$given{abstract}")`,
    isHarmless: true,
  },
  {
    name: 'sees an abstract socket of the host',
    perl: `open(my $file, '<', '/proc/net/unix') or die $!; return found(grep { /\\@\\Q$given{abstract}\\E/ && chomp } <$file>)`,
    isHarmless: true,
  },
  {
    name: 'connects to a socket of the host in a folder',
    perl: `return reaches($given{socket}) || reaches("/proc/1/root/..$given{socket}")`,
    isHarmless: true,
  },
  {
    name: "connects to a service on the host's loopback",
    perl: `open(my $file, '<', '/proc/net/route') or return 0;
          my @gateways = map { join '.', reverse unpack('C4', pack 'H8', (split)[2]) } grep { !/^Iface/ } <$file>;
          reachesTcp($_, $given{port}) and return $_ for '127.0.0.1', grep { $_ ne '0.0.0.0' } @gateways; return 0`,
    isHarmless: true,
  },
  {
    name: 'makes raw packets, or changes its network',
    perl: `my @done; push @done, 'raw' if socket(my $raw, AF_INET, SOCK_RAW, 1); push @done, 'packet' if socket(my $packet, 17, SOCK_RAW, 0);
          socket(my $any, AF_INET, SOCK_DGRAM, 0) or die $!; my $down = pack('Z16s x22', 'lo', 0);
          push @done, 'lo' if ioctl($any, 0x8914, $down); return found(@done)`,
  },
];

const RIGHTS: readonly Probe[] = [
  {
    name: 'becomes another user, or gets a right',
    perl: `my @done; for my $id (0, 1, 999, 65534) { push @done, "uid $id" if sys(117, $id, $id, $id) == 0;
          push @done, "gid $id" if sys(119, $id, $id, $id) == 0 }
          push @done, 'groups' if sys(116, 1, pack('L', 0)) == 0;
          push @done, 'capset' if sys(126, pack('LL', 0x20080522, 0), pack('L6', 1, 1, 1, 0, 0, 0)) == 0;
          push @done, 'ambient' if sys(157, 47, 2, 0, 0, 0) == 0; return found(@done)`,
  },
  {
    name: 'gets the rights of another user by a program',
    perl: `for my $program (split / /, $given{programs}) { my $pid = fork // die "fork: $!";
        if ($pid == 0) { open STDOUT, '>', '/dev/null'; exec { $program } $program, '0' or exit 1 }
        # Also when it has ended, until it is waited for, it says whose rights it had.
        my $text = ''; until ($text =~ /^State:\\tZ/m) { select undef, undef, undef, 0.001;
          open(my $status, '<', "/proc/$pid/status") or die "status: $!"; $text = join '', <$status> }
        waitpid $pid, 0; die "$program did not run" if $?; return "$program $1" if $text =~ /^([UG]id:(?!\\t1000\\t1000\\t1000\\t1000$).*)/m }
        return 0`,
  },
  {
    name: 'types into a terminal, or takes over a console',
    perl: `open(my $terminal, '+<', '/dev/ptmx') or die "ptmx: $!"; my @done; my $key = 'x';
          my %calls = (TIOCSTI => 0x5412, TIOCLINUX => 0x541c, TIOCCONS => 0x541d, KDSETMODE => 0x4b3a, VT_ACTIVATE => 0x5606);
          for my $call (sort keys %calls) { push @done, $call if ioctl($terminal, $calls{$call}, $key) } return found(@done)`,
  },
  {
    name: 'takes more of the processor or of memory than others',
    perl: `my @done; push @done, 'priority' if sys(141, 0, 0, -5) == 0; push @done, 'realtime' if sys(144, 0, 1, pack 'L', 1) == 0;
          push @done, 'disk' if sys(251, 1, 0, 1 << 13) == 0;
          my $score; push @done, 'oom' if open($score, '>', '/proc/self/oom_score_adj') && defined syswrite($score, '-500');
          push @done, 'files' if sys(302, 0, 7, pack('QQ', 1 << 20, 1 << 20), 0) == 0; return found(@done)`,
  },
];

/**
 * Given are: `mark`, a word that the host's own things carry; `pid`, a process of the host with that word in its arguments
 * and environment; `file`, a file of the host; `socket` and `abstract`, where the host listens; `port`, the same on its
 * loopback; `key`, of its shared memory; `programs`, files in the session that run with the rights of their owner, root.
 */
export const OUTWARD_PROBES: readonly Probe[] = [
  ...FILES,
  ...MOUNTS_AND_NAMESPACES,
  ...PROCESSES,
  ...THE_KERNEL,
  ...SOCKETS,
  ...RIGHTS,
];
