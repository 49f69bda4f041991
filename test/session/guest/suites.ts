// The suites that need a kernel with dm-crypt: guests run them, and the host asks for each of their tests.

import type { Register } from '../vault-bench.ts';
import { describeVaultContract } from '../vault-contract.ts';
import { describeLuksPod } from './luks-pod-suite.ts';
import { describeLuksVault } from './luks-vault-suite.ts';

/** What registers the tests of a suite, by its name; each suite has a guest of its own. */
export const SUITES: Readonly<Record<string, (register?: Register) => void>> = {
  contract: (register) => describeVaultContract('luks', register),
  luks: (register) => {
    describeLuksVault(register);
    describeLuksPod(register);
  },
};
