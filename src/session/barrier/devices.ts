// The devices of a session: what its /dev holds, and what it does not.
import type { CheckpointOutcome } from './denied-calls.ts';

/** A name in /dev, and what it is or why it is not there. */
export interface ProfileDevice {
  readonly path: string;
  readonly reason: string;
  /** What a checkpoint makes of a process that has it open. */
  readonly checkpoint?: CheckpointOutcome;
}

/** Everything in the session's /dev. */
export const PRESENT_DEVICES: readonly ProfileDevice[] = [
  { path: '/dev/full', reason: 'memory that is always full' },
  { path: '/dev/null', reason: 'nothing' },
  { path: '/dev/random', reason: "the kernel's random numbers" },
  { path: '/dev/urandom', reason: "the kernel's random numbers" },
  { path: '/dev/zero', reason: 'zeros' },
  { path: '/dev/ptmx', reason: "makes terminals of the session's own, in /dev/pts" },
  { path: '/dev/pts', reason: "the session's own terminals" },
  { path: '/dev/shm', reason: 'a folder for shared memory, in the memory file system that /dev is' },
  { path: '/dev/fd', reason: "a link to the process's own open files" },
  { path: '/dev/stdin', reason: 'a link' },
  { path: '/dev/stdout', reason: 'a link' },
  { path: '/dev/stderr', reason: 'a link' },
  {
    path: '/dev/tty',
    reason:
      'a link to /proc/thread-self/fd/2, not the device: programs hold their terminal itself by it; with the kernel module it leads to the controlling terminal, wherever stderr goes',
    checkpoint: { fails: 'ctty inheritance detected' },
  },
];

/** What programs look for in vain. */
export const ABSENT_DEVICES: readonly ProfileDevice[] = [
  { path: '/dev/fuse', reason: "CRIU cannot checkpoint a FUSE inside a session, nor its server's end" },
  { path: '/dev/dri', reason: "a GPU's driver keeps state that no checkpoint holds" },
  { path: '/dev/nvidia0', reason: "a GPU's driver keeps state that no checkpoint holds" },
  { path: '/dev/net/tun', reason: 'the network is given from outside' },
  { path: '/dev/kvm', reason: 'a virtual machine lives in the kernel, where no checkpoint reaches' },
  { path: '/dev/snd', reason: "sound is the host's" },
  {
    path: '/dev/input',
    reason: "keyboard and mouse are the host's; those of the session come through its display",
  },
  { path: '/dev/hidraw0', reason: "keyboard and mouse are the host's" },
  { path: '/dev/bus/usb', reason: "devices are the host's" },
  { path: '/dev/mem', reason: "memory is the host's" },
  { path: '/dev/kmsg', reason: "the kernel's messages are the host's" },
  { path: '/dev/mqueue', reason: 'CRIU does not know message queues' },
];
