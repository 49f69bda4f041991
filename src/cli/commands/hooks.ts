// deskpod hooks: which commands of this host are run before and after each step, and which are not.
import type { Command } from 'commander';
import { findHooks, hookFolders } from '../../session/hooks/find-hooks.ts';
import { hookRecordPath } from '../../session/hooks/hook-record.ts';
import { hookLimitMs } from '../../session/hooks/step-hooks.ts';
import { STEPS } from '../../session/hooks/steps.ts';
import { contextOf } from '../context.ts';
import { formatDuration } from '../units.ts';

const STANDING = { runs: 'runs   ', idle: 'ignored', refused: 'REFUSED' } as const;
const HELP = `
A hook is a program named before-STEP or after-STEP, or one in a folder before-STEP.d or after-STEP.d, where they
run in the order of their names. It reads the event as JSON on its standard input, and DESKPOD_POD_ID, DESKPOD_STEP and
DESKPOD_PHASE from its environment. One that fails before a step stops it; one that fails after it is told.

Steps: ${STEPS.join(', ')}.

Hooks belong to this computer and never to a device. They, and all folders above, must belong to root or to you, and be
writable by nobody else; who runs deskpod as root runs those of root.
`;

/** Adds `deskpod hooks`. */
export function registerHooks(program: Command): void {
  program
    .command('hooks')
    .description('your own commands that run before and after each step, and whether they would')
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      const folders = hookFolders();
      const hooks = (await findHooks(folders)).map(({ folder, ...hook }) => ({ ...hook, of: folder.of }));
      const [recordPath, limitMs] = [hookRecordPath(), hookLimitMs()];
      const lines = hooks.map(({ path, when, standing, reason }) => {
        const what = when === undefined ? '' : `${when.phase} ${when.step}: `;
        return `${STANDING[standing]}  ${what}${path}${reason === undefined ? '' : `\n         ${reason}`}`;
      });
      const none = `no hooks; they are looked for in ${folders.map(({ path }) => path).join(' and, for tree pods, ')}`;
      const foot = `each may take ${formatDuration(limitMs)}; what they print is kept in ${recordPath}`;
      const text = lines.length === 0 ? none : [...lines, foot].join('\n');
      contextOf(command).output.result({ folders, hooks, limitMs, recordPath }, text);
    });
}
