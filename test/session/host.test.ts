// What the doctor finds out about this host.
import assert from 'node:assert/strict';
import { examineHost } from '../../src/session/host/host.ts';

describe('examineHost', () => {
  it('says of everything what was found, and how to get what is missing', async () => {
    const facts = await examineHost();
    const names = facts.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const name of [
      'kernel',
      'root',
      'overlay',
      'EROFS',
      'seccomp',
      'barrier',
      'vault',
      'rsync',
      'pasta',
      'criu',
      'runc',
      'tar',
      'what CRIU needs of the kernel',
    ]) {
      assert.ok(names.includes(name), name);
    }
    for (const { name, ok, found, needed, cure } of facts) {
      assert.notEqual(found, '', name);
      assert.notEqual(needed, '', name);
      if (!ok) assert.ok(cure, `${name}: no cure`);
    }
  });

  it('names the Debian package of a program that is not on the path', async () => {
    const path = process.env.PATH;
    process.env.PATH = '/nonexistent';
    try {
      const rsync = (await examineHost()).find(({ name }) => name === 'rsync');
      assert.equal(rsync?.ok, false);
      assert.equal(rsync?.cure, 'apt install rsync');
    } finally {
      process.env.PATH = path;
    }
  });
});
