// What a client may ask of a restricted account: the few words that a sync needs, and no others.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSecluded, parseReceiveRequest, splitCommand } from '../../src/core/receive-request.ts';
import { readSecludedWords } from '../../src/sync/home/receive/secluded-words.ts';
import { POD } from './support/home-contract.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const KEEP_WORDS =
  'while (sysread STDIN, $bytes, 65536) { $words .= $bytes; last if $words =~ /\\0\\0\\z/ } ' +
  'open $file, ">", shift; print $file $words';

describe('what a restricted account takes', () => {
  const HOME = '/srv/home';
  let temp: ReturnType<typeof makeTempFolder>;
  before(() => {
    temp = makeTempFolder();
    const recorder = [
      'while [ "$1" != rsync ]; do shift; done',
      `printf %s "$*" >${temp.path}/command`,
      // they end with an empty one, and may come in pieces; rsync itself waits for an answer
      `perl -e '${KEEP_WORDS}' ${temp.path}/words`,
      'exit 1',
    ];
    writeFileSync(join(temp.path, 'recorder'), recorder.join('\n'));
    writeFileSync(join(temp.path, 'file'), 'a file');
  });
  after(() => temp.remove());

  /** What the real rsync would ask the other side for. */
  const wordsOf = (args: readonly string[]): string[] => {
    spawnSync('rsync', ['-e', `sh ${temp.path}/recorder`, ...args], { cwd: temp.path, input: '' });
    const words = splitCommand(readFileSync(join(temp.path, 'command'), 'utf8'));
    if (!isSecluded(words)) return words;
    const sent = openSync(join(temp.path, 'words'), 'r');
    try {
      return [...words, ...readSecludedWords(sent).slice(1)];
    } finally {
      closeSync(sent);
    }
  };

  const hostile: Readonly<Record<string, readonly string[]>> = {
    'deletes what it does not send': ['-s', '-r', '--delete', './', `me@host:${HOME}/pods/${POD}/`],
    'deletes by arguments that are missing': [
      '-s',
      '-r',
      '--delete-missing-args',
      './gone',
      `me@host:${HOME}/pods/${POD}/`,
    ],
    'deletes without secluded words': ['-r', '--delete', './', `me@host:${HOME}/pods/${POD}/`],
    'takes away what it fetches': [
      '-s',
      '-r',
      '--remove-source-files',
      `me@host:${HOME}/pods/${POD}/`,
      './got/',
    ],
    'writes in place': ['-s', '--inplace', './file', `me@host:${HOME}/pods/${POD}/`],
    appends: ['-s', '--append', './file', `me@host:${HOME}/pods/${POD}/`],
    'copies links': ['-s', '-rl', './', `me@host:${HOME}/pods/${POD}/`],
    'makes devices': ['-s', '-rD', './', `me@host:${HOME}/pods/${POD}/`],
    'writes a log elsewhere': [
      '-s',
      '-M--log-file=/tmp/deskpod-hostile-log',
      './file',
      `me@host:${HOME}/pods/${POD}/`,
    ],
    'names another remote shell': ['-s', '-M--rsh=sh', './file', `me@host:${HOME}/pods/${POD}/`],
    'runs a daemon': ['-s', '-M--daemon', './file', `me@host:${HOME}/pods/${POD}/`],
    'reads a list from elsewhere': ['-s', '--files-from=:/etc/passwd', `me@host:${HOME}/`, './got/'],
    'keeps backups': ['-s', '-b', '--backup-dir=/tmp', './file', `me@host:${HOME}/pods/${POD}/`],
    'compares with elsewhere': ['-s', '--copy-dest=/etc', './file', `me@host:${HOME}/pods/${POD}/`],
    'keeps parts elsewhere': ['-s', '--partial-dir=/tmp', './file', `me@host:${HOME}/pods/${POD}/`],
    'leaves by ..': ['-s', './file', `me@host:${HOME}/pods/${POD}/../`],
    'leaves by another path': ['-s', './file', 'me@host:/tmp/'],
    'reads another path': ['-s', '-r', 'me@host:/etc/', './got/'],
    'writes the marker': ['-s', '-I', './file', `me@host:${HOME}/deskpod-home`],
    'writes into the folder of the pods': ['-s', '-I', './file', `me@host:${HOME}/pods/`],
    'writes straight to an object': ['-s', '-I', './file', `me@host:${HOME}/pods/${POD}/packs/ab/x`],
    'writes into another folder of the pod': ['-s', '-I', './file', `me@host:${HOME}/pods/${POD}/packs/`],
  };
  for (const [what, args] of Object.entries(hostile)) {
    it(`is nothing of a client that ${what}`, () => {
      const words = wordsOf(args);
      assert.ok(words.includes('--server'));
      assert.throws(() => parseReceiveRequest(words, HOME), { code: 'USAGE' });
    });
  }

  it('is a list, a fetch, objects and a head, spelled as deskpod does', () => {
    const pod = `me@host:${HOME}/pods/${POD}/`;
    const kinds = [
      ['-s', '--list-only', '-r', pod],
      [
        '-s',
        '--files-from=-',
        '--from0',
        '--ignore-missing-args',
        '--timeout=120',
        `me@host:${HOME}/`,
        './got/',
      ],
      [
        '-s',
        '--files-from=-',
        '--fsync',
        '--ignore-existing',
        '--partial-dir=.partial',
        '--stats',
        './',
        pod,
      ],
      ['-s', '--files-from=-', '-I', '--bwlimit=100', './', pod],
      ['-s', '-I', './file', `${pod}head`],
    ].map((args) => parseReceiveRequest(wordsOf(args), HOME).kind);
    assert.deepEqual(kinds, ['read', 'read', 'add', 'replace', 'head']);
  });

  for (const command of [
    '',
    'sh -c id',
    'scp -t /tmp',
    '/usr/lib/openssh/sftp-server',
    'rsync --version',
    'rsync --server; id',
    'rsync --server $(id) . /',
    "rsync --server -s '.'",
  ]) {
    it(`is not the command "${command}"`, () => {
      assert.throws(() => splitCommand(command), { code: 'USAGE' });
    });
  }

  it('is refused where its words do not end', () => {
    const sent = openSync('/dev/zero', 'r');
    const nothing = openSync('/dev/null', 'r');
    try {
      assert.throws(() => readSecludedWords(nothing), { code: 'USAGE' });
      assert.deepEqual(readSecludedWords(sent), ['']);
    } finally {
      closeSync(sent);
      closeSync(nothing);
    }
  });
});
