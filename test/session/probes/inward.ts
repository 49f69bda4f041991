// The way in: what a user of the host attempts on the processes and places of a session, and must not.
import type { Probe } from './probe.ts';

/** What every user of a host may read of a process in /proc/PID; SECURITY.md lists it. */
export const VISIBLE_FILES: readonly string[] = [
  ...[
    'arch_status',
    'attr',
    'autogroup',
    'cgroup',
    'cmdline',
    'comm',
    'coredump_filter',
    'cpuset',
    'cpu_resctrl_groups',
  ],
  ...[
    'gid_map',
    'latency',
    'limits',
    'loginuid',
    'mountinfo',
    'mounts',
    'net',
    'oom_adj',
    'oom_score',
    'oom_score_adj',
  ],
  ...[
    'projid_map',
    'sched',
    'schedstat',
    'sessionid',
    'setgroups',
    'stat',
    'statm',
    'status',
    'task',
    'timens_offsets',
  ],
  ...['uid_map', 'wchan'],
];

/** Files of /proc/PID that must not be read. */
const SECRET_FILES = [
  ...[
    'environ',
    'maps',
    'smaps',
    'smaps_rollup',
    'numa_maps',
    'mem',
    'auxv',
    'pagemap',
    'io',
    'syscall',
    'stack',
  ],
  ...['personality', 'timers', 'mountstats', 'clear_refs'],
];

const READING: readonly Probe[] = [
  {
    name: 'reads its environment, memory or what it does',
    perl: `return found(grep { reads("/proc/$p/$_") } qw(${SECRET_FILES.join(' ')}))`,
    isHarmless: true,
  },
  {
    name: 'lists its files and mappings',
    perl: `return found(grep { my $dir = $_; grep { readlink "/proc/$p/$dir/$_" } names("/proc/$p/$dir") } 'fd', 'map_files')
          || lists("/proc/$p/fd") || lists("/proc/$p/fdinfo") || lists("/proc/$p/map_files")`,
    isHarmless: true,
  },
  {
    name: 'reads its threads',
    perl: `for my $thread (names("/proc/$p/task")) { reads("/proc/$p/task/$thread/$_") and return $_ for 'environ', 'maps', 'mem' }
          return 0`,
    isHarmless: true,
  },
];

/** Given is `visible`. */
const SEEING: readonly Probe[] = [
  {
    name: 'reads anything of it that SECURITY.md does not list',
    perl: `my %visible = map { $_ => 1 } split / /, $given{visible};
          return found(grep { !$visible{$_} && (lists("/proc/$p/$_") || reads("/proc/$p/$_")) } names("/proc/$p"))`,
    isHarmless: true,
  },
];

const FOLLOWING: readonly Probe[] = [
  {
    name: 'follows its links into the session',
    perl: `return found(grep { readlink "/proc/$p/$_" } 'exe', 'root', 'cwd')`,
    isHarmless: true,
  },
  {
    name: 'enters its root by its links',
    perl: `return lists("/proc/$p/root/") || lists("/proc/$p/cwd/") || chdir "/proc/$p/root"`,
    isHarmless: true,
  },
  {
    name: 'connects to its display by its links',
    perl: `return reaches("/proc/$p/root/tmp/.X11-unix/X1") || reaches("/proc/$p/root/run/user/1000/deskpod/rfb.sock")`,
    isHarmless: true,
  },
  {
    name: 'opens its namespaces',
    perl: `return found(grep { readlink "/proc/$p/ns/$_" or reads("/proc/$p/ns/$_") } 'user', 'mnt', 'net', 'pid', 'ipc', 'uts')`,
    isHarmless: true,
  },
  {
    name: 'enters its namespaces by a handle of it',
    perl: `my $handle = sys(434, $p, 0); die "pidfd_open: $!" if $handle < 0; return sys(308, $handle, 0x40000000) == 0
          || sys(308, $handle, 0x10000000) == 0`,
    isHarmless: true,
  },
];

