// deskpod doctor: what this host can do, and the exact package or kernel option that is missing.
import type { Command } from 'commander';
import { BARRIER, examineHost } from '../../session/host/host.ts';
import { contextOf } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';

/** Adds `deskpod doctor`. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what this host can do, and what is missing')
    .action(async (_options: unknown, command: Command) => {
      const facts = await examineHost();
      const lines = facts.map((fact) => {
        const isTold = !fact.ok || fact.name === BARRIER;
        const cure = isTold && fact.cure !== undefined ? `\n         ${fact.cure}` : '';
        return `${fact.ok ? 'ok     ' : 'MISSING'}  ${fact.name}: ${fact.found}${cure}`;
      });
      contextOf(command).output.result({ facts }, lines.join('\n'));
      if (facts.some((fact) => !fact.ok)) throw new ExitStatus(EXIT_STATUS.host);
    });
}
