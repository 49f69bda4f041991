// Opening the pod at home, and which moment of it comes back.
import { REASONS } from '../../core/event-words.ts';
import { countOf, formatBytes } from '../../core/quantities.ts';
import { normalizeRecoveryKey } from '../../core/recovery-key.ts';
import type { Checkpoint } from '../../core/state.ts';
import type { Option } from '../../core/wizard-question.ts';
import type { Home } from '../../sync/home/home.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { foldRecords } from '../../sync/pod/pod.ts';
import { choosePod } from '../../sync/pod/rebuild.ts';
import { surveyPod } from '../../sync/pod/survey.ts';
import { type Ask, type ChosenPod, type Draft, known, type RestoreStep, type Surroundings } from './draft.ts';

/** The steps from a pod at a home to one of its checkpoints. */
export function podSteps({ withHome }: Surroundings): readonly RestoreStep[] {
  const chooseKeyKind: RestoreStep = async (draft, ask) => {
    if (draft.keyKind !== undefined) return draft;
    const answer = await ask({
      kind: 'choice',
      id: 'key-kind',
      title: 'What opens the pod?',
      initial: 'passphrase',
      options: [
        { value: 'passphrase', label: 'Its passphrase' },
        { value: 'recovery', label: 'Its recovery key', detail: 'as it stands on its sheet' },
      ],
    });
    return { ...draft, keyKind: answer === 'recovery' ? 'recovery' : 'passphrase' };
  };

  const open: RestoreStep = async (draft, ask) => {
    const credential = await askForKey(draft, ask);
    const url = known(draft, 'url');
    const pod = await withHome(url, credential, (home) => lookInto(home, draft.podId, credential));
    return { ...draft, credential, pod };
  };

  const chooseMoment: RestoreStep = async (draft, ask) => {
    const { name, checkpoints, doubted, seq, epoch } = known(draft, 'pod');
    const newest = checkpoints.at(-1)?.number ?? 0;
    const answer = await ask({
      kind: 'choice',
      id: 'moment',
      title: 'Which moment?',
      initial: String(newest),
      text: `${name}: home has ${countOf(checkpoints.length, 'checkpoint')}, up to position ${seq} of its log, device ${epoch}.`,
      options: checkpoints.toReversed().map((checkpoint) => describe(checkpoint, doubted)),
    });
    return { ...draft, checkpoint: Number(answer) };
  };

  return [chooseKeyKind, open, chooseMoment];
}

async function askForKey(draft: Draft, ask: Ask): Promise<Credential> {
  if (draft.sheet !== undefined) return { recoveryKey: draft.sheet.recoveryKey };
  if (draft.keyKind === 'recovery') {
    const text = 'Spaces and lower case do not matter; its last six letters find typing errors.';
    const typed = await ask({
      kind: 'text',
      id: 'recovery-key',
      title: 'The recovery key',
      text,
      isLong: true,
    });
    return { recoveryKey: normalizeRecoveryKey(typed) };
  }
  return { passphrase: await ask({ kind: 'secret', id: 'key', title: 'The passphrase', isNew: false }) };
}

async function lookInto(home: Home, wanted: string | undefined, credential: Credential): Promise<ChosenPod> {
  const podId = wanted ?? (await choosePod(home, undefined));
  const { records, unlocked, neededBytes } = await surveyPod({ home, podId, credential });
  const { name, kind, checkpoints, doubted } = foldRecords(records);
  const { seq, epoch } = unlocked.head;
  return {
    ...{ podId, name, kind, seq, epoch, checkpoints, neededBytes },
    doubted: doubted.map(({ number }) => number),
  };
}

function describe({ number, atMs, reason, stats, images }: Checkpoint, doubted: readonly number[]): Option {
  const words = [
    REASONS[reason],
    ...(images === undefined ? [] : ['with its session']),
    `${countOf(stats.fileCount, 'file')}, ${formatBytes(stats.fileBytes)}`,
    ...(doubted.includes(number) ? ['looks like a loss'] : []),
  ];
  return {
    ...{ value: String(number), label: `checkpoint ${number}`, detail: words.join(', '), atMs },
    ...(images === undefined ? {} : { picture: number }),
  };
}
