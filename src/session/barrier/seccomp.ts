// The OCI filter of system calls that is made of the table of denied calls.
import { type ArgumentMatch, DENIED_CALLS, type DeniedErrno } from './denied-calls.ts';

/** Linux's numbers, the same on every architecture that a session runs on. */
export const ERRNO: Readonly<Record<DeniedErrno, number>> = {
  EPERM: 1,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSYS: 38,
  EPROTONOSUPPORT: 93,
  EAFNOSUPPORT: 97,
};

/** A condition on an argument as the OCI runtime specification writes it. */
interface OciArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

/** A rule as the OCI runtime specification writes it. */
export interface OciSeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet: number;
  readonly args?: readonly OciArgument[];
}

/** `linux.seccomp` of an OCI configuration: everything is allowed but {@link DENIED_CALLS}. */
export function seccompProfile(): {
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciSeccompRule[];
} {
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    // A call by any other ABI ends the process: x32 would be a way around the table.
    architectures:
      process.arch === 'arm64'
        ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']
        : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    syscalls: DENIED_CALLS.flatMap(({ names, errno, arguments: matches }) => {
      const rule = { names, action: 'SCMP_ACT_ERRNO', errnoRet: ERRNO[errno] };
      if (matches === undefined) return [rule];
      // One rule a condition: the conditions of one rule must all hold.
      return matches.flatMap(ociArguments).map((argument) => ({ ...rule, args: [argument] }));
    }),
  };
}

function ociArguments(match: ArgumentMatch): readonly OciArgument[] {
  const { index } = match;
  if ('atLeast' in match) return [{ index, value: match.atLeast, op: 'SCMP_CMP_GE' }];
  return match.values.map((value) => ({
    index,
    value: match.mask,
    valueTwo: value,
    op: 'SCMP_CMP_MASKED_EQ',
  }));
}
