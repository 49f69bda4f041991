// Files of a checkpoint as downloads: whole, saved and never shown, whatever they are called and hold.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { downloadHeaders, safeName } from '../../src/session/dashboard/download.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { until } from '../session/until.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from '../tree/tree-lab.ts';
import { DashboardLab } from './dashboard-lab.ts';

const HTML = '<!doctype html><script>alert(document.cookie)</script>';

describe('a file of a checkpoint', () => {
  let tree: TreeLab;
  let lab: DashboardLab;
  let pod: string;
  const large = randomBytes(5_000_000);
  const raw = Buffer.from([0x66, 0xff, 0x2e, 0x78]);

  before(async () => {
    tree = await openTreeLab();
    await writeFile(join(tree.dir, 'page.html'), HTML);
    await writeFile(join(tree.dir, 'large.bin'), large);
    await writeFile(join(tree.dir, 'empty'), '');
    await writeFile(Buffer.concat([Buffer.from(`${tree.dir}/`), raw]), 'raw');
    await mkdir(join(tree.dir, 'alone'));
    await writeFile(join(tree.dir, 'alone', 'one'), 'one');
    await writeFile(join(tree.dir, `${'n'.repeat(251)}.txt`), 'long');
    await tree.checkpoint();
    lab = await DashboardLab.open({ paths: [tree.dir] });
    pod = `${lab.room}api/pods/${(await lab.pod(tree.dir)).id}`;
    await lab.post(`${pod.slice(`${lab.room}api/`.length)}/unlock`, { passphrase: PASSPHRASE });
  });
  after(async () => {
    await lab.close();
    await tree.close();
  });

  const download = (query: string) => lab.ask(`${pod}/file?checkpoint=1&${query}`);

  it('comes whole, with its length and name', async () => {
    const { status, headers, body } = await download('path=large.bin');
    assert.equal(status, 200);
    assert.equal(headers['content-length'], String(large.length));
    assert.equal(
      createHash('sha256').update(body).digest('hex'),
      createHash('sha256').update(large).digest('hex'),
    );
    assert.equal((await download('path=empty')).body.length, 0);
    assert.equal(String((await download(`path=${'n'.repeat(251)}.txt`)).body), 'long');
  });

  it('is never a page of ours', async () => {
    const { headers, body } = await download('path=page.html');
    assert.equal(String(body), HTML);
    assert.equal(headers['content-type'], 'application/octet-stream');
    assert.equal(
      headers['content-disposition'],
      `attachment; filename="page.html"; filename*=UTF-8''page.html`,
    );
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
  });

  it('is found by the bytes of a name that is no text', async () => {
    const { status, body } = await download(`pathBase64=${encodeURIComponent(raw.toString('base64'))}`);
    assert.deepEqual([status, String(body)], [200, 'raw']);
  });

  it('is refused where there is none, and for what leads elsewhere', async () => {
    for (const [query, status] of [
      ['path=none', 404],
      ['path=folder', 404],
      ['path=alone', 404],
      ['path=', 404],
      ['path=../letter.txt', 400],
      ['path=%2e%2e%2f%2e%2e%2fetc%2fpasswd', 400],
      ['path=/etc/passwd', 404],
      ['path=letter.txt%00', 400],
      ['pathBase64=%%%', 400],
    ] as const) {
      assert.equal((await download(query)).status, status, query);
    }
    for (const checkpoint of ['2', '0', '-1', '1.5', 'latest', '99999999999999999999', '']) {
      const { status } = await lab.ask(`${pod}/file?checkpoint=${checkpoint}&path=letter.txt`);
      assert.ok(status === 400 || status === 404, `${checkpoint}: ${status}`);
    }
  });

  it('has no picture beside it in a pod without a session', async () => {
    assert.equal((await lab.ask(`${pod}/picture?checkpoint=1`)).status, 204);
    assert.equal((await lab.ask(`${pod}/picture?checkpoint=2`)).status, 404);
  });

  it('keeps nobody else from the pod, be it taken slowly or stopped', async () => {
    const slow = await lab.begin(`${pod}/file?checkpoint=1&path=large.bin`);
    assert.equal((await download('path=letter.txt')).status, 200);
    slow.destroy();
    assert.equal((await download('path=letter.txt')).status, 200);
  });
});