const CHANGING: readonly Probe[] = [
  { name: 'signals it', perl: `return kill 0, $p`, isHarmless: true },
  { name: 'stops it', perl: `return kill 'STOP', $p` },
  { name: 'ends it', perl: `return kill 'KILL', $p` },
  {
    name: 'signals it by the other calls',
    perl: `my $handle = sys(434, $p, 0); die "pidfd_open: $!" if $handle < 0;
          return passed(424, $handle, 0, 0, 0) || passed(234, $p, $p, 0) || passed(200, $p, 0)`,
    isHarmless: true,
  },
  {
    name: 'changes its limits',
    perl: `my $limits = "\\0" x 16; return 0 if sys(302, $p, 7, 0, $limits) < 0; return sys(302, $p, 7, $limits, 0) == 0`,
    isHarmless: true,
  },
  {
    name: 'looks at its limits by the call',
    perl: `my $limits = "\\0" x 16; return sys(302, $p, 7, 0, $limits) == 0`,
    isHarmless: true,
  },
  {
    name: 'moves it to other processors',
    perl: `my $mask = "\\0" x 128; my $size = sys(204, $p, 128, $mask); die "sched_getaffinity: $!" if $size <= 0;
          return sys(203, $p, $size, $mask) == 0`,
    isHarmless: true,
  },
  {
    name: 'changes its priority',
    perl: `my $now = 20 - sys(140, 0, $p); return sys(141, 0, $p, $now) == 0`,
    isHarmless: true,
  },
  {
    name: 'changes its priority at the disk',
    perl: `my $now = sys(252, 1, $p); return sys(251, 1, $p, $now) == 0`,
    isHarmless: true,
  },
  {
    name: 'changes how it is scheduled',
    perl: `return sys(144, $p, 0, pack 'L', 0) == 0`,
    isHarmless: true,
  },
  {
    name: 'writes to its files of the kernel',
    perl: `return found(grep { writes("/proc/$p/$_") } 'oom_score_adj', 'coredump_filter', 'clear_refs', 'mem', 'comm', 'uid_map',
            'setgroups', 'autogroup')`,
    isHarmless: true,
  },
  {
    name: 'moves it to another control group',
    perl: `for my $group (grep { -d } glob '/sys/fs/cgroup/* /sys/fs/cgroup') { open(my $file, '>', "$group/cgroup.procs") or next; return $group }
          return 0`,
    isHarmless: true,
  },
];

const MEMORY: readonly Probe[] = [
  { name: 'traces it', perl: `return sys(101, 0x4206, $p, 0, 0) == 0`, isHarmless: true },
  { name: 'attaches to it', perl: `return sys(101, 16, $p, 0, 0) == 0` },
  {
    name: 'reads its memory',
    perl: `my $here = "\\0" x 8; my $iov = pack 'QQ', 4096, 1; return passed(310, $p, $iov, 1, $iov, 1, 0)`,
    isHarmless: true,
  },
  {
    name: 'writes to its memory',
    perl: `my $iov = pack 'QQ', 4096, 1; return passed(311, $p, $iov, 1, $iov, 1, 0)`,
    isHarmless: true,
  },
  {
    name: 'takes a file of it',
    perl: `my $handle = sys(434, $p, 0); die "pidfd_open: $!" if $handle < 0; return sys(438, $handle, 0, 0) >= 0`,
    isHarmless: true,
  },
  {
    name: 'advises on its memory',
    perl: `my $handle = sys(434, $p, 0); die "pidfd_open: $!" if $handle < 0; return passed(440, $handle, pack('QQ', 4096, 4096), 1, 20, 0)`,
    isHarmless: true,
  },
  { name: 'moves its pages', perl: `return passed(279, $p, 0, 0, 0, 0, 2)`, isHarmless: true },
  { name: 'compares it with another', perl: `return sys(312, $p, $p, 1, 0, 0) >= 0`, isHarmless: true },
  {
    name: 'looks at its locks',
    perl: `my $head = "\\0" x 8; my $size = "\\0" x 8; return sys(274, $p, $head, $size) == 0`,
    isHarmless: true,
  },
];

/** Given are `staging`, the pod's folder on the host, and `device`. */
const PLACES: readonly Probe[] = [
  {
    name: "enters the pod's folders on the host",
    perl: `return found(grep { lists("$given{staging}$_") } '', '/private', '/private/device', '/private/images', '/base', '/merged',
            '/merged/home', '/bundle', '/restore')`,
    isHarmless: true,
  },
  {
    name: "reads the pod's files on the host",
    perl: `return found(grep { reads("$given{staging}/$_") } 'private/session.json', 'private/device/deskpod.pod', 'merged/etc/passwd',
            'base/etc/passwd', 'bundle/config.json', 'bundle/dump.log', 'bundle/runc.log')`,
    isHarmless: true,
  },
  {
    name: "connects to the session's display in the pod's folders",
    perl: `return reaches("$given{staging}/merged/tmp/.X11-unix/X1")`,
    isHarmless: true,
  },
  {
    name: 'finds its display at an abstract address',
    perl: `return reaches("\\0/tmp/.X11-unix/X1")`,
  },
  { name: "reads runc's notes", perl: `return lists('/run/deskpod/runc')`, isHarmless: true },
  {
    name: 'finds a key of the pod in a keyring',
    perl: `open(my $file, '<', '/proc/keys') or return 0; return found(grep { /fscrypt|deskpod|cryptsetup|dm-crypt/ } <$file>)`,
  },
];

/** Numbers of system calls, with arguments that change nothing where they are let through. `$p` is a process of the session. */
export const INWARD_PROBES: readonly Probe[] = [
  ...READING,
  ...SEEING,
  ...FOLLOWING,
  ...CHANGING,
  ...MEMORY,
  ...PLACES,
];
