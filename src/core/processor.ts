// Processors: what the processes of a session may use of one, and whether another has it.

/** A processor as programs see it. */
export interface Processor {
  /** Architecture, as `uname -m` says it. */
  readonly machine: string;
  /** Instructions that it has besides those that every one of its architecture has, as Linux calls them; sorted. */
  readonly features: readonly string[];
}

/** Levels of x86-64 that sessions can be kept to. */
export const PROCESSOR_LEVELS = ['x86-64-v2', 'x86-64-v3'] as const;

/** One of {@link PROCESSOR_LEVELS}. */
export type ProcessorLevel = (typeof PROCESSOR_LEVELS)[number];

/** With XSAVE, which is older than the rest: registers are saved in its layout, and CRIU brings them back by it alone. */
const V2 = 'cx16 lahf_lm pni popcnt sse4_1 sse4_2 ssse3 xsave';
/** Every processor with v3 has AES, carry-less multiplication and randomness too: without them, much would be slow. */
const V3 = `${V2} abm avx avx2 bmi1 bmi2 f16c fma movbe aes pclmulqdq rdrand`;

/** What programs use beyond the levels, once it is there. */
const BEYOND =
  'adx avx_ifma avx_ne_convert avx_vnni avx_vnni_int8 clflushopt clwb clzero fma4 fsgsbase gfni lwp movdir64b movdiri rdpid ' +
  'rdseed rtm serialize sha512 sha_ni sm3 sm4 sse4a tbm vaes vpclmulqdq waitpkg xgetbv1 xop xsavec xsaveopt';

/** Their registers are the largest: no session uses them, so that most computers can go on with it. */
const WIDE = /^(?:avx512|amx)/;

/**
 * By the x86-64 psABI, micro-architecture levels, in the words of Linux' /proc/cpuinfo, where `abm` includes LZCNT and
 * `pni` is SSE3.
 */
const LEVELS: Readonly<Record<ProcessorLevel, ReadonlySet<string>>> = {
  'x86-64-v2': new Set(V2.split(' ')),
  'x86-64-v3': new Set(V3.split(' ')),
};

const X86_FEATURES: ReadonlySet<string> = new Set(`${V3} ${BEYOND}`.split(' '));

/** What processes that are started on `processor` may use. A session that is kept to a level uses nothing beyond it. */
export function usableOf({ machine, features }: Processor, level: ProcessorLevel | undefined): Processor {
  if (machine !== 'x86_64') return { machine, features };
  const isUsed = (feature: string): boolean =>
    level === undefined
      ? X86_FEATURES.has(feature) && !WIDE.test(feature)
      : (LEVELS[level].has(feature) ?? false);
  return { machine, features: features.filter(isUsed) };
}

/** Features of `processor` that a session is kept from using. */
export function hiddenOf(processor: Processor, level: ProcessorLevel | undefined): readonly string[] {
  const usable = new Set(usableOf(processor, level).features);
  const known = (feature: string): boolean => X86_FEATURES.has(feature) || WIDE.test(feature);
  return processor.features.filter((feature) => known(feature) && !usable.has(feature));
}

/** What both need; the first may be unknown. */
export function bothOf(former: Processor | undefined, { machine, features }: Processor): Processor {
  return { machine, features: [...new Set([...(former?.features ?? []), ...features])].sort() };
}

/** What of `needed` a processor has not: its architecture, or features of it. */
export function lackingOf(needed: Processor, { machine, features }: Processor): readonly string[] {
  if (needed.machine !== machine) return [needed.machine];
  const there = new Set(features);
  return needed.features.filter((feature) => !there.has(feature));
}
