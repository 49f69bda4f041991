// Programs as DeskPod starts them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ProcessError, run, spawnDetached } from '../../src/sync/process.ts';

describe('a program', () => {
  it('is given its arguments as they are, its input, and a plain locale', async () => {
    const script = 'printf "%s|" "$@"; echo "$LC_ALL"; cat';
    const { stdout } = await run('sh', ['-c', script, 'sh', '$HOME; *', ''], { input: 'input\n' });
    assert.equal(stdout, '$HOME; *||C\ninput');
  });

  it('is heard line by line, also where lines end in carriage returns', async () => {
    const lines: string[] = [];
    const errors: string[] = [];
    await run('printf', ['1\\r2\\n\\n3'], { onStdoutLine: (line) => lines.push(line) });
    await run('sh', ['-c', 'echo no >&2'], { onStderrLine: (line) => errors.push(line) });
    assert.deepEqual(lines, ['1', '2', '3']);
    assert.deepEqual(errors, ['no']);
  });

  it('that may run for ever is heard, and nothing of what it prints is kept', async () => {
    const lines: string[] = [];
    const script = 'echo one; head -c 1000000 /dev/zero >&2; echo two';
    const told = await run('sh', ['-c', script], {
      isEndless: true,
      onStdoutLine: (line) => lines.push(line),
    });
    assert.deepEqual(lines, ['one', 'two']);
    assert.deepEqual(told, { stdout: '', stderr: '', exitCode: 0 });
  });

  it('that fails says with what, and what it printed last', async () => {
    const script = 'echo out; echo because >&2; exit 3';
    await assert.rejects(run('sh', ['-c', script]), (error) => {
      assert.ok(error instanceof ProcessError);
      assert.deepEqual(
        [error.program, error.exitCode, error.stdoutTail, error.stderrTail, error.notFound],
        ['sh', 3, 'out', 'because', false],
      );
      return true;
    });
  });

  it('that is killed says by which signal', async () => {
    const options = { onStart: (pid: number) => process.kill(pid, 'SIGKILL') };
    await assert.rejects(run('sleep', ['60'], options), (error) => {
      assert.ok(error instanceof ProcessError);
      assert.deepEqual([error.exitCode, error.signal], [undefined, 'SIGKILL']);
      return true;
    });
  });

  it('that is not there is told from a folder that is not there', async () => {
    const isNotFound =
      (expected: boolean) =>
      (error: unknown): boolean =>
        error instanceof ProcessError && error.notFound === expected;
    await assert.rejects(run('deskpod-no-such-program'), isNotFound(true));
    await assert.rejects(spawnDetached('deskpod-no-such-program'), isNotFound(true));
    await assert.rejects(run('true', [], { cwd: '/no/such/folder' }), isNotFound(false));
  });

  it('that is not there is told also by a user who may not look into a folder of PATH', () => {
    const module = fileURLToPath(new URL('../../src/sync/process.ts', import.meta.url));
    const program = `
      const { run } = await import(${JSON.stringify(module)});
      await run('deskpod-no-such-program').catch(({ notFound }) => console.log(notFound));`;
    const closed = mkdtempSync(join(tmpdir(), 'closed-'));
    try {
      chmodSync(closed, 0o000);
      const powerless =
        process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--'] : [];
      const [command = '', ...args] = [
        ...powerless,
        process.execPath,
        '--input-type=module',
        '--eval',
        program,
      ];
      const env = { ...process.env, PATH: `${closed}:${process.env.PATH}` };
      assert.equal(execFileSync(command, args, { encoding: 'utf8', env }), 'true\n');
    } finally {
      rmdirSync(closed);
    }
  });

  it('is ended when its time is over or its signal aborts', async () => {
    await assert.rejects(
      run('sleep', ['60'], { timeoutMs: 20 }),
      (error) => error instanceof ProcessError && error.timedOut,
    );
    const stop = new AbortController();
    const sleeping = run('sleep', ['60'], { signal: stop.signal, onStart: () => stop.abort() });
    await assert.rejects(sleeping, (error) => error instanceof ProcessError && error.cancelled);
  });

  it('that is detached lives in a session of its own', async () => {
    const { pid, ended } = await spawnDetached('sleep', ['60']);
    const session = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[5];
    assert.equal(session, String(pid));
    process.kill(pid, 'SIGKILL');
    const keptAwake = setInterval(() => undefined, 1000);
    assert.equal((await ended).signal, 'SIGKILL');
    clearInterval(keptAwake);
  });
});