describe('the name of a download', () => {
  it('keeps what is harmless, and nothing else', () => {
    for (const [path, name] of [
      ['a/b/notes.txt', 'notes.txt'],
      ['grüße 漢字.pdf', 'grüße 漢字.pdf'],
      ['a"b\r\nSet-Cookie: x=1', 'a_b__Set-Cookie_ x=1'],
      ['..', '_'],
      ['.bashrc', '_bashrc'],
      ['invoice\u202Efdp.exe', 'invoice_fdp.exe'],
      ['a\\b:c*d?e<f>g|h', 'a_b_c_d_e_f_g_h'],
      ['', 'file'],
      ['lone\ud800', 'lone\ufffd'],
    ] as const) {
      assert.equal(safeName(path), name);
    }
    assert.equal([...safeName('x'.repeat(5000))].length, 200);
  });

  it('is one header of plain characters', () => {
    const header = downloadHeaders('grüße (1)\'s 漢字\n".txt', 1)['Content-Disposition'] ?? '';
    assert.match(header, /^attachment; filename="[ -~]*"; filename\*=UTF-8''[\w.%~!-]*$/);
    assert.equal(header.match(/"/g)?.length, 2);
  });
});

/** From its unlocking on a pod has so long, on a very busy computer, too, until the first of a file is there. */
const IDLE_MS = 8000;

describe('a download that nobody goes on with', () => {
  let tree: TreeLab;
  let lab: DashboardLab;
  before(async () => {
    tree = await openTreeLab();
    // more than the kernel keeps for a connection
    await writeFile(join(tree.dir, 'large.bin'), randomBytes(24_000_000));
    await tree.checkpoint();
    lab = await DashboardLab.open({ paths: [tree.dir] });
  });
  after(async () => {
    await lab.close();
    await tree.close();
  });

  it('is broken off when nobody took anything of it for as long as a passphrase is held', async () => {
    const idle = await DashboardLab.open({ paths: [tree.dir], idleMs: IDLE_MS });
    try {
      const pod = `pods/${(await idle.pod(tree.dir)).id}`;
      await idle.post(`${pod}/unlock`, { passphrase: PASSPHRASE });
      const response = await idle.begin(`${idle.room}api/${pod}/file?checkpoint=1&path=large.bin`);
      const failed = once(response, 'error');
      const { heard } = await idle.live();
      await heard(
        (message) =>
          message.kind === 'overview' && message.overview.pods.some(({ access }) => access === 'locked'),
      );
      // it is said to be locked when its passphrase is gone, a moment before it is closed
      const options = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };
      await until(() =>
        operate(tree.dir, 'status', {}, options).then(
          ({ checkpointCount }) => checkpointCount === 1,
          (error: unknown) => {
            if (isDeskPodError(error, 'POD_BUSY')) return false;
            throw error;
          },
        ),
      );
      response.resume();
      await failed;
    } finally {
      await idle.close();
    }
  });

  it('is broken off when the pod is locked, and keeps it open no longer', async () => {
    const pod = `pods/${(await lab.pod(tree.dir)).id}`;
    await lab.post(`${pod}/unlock`, { passphrase: PASSPHRASE });
    const response = await lab.begin(`${lab.room}api/${pod}/file?checkpoint=1&path=large.bin`);
    const failed = once(response, 'error');
    await lab.post(`${pod}/lock`, {});
    const options = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };
    assert.equal((await operate(tree.dir, 'status', {}, options)).checkpointCount, 1);
    response.resume();
    await failed;
  });
});
