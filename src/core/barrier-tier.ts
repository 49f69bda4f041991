// The tiers of the barrier between a session and its host, and what people call them.

/** `namespaces`: what every host can do, seccomp included; `kmod`: that, and the kernel module around it. */
export type BarrierTier = 'namespaces' | 'kmod';

/** What people call a tier. */
export const TIER_NAMES: Readonly<Record<BarrierTier, string>> = {
  namespaces: 'namespaces and seccomp',
  kmod: 'namespaces and seccomp, and the kernel module',
};
