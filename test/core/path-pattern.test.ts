// Patterns mean what git means by them, over raw bytes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { isDeskPodError } from '../../src/core/errors.ts';
import { comparePaths } from '../../src/core/path-order.ts';
import { PathPattern } from '../../src/core/path-pattern.ts';
import { PathSelection } from '../../src/core/path-selection.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';

const matches = (pattern: string, path: string, isFolder = false): boolean =>
  new PathPattern(pattern).matches(Buffer.from(path, 'latin1'), isFolder);

describe('a path pattern', () => {
  let folder: ReturnType<typeof makeTempFolder>;
  before(() => {
    folder = makeTempFolder();
    execFileSync('git', ['init', '-q', folder.path]);
  });
  after(() => folder.remove());

  it('means a name at any depth, or a path from the top if it has a slash', () => {
    assert.ok(matches('note', 'a/b/note'));
    assert.ok(!matches('/note', 'a/note'));
    assert.ok(!matches('a/note', 'b/a/note'));
    assert.ok(matches('**/a/note', 'b/a/note'));
    assert.ok(matches('a/**/note', 'a/note'));
    assert.ok(matches('***/note', 'note') && matches('***/note', 'b/a/note'));
    assert.ok(matches('a/**', 'a/b/c') && !matches('a/**', 'a', true));
    assert.ok(matches('cache/', 'x/cache', true) && !matches('cache/', 'x/cache'));
  });

  it('matches names that are not UTF-8, byte by byte', () => {
    assert.ok(matches('caf?', 'caf\xe9') && matches('c*', 'c\xff\xfe\n'));
    assert.ok(!matches('*', '', true));
    assert.ok(new PathPattern('café').matches(Buffer.from('café'), false));
  });

  it('takes no time that grows with its stars', () => {
    const startedMs = performance.now();
    assert.ok(!matches(`${'*a'.repeat(50)}b`, 'a'.repeat(5000)));
    assert.ok(!matches(`${'**/a/'.repeat(30)}b`, 'a/'.repeat(500).concat('c')));
    assert.ok(performance.now() - startedMs < 2000);
  });

  it('is refused if it is broken, with the reason', () => {
    for (const text of ['', '/', '[a', '[]', '[[:nope:]]', 'a\\', '[a\\', '!a', 'a\\/b', '[[:alpha'])
      assert.throws(
        () => new PathPattern(text),
        (error) => isDeskPodError(error, 'USAGE') && error.hint !== undefined,
        text,
      );
  });

  it('means what git means by it', () => {
    const parts = [
      'a',
      'b',
      'ab',
      '.',
      '*',
      '*',
      '**',
      '?',
      '/',
      '/',
      '/**/',
      '[ab]',
      '[!a]',
      '[^b-c]',
      '[a-c-]',
    ];
    const patterns = fc
      .array(fc.constantFrom(...parts, '[[:alpha:]]', '[]a]', '[\\]x]', '\\*', '\\a', 'é', '[[:digit:]b]'), {
        minLength: 1,
        maxLength: 6,
      })
      .map((pieces) => pieces.join(''))
      .filter((text) => !/^\/*$/.test(text));
    const names = fc
      .constantFrom('a', 'b', 'ab', 'abc', '.a', '*', 'é', '-', ']', '1', 'ba')
      .map((n) => Buffer.from(n));
    const raw = fc.constantFrom(Buffer.from([0xff]), Buffer.from([0x61, 0xe9]));
    const paths = fc
      .array(fc.oneof({ weight: 5, arbitrary: names }, raw), { minLength: 1, maxLength: 4 })
      .map((parts) =>
        Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from('/'), part]))),
      );
    let round = 0;
    fc.assert(
      fc.property(patterns, fc.array(paths, { minLength: 1, maxLength: 12 }), (pattern, leaves) => {
        const top = `r${round++}`;
        const entries = plant(join(folder.path, top), leaves);
        writeFileSync(join(folder.path, top, '.gitignore'), `${pattern}\n`);
        const selection = new PathSelection({ includes: [pattern], excludes: [] });
        const ours = entries
          .filter((entry) => selection.selects(entry))
          .map(({ path }) => path.toString('latin1'));
        assert.deepEqual(
          ours,
          ignoredByGit(
            join(folder.path, top),
            entries.map(({ path }) => path),
          ),
          pattern,
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('a selection of paths', () => {
  const choose = (includes: string[], excludes: string[], paths: string[]): string[] => {
    const selection = new PathSelection({ includes, excludes });
    return paths.filter((path) =>
      selection.selects({
        path: Buffer.from(path.replace(/\/$/, '')),
        kind: path.endsWith('/') ? 'directory' : 'file',
      }),
    );
  };
  const paths = ['a/', 'a/cache/', 'a/cache/x', 'a/note', 'b', 'cache/', 'cache/y'];

  it('is everything without patterns', () => assert.deepEqual(choose([], [], paths), paths));

  it('has what lies in a folder that is meant, but for what is excluded', () => {
    assert.deepEqual(choose(['/a'], [], paths), ['a/', 'a/cache/', 'a/cache/x', 'a/note']);
    assert.deepEqual(choose(['/a'], ['cache'], paths), ['a/', 'a/note']);
    assert.deepEqual(choose([], ['cache/'], paths), ['a/', 'a/note', 'b']);
    assert.deepEqual(choose(['/cache/y'], ['cache'], paths), []);
  });

  it('knows which patterns meant nothing', () => {
    const selection = new PathSelection({ includes: ['/a', 'x', 'z*'], excludes: [] });
    for (const path of ['a', 'a/x']) selection.selects({ path: Buffer.from(path), kind: 'directory' });
    assert.deepEqual(selection.unmatched, ['z*']);
  });
});

/** Makes files at the paths, where no file is in the way, and lists them with their folders in the manifest's order. */
function plant(top: string, leaves: readonly Buffer[]): { path: Buffer; kind: 'file' | 'directory' }[] {
  const at = (path: Buffer): Buffer => Buffer.concat([Buffer.from(`${top}/`), path]);
  const files = new Set<string>();
  const folders = new Set<string>();
  mkdirSync(top, { recursive: true });
  for (const leaf of leaves) {
    const above: string[] = [];
    for (let path = leaf.toString('latin1'); dirname(path) !== '.'; path = dirname(path))
      above.push(dirname(path));
    if (above.some((path) => files.has(path)) || existsSync(at(leaf))) continue;
    mkdirSync(at(Buffer.from(above[0] ?? '', 'latin1')), { recursive: true });
    for (const path of above) folders.add(path);
    writeFileSync(at(leaf), '');
    files.add(leaf.toString('latin1'));
  }
  return [...files, ...folders]
    .map((path) => ({
      path: Buffer.from(path, 'latin1'),
      kind: folders.has(path) ? ('directory' as const) : ('file' as const),
    }))
    .sort((a, b) => comparePaths(a.path, b.path));
}

function ignoredByGit(top: string, paths: readonly Buffer[]): string[] {
  const input = Buffer.concat(paths.flatMap((path) => [path, Buffer.of(0)]));
  const args = ['-C', top, 'check-ignore', '--no-index', '-z', '--stdin', '-v', '-n'];
  const fields = runGit(args, input).toString('latin1').split('\0');
  const ignored: string[] = [];
  for (let i = 0; i + 4 <= fields.length; i += 4) if (fields[i] !== '') ignored.push(fields[i + 3] ?? '');
  return ignored;
}

/** git says 1 where nothing is ignored. */
function runGit(args: string[], input: Buffer): Buffer {
  try {
    return execFileSync('git', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: Buffer };
    if (status === 1) return stdout;
    throw error;
  }
}
