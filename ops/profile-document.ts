// Writes docs/PROFILE.md from the tables that make the profile: `npm run profile`.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type CheckpointOutcome, DENIED_CALLS } from '../src/session/barrier/denied-calls.ts';
import { ABSENT_DEVICES, PRESENT_DEVICES, type ProfileDevice } from '../src/session/barrier/devices.ts';
import { PROFILE_FILES, PROFILE_VARIABLES } from '../src/session/barrier/environment.ts';
import { HIDDEN_FILES, READ_ONLY_FOLDERS } from '../src/session/barrier/masked-paths.ts';
import { OBSTACLE_KINDS } from '../src/session/preflight/obstacle-kinds.ts';

/** Where the document lies. */
export const PROFILE_DOCUMENT = fileURLToPath(new URL('../docs/PROFILE.md', import.meta.url));

/** The document, as the tables are now. */
export function renderProfile(): string {
  return `${[
    '# The profile of a session',
    '',
    '<!-- Made by `npm run profile` from the tables in src/session: change those. -->',
    '',
    'A session that cannot be checkpointed must not come to exist. CRIU takes most of what programs make, not all of it. What',
    'it does not take, or loses without an error, a session is not given; what cannot be kept from it is looked for before a',
    'suspend, and named. The tests make every call below in a session. What the last column says of CRIU they try in a session',
    'without the filter, as far as the kernel lets a program without rights have it (BPF it mostly does not).',
    '',
    '## Calls that are denied',
    '',
    'A seccomp filter answers them; it holds for every program of a session, and survives checkpoint and restore. All',
    'other calls reach the kernel.',
    '',
    ...table(
      ['what it would be', 'calls', 'answer', 'why', 'CRIU otherwise'],
      DENIED_CALLS.map(({ what, names, errno, reason, checkpoint }) => [
        what,
        names.map(code).join(' '),
        errno,
        reason,
        outcome(checkpoint),
      ]),
    ),
    '',
    '## Devices',
    '',
    ...table(
      ['in /dev', 'what it is', 'CRIU otherwise'],
      PRESENT_DEVICES.map(({ path, reason, checkpoint }) => [code(path), reason, outcome(checkpoint)]),
    ),
    '',
    'Nothing else is there, and no node can be made. Programs look in vain for:',
    '',
    ...table(
      ['not in /dev', 'why'],
      ABSENT_DEVICES.map(({ path, reason }: ProfileDevice) => [code(path), reason]),
    ),
    '',
    '## Files of the kernel',
    '',
    ...table(
      ['path', 'how', 'what it would show or change'],
      [
        ...HIDDEN_FILES.map(({ path, reason }) => [code(path), 'empty', reason]),
        ...READ_ONLY_FOLDERS.map(({ path, reason }) => [code(path), 'read-only', reason]),
      ],
    ),
    '',
    '## Environment',
    '',
    'Set for the first process, and so for all; a program may change them for itself. Which instructions of the processor',
    'libraries use is set besides, by the host and the pod: `src/session/barrier/processor-environment.ts`.',
    '',
    ...table(
      ['variables', 'why'],
      PROFILE_VARIABLES.map(({ variables, reason }) => [
        Object.entries(variables)
          .map(([name, value]) => code(`${name}=${value}`))
          .join(' '),
        reason,
      ]),
    ),
    '',
    'Written into the pod at a fresh start:',
    '',
    ...table(
      ['file', 'content', 'why'],
      PROFILE_FILES.map(({ path, text, reason }) => [code(path), code(text.trim()), reason]),
    ),
    '',
    '## What can still be in the way of a suspend',
    '',
    '`deskpod status` looks for it while a session runs, and says which program, and which window, it is. A suspend that fails',
    'says the same, and the session goes on. What passes by itself is waited for: a suspend tries for two seconds.',
    '',
    ...table(
      ['kind', 'a program …', 'passes by itself', 'what to do'],
      Object.entries(OBSTACLE_KINDS).map(([kind, { text, isTransient, advice }]) => [
        kind,
        text,
        isTransient ? 'yes' : 'no',
        advice,
      ]),
    ),
  ].join('\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function outcome(checkpoint: CheckpointOutcome | undefined): string {
  if (checkpoint === undefined) return '';
  return 'fails' in checkpoint ? `fails: ${code(checkpoint.fails)}` : `loses ${checkpoint.loses}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(PROFILE_DOCUMENT, renderProfile());
