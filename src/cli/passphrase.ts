// Where a passphrase comes from: a file named by option or environment, or a prompt that does not echo. Never argv.
import { readFile } from 'node:fs/promises';
import { DeskPodError } from '../core/errors.ts';

/** The options that name a passphrase's source. */
export interface PassphraseOptions {
  readonly passphraseFile?: string;
}

/**
 * The passphrase. A file's last line ending is not part of it.
 *
 * @param question what to ask for at a terminal.
 * @param options `confirm` asks twice, for a new passphrase.
 * @throws DeskPodError PASSPHRASE_MISSING if there is neither a file nor a terminal; CANCELLED on Ctrl-C.
 */
export async function readPassphrase(
  question: string,
  options: PassphraseOptions & { readonly confirm?: boolean },
): Promise<string> {
  const file = options.passphraseFile ?? process.env.DESKPOD_PASSPHRASE_FILE;
  if (file !== undefined) return readPassphraseFile(file);
  const hint = 'Give --passphrase-file FILE or set DESKPOD_PASSPHRASE_FILE.';
  return typePassphrase(question, { confirm: options.confirm === true, hint });
}

async function typePassphrase(question: string, { confirm, hint }: { confirm: boolean; hint: string }) {
  if (!process.stdin.isTTY) {
    throw new DeskPodError(
      'PASSPHRASE_MISSING',
      'a passphrase is needed, and there is no terminal to ask at',
      { hint },
    );
  }
  const passphrase = await prompt(`${question}: `);
  if (confirm && (await prompt('Again: ')) !== passphrase) {
    throw new DeskPodError('USAGE', 'the two passphrases differ', { hint: 'Run the command again.' });
  }
  return requireText(passphrase, 'the passphrase typed');
}

/**
 * A passphrase that a pod is to be given: from a file, or typed twice.
 *
 * @throws DeskPodError as {@link readPassphrase}; USAGE for one that is blank
 */
export async function readNewPassphrase(file: string | undefined): Promise<string> {
  const passphrase =
    file === undefined
      ? await typePassphrase('New passphrase', { confirm: true, hint: 'Give --new-passphrase-file FILE.' })
      : await readPassphraseFile(file);
  if (passphrase.trim() !== '') return passphrase;
  throw new DeskPodError('USAGE', 'the new passphrase is blank', { hint: 'Use words, not only spaces.' });
}

async function readPassphraseFile(file: string): Promise<string> {
  try {
    return requireText((await readFile(file, 'utf8')).replace(/\r?\n$/, ''), `the passphrase in ${file}`);
  } catch (cause) {
    if (cause instanceof DeskPodError) throw cause;
    throw new DeskPodError('PASSPHRASE_MISSING', `the passphrase file ${file} could not be read`, {
      cause,
      hint: 'Check the path and its permissions.',
    });
  }
}

function requireText(passphrase: string, where: string): string {
  if (passphrase === '') {
    throw new DeskPodError('PASSPHRASE_MISSING', `${where} is empty`, {
      hint: 'Use at least one character.',
    });
  }
  return passphrase;
}

/** What is typed at the terminal, unseen. Throws CANCELLED on Ctrl-C. */
export function hiddenAnswer(question: string): Promise<string> {
  return prompt(`${question}: `);
}

function prompt(question: string): Promise<string> {
  const { stdin, stderr } = process;
  // Before the question: what is typed right after it must not be echoed any more.
  stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (settle: () => void) => {
      stdin.off('data', read);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const read = (text: string) => {
      for (const character of text) {
        if (character === '\u0003') {
          finish(() => reject(new DeskPodError('CANCELLED', 'stopped at the passphrase')));
          return;
        }
        if (character === '\r' || character === '\n' || character === '\u0004') {
          finish(() => resolve(typed));
          return;
        }
        if (character === '\u007f' || character === '\b') typed = [...typed].slice(0, -1).join('');
        else typed += character;
      }
    };
    stdin.on('data', read);
  });
}
