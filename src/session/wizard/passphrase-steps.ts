// What opens the restored pod: the passphrase that the lost device had, or a new one.
import { DeskPodError } from '../../core/errors.ts';
import { known, type RestoreStep } from './draft.ts';

const KEEP = 'keep';
const NEW = 'new';

/** The steps that settle the passphrase. */
export const PASSPHRASE_STEPS: readonly RestoreStep[] = [
  async (draft, ask) => {
    if (draft.present !== undefined) return { ...draft, isKeepingPassphrase: true };
    const isForgotten = 'recoveryKey' in known(draft, 'credential');
    const answer = await ask({
      kind: 'choice',
      id: 'passphrase',
      title: 'Which passphrase is the pod to have?',
      text:
        'Whoever has the lost device and learns the passphrase that it had opens that device with it. A new one opens the ' +
        'new device and, after its next sync, what home has.',
      options: [
        {
          value: KEEP,
          label: 'The one that it has',
          ...(isForgotten ? { detail: 'with the recovery key it opens without that, too' } : {}),
        },
        { value: NEW, label: 'A new one' },
      ],
      initial: isForgotten ? NEW : KEEP,
    });
    return { ...draft, isKeepingPassphrase: answer === KEEP };
  },
  async (draft, ask) => {
    if (draft.isKeepingPassphrase === true) return draft;
    const newPassphrase = await ask({
      kind: 'secret',
      id: 'new-passphrase',
      title: 'The new passphrase',
      isNew: true,
    });
    const credential = known(draft, 'credential');
    if (newPassphrase.trim() === '')
      throw new DeskPodError('USAGE', 'the new passphrase is blank', { hint: 'Use words, not only spaces.' });
    if ('passphrase' in credential && credential.passphrase === newPassphrase) {
      throw new DeskPodError('USAGE', 'the new passphrase is the one that the pod has', {
        hint: 'Choose another one, or go back and keep it.',
      });
    }
    return { ...draft, newPassphrase };
  },
];
