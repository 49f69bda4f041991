// LUKS vaults, where there is dm-crypt: guests with a Debian kernel run the suites, each of its tests is one here.
import assert from 'node:assert/strict';
import { GUEST_RELEASES, type GuestRun, runInGuests } from './guest/machine.ts';
import { titleOf } from './guest/outcome.ts';
import { VAULT_SUITES } from './guest/suites.ts';

const BOOT_TIMEOUT_MS = 480_000;

for (const release of GUEST_RELEASES) {
  describe(`in a guest with the kernel of Debian ${release}`, () => {
    let guest: GuestRun;
    let asked = 0;

    before(async function () {
      this.timeout(BOOT_TIMEOUT_MS);
      guest = await runInGuests(
        release,
        Object.keys(VAULT_SUITES).map((name) => ({ name })),
      );
    });

    for (const describeSuite of Object.values(VAULT_SUITES)) {
      describeSuite((title) =>
        it(title, function () {
          asked += 1;
          const outcome = guest.outcomes.get(titleOf(this.test?.titlePath() ?? []));
          assert.ok(outcome, 'the guest did not run it');
          if (outcome.failure !== undefined) assert.fail(`Linux ${guest.kernel}: ${outcome.failure}`);
        }),
      );
    }

    // A suite of its own comes after those above.
    describe('the guest', () => {
      it('ran every test, and none that was not asked for', () => {
        assert.ok(asked > 0);
        assert.equal(guest.outcomes.size, asked);
      });
    });
  });
}
