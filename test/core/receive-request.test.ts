// The words of rsync that a home takes, whatever is thrown at it.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isDeskPodError } from '../../src/core/errors.ts';
import { hashOfObjectPath } from '../../src/core/object-path.ts';
import { parseReceiveRequest, splitCommand } from '../../src/core/receive-request.ts';

const HOME = '/srv/home';
const POD = '00112233445566778899aabbccddeeff';
const HASH = 'ab'.repeat(32);
const KNOWN =
  /^(?:-[dIRr]*(?:e\d*\.\d*[A-Za-z]*)?|--(?:list-only|files-from=-|from0|ignore-missing-args|ignore-existing|fsync|stats|partial-dir=\.partial|timeout=\d+|bwlimit=\d+))$/;

const word = fc.oneof(
  fc.constantFrom(
    '--server',
    '--sender',
    '.',
    '-sRe.LsfxCIvu',
    '-n',
    '-e',
    '-esh',
    '-v',
    '-l',
    '--rsh=sh',
    '--delete',
  ),
  fc.constantFrom(
    '--files-from=-',
    '--files-from=/etc/passwd',
    '--partial-dir',
    '.partial',
    '/tmp',
    '--log-file=x',
  ),
  fc.constantFrom(
    `${HOME}/`,
    `${HOME}/pods/${POD}/`,
    `${HOME}/pods/${POD}/head`,
    `${HOME}/pods/../..`,
    '/etc/',
    '..',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ maxLength: 8 }).map((text) => `--${text}`),
  fc.string({ maxLength: 8 }).map((text) => `-${text}`),
);

describe('what a home takes of a client', () => {
  it('is known options and a place of its own, or USAGE', () => {
    const framed = fc
      .tuple(
        fc.constantFrom(['--server'], ['--server', '--sender'], []),
        fc.array(word),
        fc.constantFrom(['.'], []),
        word,
      )
      .map(([start, middle, dot, path]) => [...start, ...middle, ...dot, path]);
    fc.assert(
      fc.property(framed, (words) => {
        try {
          const request = parseReceiveRequest(words, HOME);
          for (const option of request.options) assert.match(option, KNOWN);
          if (request.kind === 'read') assert.match(request.folder, /^(?:pods\/(?:[0-9a-f]{32}\/)?)?$/);
          else assert.match(request.podId, /^[0-9a-f]{32}$/);
        } catch (error) {
          assert.ok(isDeskPodError(error, 'USAGE'), String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('is a command without anything that a shell would read', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          assert.match(splitCommand(`rsync --server ${text}`).join(' '), /^--server[A-Za-z0-9 ./=_-]*$/);
        } catch (error) {
          assert.ok(isDeskPodError(error, 'USAGE'), String(error));
        }
      }),
    );
  });

  it('is files whose paths are those of objects', () => {
    const paths = [
      `packs/ab/${HASH}.age`,
      `segments/000000000001-${HASH}.age`,
      `keyrings/${HASH}`,
      `bases/${HASH}.erofs`,
      `later/${HASH}`,
    ];
    for (const path of paths) assert.equal(hashOfObjectPath(path), HASH);
    const others = [
      'head',
      HASH,
      `packs/cd/${HASH}.age`,
      `tmp/${HASH}`,
      `../packs/${HASH}`,
      `/packs/${HASH}`,
      `packs/ab/../${HASH}`,
    ];
    for (const path of [...others, `packs/${HASH}\n`, `.incoming/${HASH}`, `packs/ab/cd/${HASH}`])
      assert.equal(hashOfObjectPath(path), undefined, path);
  });
});
