// Hooks around the session of a desktop: before it is touched, and after the device is free.
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HookEvent } from '../../src/session/hooks/steps.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { until } from '../session/until.ts';
import { DesktopLab } from './desktop-lab.ts';

describe('the hooks of a desktop', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('stop a suspend while the session goes on, and find the device free after one', async () => {
    const hooksDir = join(lab.dir, 'hooks.d');
    await mkdir(hooksDir);
    const hook = (name: string, script: string): Promise<void> =>
      writeFile(join(hooksDir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const told = async (name: string): Promise<HookEvent> =>
      JSON.parse(await readFile(join(hooksDir, name), 'utf8')) as HookEvent;
    const env = { DESKPOD_HOOKS: hooksDir, DESKPOD_HOOK_LOG: join(lab.dir, 'hooks.log') };
    const program = lab.program.with({ env });
    await hook('before-start', 'cat > "$0.told"');
    await hook('before-resume', 'cat > "$0.told"; exit 1');
    await hook('before-suspend', 'exit 1');
    // what a supervisor starts has its environment
    await program.answer(['start', lab.image, '--no-view']);
    await lab.supervisor();
    const { podId, session } = await lab.status();
    assert.equal((await told('before-start.told')).podId, podId);
    await program.failure('HOOK_FAILED', ['suspend', ...lab.at()]);
    assert.deepEqual((await lab.status()).session, session);
    await rm(join(hooksDir, 'before-suspend'));
    await hook(
      'after-suspend',
      `cat > "$0.told"; grep -c /run/deskpod/${(await lab.stage()).id} /proc/mounts > "$0.mounts"`,
    );
    const { number, warnings } = await program.answer<CheckpointReport>(['suspend', ...lab.at()]);
    // grep has found none
    assert.match(warnings.join(), /after-suspend ended with exit code 1/);
    assert.equal(await readFile(join(hooksDir, 'after-suspend.mounts'), 'utf8'), '0\n');
    const { outcome } = await told('after-suspend.told');
    assert.ok(outcome?.isDone === true);
    assert.equal(outcome.facts.number, number);
    await program.failure('HOOK_FAILED', ['start', lab.image, '--no-view']);
    assert.equal((await lab.status()).session.status, 'suspended');
    await hook('before-resume', 'cat > "$0.told"');
    await hook('after-resume', 'cat > "$0.new"; mv "$0.new" "$0.told"');
    await program.answer(['start', lab.image, '--no-view']);
    await lab.supervisor();
    await until(async () => (await told('after-resume.told').catch(() => undefined)) !== undefined);
    const resumed = (await told('after-resume.told')).outcome;
    assert.ok(resumed?.isDone === true);
    assert.equal(resumed.facts.resumedCheckpoint, number);
  });
});
