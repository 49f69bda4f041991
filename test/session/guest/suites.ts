// The suites that guests run, and the host asks for each of their tests.

import type { Register } from '../vault-bench.ts';
import { describeVaultContract } from '../vault-contract.ts';
import { describeLackingKernel } from './lacking-suite.ts';
import { describeLuksPod } from './luks-pod-suite.ts';
import { describeLuksVault } from './luks-vault-suite.ts';
import { describeRefusal, describeSession } from './session-suite.ts';

type Suites = Readonly<Record<string, (register?: Register) => void>>;

/** What registers the tests of a suite that needs a kernel with dm-crypt, by its name; each has a guest of its own. */
export const VAULT_SUITES: Suites = {
  contract: (register) => describeVaultContract('luks', register),
  luks: (register) => {
    describeLuksVault(register);
    describeLuksPod(register);
  },
};

/** Those of a session on a device that another host has used. */
const SESSION_SUITES: Suites = {
  session: describeSession,
  refusal: describeRefusal,
  lacking: describeLackingKernel,
};

/** All of them. */
export const SUITES: Suites = { ...VAULT_SUITES, ...SESSION_SUITES };
