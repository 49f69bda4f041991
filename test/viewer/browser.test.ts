// Whose browser is opened, and how: programs on the path stand for the desktop's, and write down how they were started.
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openInBrowser } from '../../src/cli/browser.ts';
import { until } from './desktop.ts';

const NOBODY = '65534';
const URL_OF_PAGE = 'http://127.0.0.1:1/open/x';

describe('opening the viewer', () => {
  let dir: string;
  const kept = { ...process.env };

  beforeEach(async () => {
    dir = await mkdtemp('/tmp/deskpod-browser-');
    await chmod(dir, 0o777);
    process.env.PATH = `${dir}:${kept.PATH}`;
    process.env.DISPLAY = ':99';
    delete process.env.SUDO_UID;
  });

  afterEach(async () => {
    for (const name of ['PATH', 'DISPLAY', 'SUDO_UID', 'TMPDIR']) {
      const value = kept[name];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(dir, { recursive: true, force: true });
  });

  async function install(program: string): Promise<void> {
    const path = join(dir, program);
    const note = join(dir, 'note');
    const lines = [
      '#!/bin/sh',
      `exec > ${note}.new`,
      `echo "${program} $(id -u) $HOME $*"`,
      'for page; do :; done',
      'page=/$(echo "$page" | cut -d/ -f2- | sed s,^/*,,)',
      `stat -c '%a %u' "$page"`,
      `grep -o 'url=[^"]*' "$page"`,
      `mv ${note}.new ${note}`,
    ];
    await writeFile(path, `${lines.join('\n')}\n`);
    await chmod(path, 0o755);
  }

  function noted(): Promise<string> {
    return until(
      () => readFile(join(dir, 'note'), 'utf8').catch(() => ''),
      (text) => text !== '',
    );
  }

  it('uses the browser of the person who borrowed root', async () => {
    await install('xdg-open');
    process.env.SUDO_UID = NOBODY;
    process.env.TMPDIR = '/root';
    await openInBrowser(URL_OF_PAGE);
    const [opened = '', mode, address] = (await noted()).split('\n');
    assert.match(opened, new RegExp(`^xdg-open ${NOBODY} /nonexistent /\\S+/deskpod-[0-9a-f]{32}\\.html$`));
    assert.equal(mode, `600 ${NOBODY}`);
    assert.equal(address, `url=${URL_OF_PAGE}`);
  });

  it('tells no other user the address, which opens the desktop', async () => {
    await install('xdg-open');
    await openInBrowser(URL_OF_PAGE);
    const [opened = ''] = (await noted()).split('\n');
    assert.ok(!opened.includes(URL_OF_PAGE), opened);
  });

  it("uses root's own where nobody borrowed it", async () => {
    await install('xdg-open');
    await openInBrowser(URL_OF_PAGE);
    assert.match(await noted(), /^xdg-open 0 /);
  });

  it('opens a window of its own on demand', async () => {
    await install('xdg-open');
    await install('chromium');
    await openInBrowser(URL_OF_PAGE, { asWindow: true });
    assert.match(await noted(), /^chromium 0 \S+ --app=file:\/\/\/\S+\.html\n600 0\nurl=http:/);
  });

  it('opens none where there is no desktop', async () => {
    await install('xdg-open');
    delete process.env.DISPLAY;
    await openInBrowser(URL_OF_PAGE);
    await assert.rejects(readFile(join(dir, 'note')), { code: 'ENOENT' });
  });
});
