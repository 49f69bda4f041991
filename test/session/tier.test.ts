// The tier of the barrier on a host: what is in the way of the kernel module is named, with the exact next step.
import assert from 'node:assert/strict';
import { judgeTier, type TierFacts } from '../../src/session/tier/examine-tier.ts';

/** A Debian host whose root has built the module, and not loaded it. */
const INSTALLED: TierFacts = {
  machine: 'x86_64',
  kernel: '6.12.57+deb13-amd64',
  module: 'absent',
  isInstalled: true,
  hasSources: false,
  hasHeaders: true,
  loadsModules: 'yes',
  wantsSigned: false,
};
const LOADED: TierFacts = { ...INSTALLED, module: { interfaceVersion: 1, recordBytes: 96 } };
const BUILD = 'cp -rT kmod /usr/src/deskpod-1 && dkms install --force deskpod/1';

describe('the tier of the barrier', () => {
  it('is that of the kernel module where it is loaded', () => {
    assert.deepEqual(judgeTier(LOADED), { tier: 'kmod' });
  });

  it('is that of namespaces without it, and loading it is the next step', () => {
    const { tier, missing, cure } = judgeTier(INSTALLED);
    assert.equal(tier, 'namespaces');
    assert.equal(missing, 'the kernel module is not loaded');
    assert.equal(cure, 'modprobe deskpod');
  });

  it('is built before it is loaded, and its headers come before that', () => {
    const built = judgeTier({ ...INSTALLED, isInstalled: false });
    assert.match(built.missing ?? '', /is not there for Linux 6\.12\.57\+deb13-amd64$/);
    assert.ok(built.cure?.includes(`: ${BUILD} && modprobe deskpod`), built.cure);
    const bare = judgeTier({ ...INSTALLED, isInstalled: false, hasHeaders: false });
    const packaged = judgeTier({ ...INSTALLED, isInstalled: false, hasSources: true });
    assert.equal(packaged.cure, 'dkms install --force deskpod/1 && modprobe deskpod');
    assert.match(bare.missing ?? '', /nor are the headers/);
    assert.match(bare.cure ?? '', /apt install dkms linux-headers-6\.12\.57\+deb13-amd64 && cp/);
  });

  it('needs a signature under Secure Boot or lockdown', () => {
    for (const isInstalled of [true, false]) {
      const { missing, cure } = judgeTier({ ...INSTALLED, isInstalled, wantsSigned: true });
      assert.match(missing ?? '', /must be signed/);
      assert.match(cure ?? '', /modprobe deskpod\. .*mokutil --import \/var\/lib\/dkms\/mok\.pub/);
    }
  });

  it('is not that of a module of another version', () => {
    for (const module of [
      { interfaceVersion: 2, recordBytes: 96 },
      { interfaceVersion: 1, recordBytes: 104 },
    ]) {
      const { tier, missing, cure } = judgeTier({ ...LOADED, module });
      assert.equal(tier, 'namespaces');
      assert.match(missing ?? '', /of another version/);
      assert.match(cure ?? '', /rmmod deskpod, modprobe deskpod/);
    }
  });

  it('cannot be had where modules are not loaded, on another processor, or by others than root', () => {
    for (const [facts, missing] of [
      [{ loadsModules: 'no' }, /loads no modules/],
      [{ loadsModules: 'no-more' }, /told to load no more/],
      [{ machine: 'aarch64' }, /for x86-64 only, this is aarch64/],
      [{ module: 'unasked' }, /only root can ask/],
    ] as const) {
      const report = judgeTier({ ...INSTALLED, ...facts });
      assert.equal(report.tier, 'namespaces');
      assert.match(report.missing ?? '', missing);
      assert.ok(report.cure, 'no next step');
    }
  });
});
