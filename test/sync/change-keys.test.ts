// Changing what opens a pod.
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../src/core/bytes.ts';
import { DeskPodError } from '../../src/core/errors.ts';
import { encodeKeyring } from '../../src/core/keyring.ts';
import { prfInputsOf } from '../../src/sync/age/age-passkey.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { addPassphraseSlot } from '../../src/sync/keyring/keyring-file.ts';
import { type Credential, openKeyring } from '../../src/sync/keyring/unlock.ts';
import {
  addPasskey,
  addPassphrase,
  addRecoveryKey,
  changePassphrase,
  listKeys,
  removeKey,
} from '../../src/sync/pod/change-keys.ts';
import type { Pod } from '../../src/sync/pod/pod.ts';
import { createTree, openTree } from '../../src/sync/pod/tree.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';
import { Authenticator } from './support/authenticator.ts';

const workFactor = 2;
const old: Credential = { passphrase: 'correct horse' };

describe('the keys of a pod', () => {
  const scratch = scratchFolder();
  let dir: string;
  let recovery: Credential;
  let made = 0;

  beforeEach(async () => {
    made += 1;
    dir = join(scratch(), `pod-${made}`);
    await mkdir(dir);
    const created = await createTree({ dir, name: 'papers', passphrase: 'correct horse', workFactor });
    recovery = { recoveryKey: created.recoveryKey };
  });

  async function withPod<T>(credential: Credential, act: (pod: Pod) => Promise<T>, at = dir): Promise<T> {
    const tree = await openTree(at, credential);
    try {
      return await act(tree.pod);
    } finally {
      await tree.close();
    }
  }

  const opens = (credential: Credential, at = dir) => withPod(credential, async (pod) => pod.state.podId, at);
  const keyrings = () => readdir(join(dir, '.deskpod', 'repository', 'keyrings'));
  const idOf = async (kind: string) =>
    (await withPod(old, listKeys)).slots.find((slot) => slot.kind === kind)?.id ?? assert.fail(kind);

  it('open with a passphrase more, under its label, and the former keyring is gone', async () => {
    const report = await withPod(old, (pod) =>
      addPassphrase(pod, old, { passphrase: 'battery', label: 'Büro', workFactor }),
    );
    assert.deepEqual(
      [report.generation, report.added.map(({ kind, label }) => [kind, label]), report.removed],
      [3, [['passphrase', 'Büro']], []],
    );
    const { generation, slots } = await withPod({ passphrase: 'battery' }, listKeys);
    assert.equal(generation, 3);
    assert.deepEqual(slots, report.slots);
    await opens(old);
    await opens(recovery);
    assert.equal((await keyrings()).length, 1);
  });

  it('change the passphrase of the slot that was opened', async () => {
    const report = await withPod(old, (pod) =>
      changePassphrase(pod, old, { passphrase: 'battery', workFactor }),
    );
    assert.deepEqual([report.added.length, report.removed.length, report.slots.length], [1, 1, 2]);
    assert.equal(report.added[0]?.label, report.removed[0]?.label);
    await expectCode('PASSPHRASE_WRONG', () => opens(old));
    await opens({ passphrase: 'battery' });
    await opens(recovery);
  });

  it('change a forgotten passphrase, shown the recovery key, and never an unclear one', async () => {
    await withPod(recovery, (pod) => changePassphrase(pod, recovery, { passphrase: 'battery', workFactor }));
    await opens({ passphrase: 'battery' });
    const added = await withPod(recovery, (pod) =>
      addPassphrase(pod, recovery, { passphrase: 'staple', label: 'second', workFactor }),
    );
    await expectCode('USAGE', () =>
      withPod(recovery, (pod) => changePassphrase(pod, recovery, { passphrase: 'x', workFactor })),
    );
    const slot = added.added[0]?.id ?? '';
    await withPod(recovery, (pod) => changePassphrase(pod, recovery, { passphrase: 'x', slot, workFactor }));
    await expectCode('PASSPHRASE_WRONG', () => opens({ passphrase: 'staple' }));
    await opens({ passphrase: 'battery' });
    await opens({ passphrase: 'x' });
  });

  it('gain a recovery key, and lose the former ones only if asked, shown a passphrase', async () => {
    const second = await withPod(old, (pod) => addRecoveryKey(pod, old, { isReplacing: false }));
    await opens({ recoveryKey: second.recoveryKey.toLowerCase().replace(/(.{9})/g, '$1 \n') });
    await opens(recovery);
    await expectCode('USAGE', () =>
      withPod(recovery, (pod) => addRecoveryKey(pod, recovery, { isReplacing: true })),
    );
    const third = await withPod(old, (pod) =>
      addRecoveryKey(pod, old, { isReplacing: true, label: 'notary' }),
    );
    assert.equal(third.removed.length, 2);
    for (const gone of [recovery, { recoveryKey: second.recoveryKey }])
      await expectCode('KEYRING_NO_IDENTITY', () => opens(gone));
    assert.equal(await opens({ recoveryKey: third.recoveryKey }), third.podId);
    await opens(old);
  });

  it('never lose the last slot, and the last passphrase only with a yes', async () => {
    const remove = (slot: string, isConfirmed: boolean, credential: Credential = old) =>
      withPod(credential, (pod) => removeKey(pod, credential, { slot, isConfirmed }));
    const error = await expectCode('KEY_NEEDED', async () => remove(await idOf('passphrase'), false));
    assert.equal(error.details.canConfirm, true);
    await opens(old);
    await remove('passphrase', true);
    await expectCode('PASSPHRASE_WRONG', () => opens(old));
    const last = await expectCode('KEY_NEEDED', () => remove('recovery key', true, recovery));
    assert.equal(last.details.canConfirm, false);
    await opens(recovery);
  });

  it('gain a passkey, which is no reason to let the last typed key go', async () => {
    const authenticator = new Authenticator();
    const nonce = new Uint8Array(16).fill(7);
    const prf = toHex(authenticator.answer(prfInputsOf(nonce)));
    const passkey = {
      ...{ credentialId: toHex(authenticator.credentialId), nonce: toHex(nonce), prf },
      ...{ rpId: 'localhost', transports: ['internal'], label: 'finger' },
    };
    const touched = { passkey: prf };
    const report = await withPod(old, (pod) => addPasskey(pod, old, passkey));
    assert.deepEqual(
      report.slots.map(({ kind, label }) => [kind, label]),
      [
        ['passphrase', 'passphrase'],
        ['recovery', 'recovery key'],
        ['passkey', 'finger'],
      ],
    );
    const remove = (slot: string, credential: Credential) =>
      withPod(credential, (pod) => removeKey(pod, credential, { slot, isConfirmed: true }));
    await remove('passphrase', touched);
    const error = await expectCode('KEY_NEEDED', () => remove('recovery key', touched));
    assert.equal(error.details.canConfirm, false);
    await expectCode('USAGE', () =>
      withPod(touched, (pod) => changePassphrase(pod, touched, { passphrase: 'x', slot: 'finger' })),
    );
    await expectCode('USAGE', () =>
      withPod(touched, (pod) => addPasskey(pod, touched, { ...passkey, rpId: '' })),
    );
    await remove('finger', recovery);
    await expectCode('KEYRING_NO_IDENTITY', () => opens(touched));
    await opens(recovery);
  });

  it('are changed by nobody who cannot show one of them, though the pod is open', async () => {
    await withPod(old, async (pod) => {
      const { seq } = pod.state;
      const wrong = { passphrase: 'wrong' };
      await expectCode('PASSPHRASE_WRONG', () => addPassphrase(pod, wrong, { passphrase: 'x', workFactor }));
      await expectCode('PASSPHRASE_WRONG', () =>
        removeKey(pod, wrong, { slot: 'recovery key', isConfirmed: true }),
      );
      await expectCode('KEYRING_NO_IDENTITY', () =>
        changePassphrase(pod, { recoveryKey: 'AGE-SECRET-KEY-1' }, { passphrase: 'x', workFactor }),
      );
      assert.equal(pod.state.seq, seq);
    });
    assert.equal((await keyrings()).length, 1);
  });

  it('refuse an unknown slot, labels that are none, the same passphrase, and more slots than a keyring has', async () => {
    await withPod(old, async (pod) => {
      const { seq } = pod.state;
      const add = (label: string, passphrase = 'x') =>
        addPassphrase(pod, old, { passphrase, label, workFactor });
      for (const label of ['', '  ', 'a\u001b[2J', 'line\nbreak', '\u202eesrever', 'x'.repeat(10_240)])
        await expectCode('USAGE', () => add(label));
      await expectCode('USAGE', () => add('again', 'correct horse'));
      for (const slot of ['', '00000000', 'nobody', `${'z'.repeat(10_240)}`])
        await expectCode('USAGE', () => removeKey(pod, old, { slot, isConfirmed: true }));
      assert.equal(pod.state.seq, seq);
      for (let count = 3; count <= 32; count++) await addRecoveryKey(pod, old, { isReplacing: false });
      await expectCode('USAGE', () => add('one too many'));
      await expectCode('USAGE', () => addRecoveryKey(pod, old, { isReplacing: false }));
      await expectCode('USAGE', () => removeKey(pod, old, { slot: 'recovery key', isConfirmed: true }));
      assert.equal((await addRecoveryKey(pod, old, { isReplacing: true })).slots.length, 2);
    });
  });

  it('are refused as damaged with more slots than a keyring has, and as another pod’s with one of another pod', async () => {
    const repositoryDir = join(dir, '.deskpod', 'repository');
    const [name = ''] = await keyrings();
    const bytes = await readFile(join(repositoryDir, 'keyrings', name));
    const crowded = Buffer.from(bytes);
    crowded.writeUInt32LE(1000, 4 + 1 + 16 + 4);
    for (const forged of [crowded, Buffer.concat([bytes.subarray(0, 29), Buffer.alloc(40_000)])])
      await expectCode('KEYRING_DAMAGED', () => openKeyring(forged, old));
    await writeFile(join(repositoryDir, 'keyrings', name), crowded);
    await expectCode('OBJECT_DAMAGED', () => opens(old));

    const other = join(scratch(), `other-${made}`);
    await mkdir(other);
    await createTree({ dir: other, name: 'other', passphrase: 'correct horse', workFactor });
    await rm(repositoryDir, { recursive: true });
    await cp(join(other, '.deskpod', 'repository'), repositoryDir, { recursive: true });
    await expectCode('MARKER_DAMAGED', () => opens(old));
  });

  it('open with what is whole when one slot is damaged', async () => {
    const damaged = await withPod(old, async (pod) => {
      const [name = ''] = await keyrings();
      const opened = await openKeyring(await pod.repository.readObject('keyrings', name), old);
      const [first, ...others] = opened.keyring.slots;
      const spoilt = first && { ...first, sealed: first.sealed.slice(0, 40) };
      const added = await addPassphraseSlot(opened, {
        label: 'whole',
        createdAtMs: 1,
        passphrase: 'battery',
        workFactor,
      });
      const slots = [spoilt ?? assert.fail(), ...others, ...added.keyring.slots.slice(-1)];
      return encodeKeyring({ ...opened.keyring, slots }, { hashing, logKey: opened.secrets.logKey });
    });
    assert.equal((await openKeyring(damaged, { passphrase: 'battery' })).provenIndex, 2);
    assert.equal((await openKeyring(damaged, recovery)).provenIndex, 1);
    await expectCode('KEYRING_DAMAGED', () => openKeyring(damaged, old));
  });

  it('stay as they are on a drive without space for the next keyring', async () => {
    await withPod(old, async (pod) => {
      const { seq } = pod.state;
      const full = async (): Promise<never> => {
        throw new DeskPodError('SPACE_EXHAUSTED', 'no space');
      };
      const put = pod.repository.putObject.bind(pod.repository);
      pod.repository.putObject = full;
      await expectCode('SPACE_EXHAUSTED', () => addRecoveryKey(pod, old, { isReplacing: true }));
      assert.equal(pod.state.seq, seq);
      pod.repository.putObject = (kind, ...given) => (kind === 'segments' ? full() : put(kind, ...given));
      const error = await expectCode('SPACE_EXHAUSTED', () =>
        changePassphrase(pod, old, { passphrase: 'battery', workFactor }),
      );
      assert.match(error.message, /the former keys open the pod/);
    });
    await opens(old);
    await withPod(old, (pod) => pod.publish());
    await opens({ passphrase: 'battery' });
    await expectCode('PASSPHRASE_WRONG', () => opens(old));
  });
});
