// The suites that need a kernel with dm-crypt: a guest runs them, and the host asks for each of their tests.

import type { Register } from '../vault-bench.ts';
import { describeVaultContract } from '../vault-contract.ts';

/** Registers every suite. */
export function describeGuestSuites(register?: Register): void {
  describeVaultContract('luks', register);
}
