// A desktop whose twin may be started gives way: its session is suspended, and does not start before a sync.
import assert from 'node:assert/strict';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { Supervisor } from '../../src/session/supervisor/supervisor.ts';
import { DesktopLab, PASSPHRASE } from './desktop-lab.ts';

const START = { choice: 'default', geometry: { width: 800, height: 600 } } as const;
const SILENT = (): void => undefined;
const URL = 'twin:///twin.img';

describe('a desktop that its twin goes on without', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('suspends its session when the lease is out, and starts when the twin is its home no more', async () => {
    const desktop = await Desktop.take(await openDevice(lab.image, { passphrase: PASSPHRASE }), SILENT);
    await desktop.start(START, SILENT);
    const supervisor = new Supervisor(desktop);
    await supervisor.serve((await lab.stage()).supervisorSocket);
    await desktop.pod.append({ type: 'addHome', url: URL });
    await desktop.pod.append({ type: 'leaseHome', lease: { url: URL, leaseMs: 1 } });
    await supervisor.ended;
    const { session } = await lab.status();
    assert.equal(session.status, 'suspended');
    const { details } = await lab.program.failure('LEASE_ENDED', ['start', '--no-view', ...lab.at()]);
    assert.equal(details.url, URL);
    await lab.program.answer(['home', 'remove', URL, ...lab.at()]);
    await lab.start();
  });
});
