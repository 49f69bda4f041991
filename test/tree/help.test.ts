// The grammar of the program: help for every command, and a command line that is wrong does nothing.
import assert from 'node:assert/strict';
import { EXIT_MEANING, EXIT_STATUS } from '../../src/cli/exit-codes.ts';
import { Program } from './program.ts';

const COMMANDS = [
  [],
  ...['create', 'start', 'view', 'status', 'exec', 'install', 'limit', 'checkpoint', 'suspend', 'stop'].map(
    (name) => [name],
  ),
  ...['sync', 'promote', 'checkpoints', 'picture', 'prune', 'log', 'restore', 'doctor', 'dashboard'].map(
    (name) => [name],
  ),
  ...['build', 'list', 'import'].map((name) => ['base', name]),
  ...['add', 'list', 'remove', 'allow', 'identity'].map((name) => ['home', name]),
  ['dock'],
  ['drill'],
  ['keys', 'list'],
  ...['list', 'add', 'remove', 'reserve'].map((name) => ['schedule', name]),
  ...['check', 'put', 'remove'].map((name) => ['runtime', name]),
];

describe('the command line', () => {
  const program = new Program({});

  it('explains every command and ends with 0', async () => {
    for (const command of COMMANDS) {
      const { status, stdout, stderr } = await program.run([...command, '--help']);
      assert.equal(status, 0, stderr);
      assert.ok(stdout.startsWith(`Usage: ${['deskpod', ...command].join(' ')} `), stdout);
      assert.equal(stderr, '');
    }
  });

  it('explains every exit status', async () => {
    const { stdout } = await program.run(['--help']);
    for (const [name, status] of Object.entries(EXIT_STATUS)) {
      assert.ok(stdout.includes(`${status}  ${EXIT_MEANING[name as keyof typeof EXIT_MEANING]}`), name);
    }
  });

  for (const [title, args] of [
    ['a missing command', []],
    ['an unknown command', ['explode']],
    ['an unknown option', ['status', '--loud']],
    ['a missing argument', ['create']],
    ['a missing option that a command needs', ['restore', '--to', 'x']],
    ['a size that is none', ['create', 'x', '--size', 'large']],
    ['a position in the log that is none', ['log', '--since', '0']],
    ['a checkpoint number that is none', ['restore', '--from', '/x', '--checkpoint', 'first']],
    ['a screen that is none', ['start', 'x', '--geometry', '1x1']],
    ['a port that is none', ['dashboard', '--port', '65536']],
  ] as const) {
    it(`refuses ${title} with status 2, and tells a program why`, async () => {
      const [{ status, stdout, stderr }] = await Promise.all([
        program.run(args),
        program.failure('USAGE', args),
      ]);
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.notEqual(stderr, '');
    });
  }
});
