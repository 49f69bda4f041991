// What keeps programs from instructions that a session is not to use: the switches that libraries have for that.
import type { ProcessorLevel } from '../../core/processor.ts';

/**
 * What glibc calls the features that it chooses its own routines by; see its manual, `glibc.cpu.hwcaps`. Its copying goes
 * by a preference that is set with AVX, and stays when AVX is taken away.
 */
const GLIBC_NAMES: Readonly<Record<string, string>> = {
  abm: 'LZCNT',
  avx: 'AVX,-AVX_Fast_Unaligned_Load',
  avx2: 'AVX2',
  avx512f: 'AVX512F',
  avx512vl: 'AVX512VL',
  bmi1: 'BMI1',
  bmi2: 'BMI2',
  f16c: 'F16C',
  fma: 'FMA',
  fma4: 'FMA4',
  movbe: 'MOVBE',
  rtm: 'RTM',
  xsave: 'XSAVE',
  xsavec: 'XSAVEC',
};

/** Bits of OPENSSL_ia32cap's first two words, by OpenSSL's manual of that name. */
const OPENSSL_BITS: Readonly<Record<string, readonly [word: 0 | 1, bit: number]>> = {
  pclmulqdq: [0, 33],
  xop: [0, 43],
  fma: [0, 44],
  movbe: [0, 54],
  aes: [0, 57],
  xsave: [0, 58],
  avx: [0, 60],
  rdrand: [0, 62],
  bmi1: [1, 3],
  avx2: [1, 5],
  bmi2: [1, 8],
  avx512f: [1, 16],
  avx512dq: [1, 17],
  rdseed: [1, 18],
  adx: [1, 19],
  avx512ifma: [1, 21],
  sha_ni: [1, 29],
  avx512bw: [1, 30],
  avx512vl: [1, 31],
  gfni: [1, 40],
  vaes: [1, 41],
  vpclmulqdq: [1, 42],
};

/** Of GnuTLS: what is listed may be used. */
const GNUTLS_BITS: Readonly<Record<ProcessorLevel, string>> = {
  // SSSE3
  'x86-64-v2': '0x4',
  // AES, SSSE3, PCLMUL, AVX
  'x86-64-v3': '0x1e',
};

const QT_NAMES: Readonly<Record<string, string>> = {
  ...{
    abm: 'lzcnt',
    avx: 'avx',
    avx2: 'avx2',
    bmi1: 'bmi',
    bmi2: 'bmi2',
    f16c: 'f16c',
    fma: 'fma',
    movbe: 'movbe',
  },
  ...{ aes: 'aes', pclmulqdq: 'pclmul', rdrand: 'rdrnd', rdseed: 'rdseed', sha_ni: 'sha', vaes: 'vaes' },
  ...{ avx512f: 'avx512f' },
};

/** What Java may use of AVX: `0` is none of it. */
const JAVA_AVX: Readonly<Record<ProcessorLevel, number>> = { 'x86-64-v2': 0, 'x86-64-v3': 2 };

/**
 * The variables for a session on a host with `hidden` features that it is not to use, see `hiddenOf`. They reach what
 * asks its libraries; a program that looks at the processor by itself, as the engines of browsers do, is not kept from
 * anything.
 */
export function processorEnvironment(
  hidden: readonly string[],
  level: ProcessorLevel | undefined,
): Readonly<Record<string, string>> {
  const named = (names: Readonly<Record<string, string>>): string[] =>
    hidden.map((feature) => names[feature]).filter((name) => name !== undefined);
  const glibc = named(GLIBC_NAMES).map((name) => `-${name}`);
  const openssl = [0n, 0n];
  for (const feature of hidden) {
    const [word, bit] = OPENSSL_BITS[feature] ?? [];
    if (word !== undefined && bit !== undefined) openssl[word] = (openssl[word] ?? 0n) | (1n << BigInt(bit));
  }
  return {
    // Symbols are bound as programs start: bound later, registers are saved in room that was measured on another host.
    LD_BIND_NOW: '1',
    LP_NATIVE_VECTOR_WIDTH: '128',
    ...(glibc.length === 0 ? {} : { GLIBC_TUNABLES: `glibc.cpu.hwcaps=${glibc.join(',')}` }),
    ...(openssl.every((bits) => bits === 0n)
      ? {}
      : { OPENSSL_ia32cap: openssl.map((bits) => `~0x${bits.toString(16)}`).join(':') }),
    ...(level === undefined
      ? {}
      : {
          QT_NO_CPU_FEATURE: named(QT_NAMES).join(' '),
          GNUTLS_CPUID_OVERRIDE: GNUTLS_BITS[level],
          JDK_JAVA_OPTIONS: `-XX:UseAVX=${JAVA_AVX[level]} -XX:-UseSHA`,
          ...(level === 'x86-64-v2' ? { JSIMD_FORCESSE2: '1' } : {}),
        }),
  };
}
