// Which home, and which of its pods: found ones first, an address that is typed, or what a recovery sheet says.
import { resolve } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { countOf, formatBytes } from '../../core/quantities.ts';
import { readSheet, sheetOfAnother } from '../../core/recovery-sheet.ts';
import type { Option } from '../../core/wizard-question.ts';
import { forgetHomePassword, homePassword, rememberHomePassword } from '../../sync/home/home-password.ts';
import { isTwinUrl, parseHomeUrl } from '../../sync/home/home-url.ts';
import { listHomeHeads } from '../../sync/pod/rebuild.ts';
import { isTwinPlace } from '../twin/restore-source.ts';
import { type Draft, known, type RestoreStep, type Surroundings } from './draft.ts';
import type { FoundHome } from './found-homes.ts';

/** Answers that are no address: every address begins with a slash or has a colon. */
const BY_ADDRESS = 'address';
const BY_SHEET = 'sheet';
const OTHERS: readonly Option[] = [
  { value: BY_ADDRESS, label: 'Another place', detail: 'its address is typed' },
  { value: BY_SHEET, label: 'A recovery sheet', detail: 'enough to start from nothing' },
];
const ADDRESS_HELP =
  'A folder (/mnt/backup/home), user@host:/path, ssh://user@host:port/path, rsync://user@host:port/module, or the device of a twin.';

/** The steps from nothing to a pod at a home. */
export function homeSteps(surroundings: Surroundings): readonly RestoreStep[] {
  const { findHomes, withHome } = surroundings;

  const chooseHome: RestoreStep = async (draft, ask) => {
    if (draft.url !== undefined) return draft;
    const found = await findHomes([]);
    const options = [...found.map(describeHome), ...OTHERS];
    const answer = await ask({
      kind: 'choice',
      id: 'home',
      title: 'Where is the pod to come from?',
      options,
      text:
        found.length === 0
          ? 'No home was found on this computer. Plug in the drive that holds one, or say where it is.'
          : 'These homes were found on this computer.',
      initial: options.find(({ refusal }) => refusal === undefined)?.value ?? BY_ADDRESS,
    });
    if (answer === BY_ADDRESS || answer === BY_SHEET) return { ...draft, homeBy: answer };
    return { ...draft, url: answer };
  };

  const takeSheet: RestoreStep = async (draft, ask) => {
    if (draft.homeBy !== BY_SHEET) return draft;
    const text = await ask({
      kind: 'text',
      id: 'sheet',
      title: 'What does the recovery sheet say?',
      isLong: true,
      text: 'Scan its QR code, or type the key and the lines that begin with “home”. An empty line ends it.',
    });
    return { ...draft, sheet: readSheet(text), keyKind: 'recovery' };
  };

  const chooseOfSheet: RestoreStep = async (draft, ask) => {
    if (draft.url !== undefined || draft.sheet === undefined || draft.sheet.homes.length === 0) return draft;
    const options = [
      ...draft.sheet.homes.map((url) => ({ value: url, label: url })),
      { value: BY_ADDRESS, label: 'Another place', detail: 'its address is typed' },
    ];
    const answer = await ask({
      kind: 'choice',
      id: 'sheet-home',
      title: 'Which home of the sheet?',
      options,
      initial: options[0]?.value ?? BY_ADDRESS,
    });
    return answer === BY_ADDRESS ? draft : { ...draft, url: answer };
  };

  const typeAddress: RestoreStep = async (draft, ask) => {
    if (draft.url !== undefined) return draft;
    const text =
      draft.sheet === undefined ? ADDRESS_HELP : `The sheet names no home that is meant. ${ADDRESS_HELP}`;
    const answer = await ask({ kind: 'text', id: 'address', title: 'Where is the home?', text });
    const url = /^[./~]|^[^:]*$/.test(answer) && !isTwinUrl(answer) ? resolve(answer) : answer;
    parseHomeUrl(url);
    return reached({ ...draft, url });
  };

  const typeHomePassword: RestoreStep = async (draft, ask) => {
    const url = known(draft, 'url');
    if (!lacksPassword(url)) return draft;
    const password = await ask({
      kind: 'secret',
      id: 'home-password',
      title: `The password of ${url}`,
      isNew: false,
    });
    rememberHomePassword(url, password);
    try {
      return await reached(draft);
    } catch (error) {
      // it is asked for again, and may be another one then
      forgetHomePassword(url);
      throw error;
    }
  };

  const choosePod: RestoreStep = async (draft, ask) => {
    const url = known(draft, 'url');
    // a twin shows nothing without a key, and holds one pod
    if (await isTwinPlace(url)) return draft;
    const pods = await withHome(url, undefined, listHomeHeads);
    const wanted = draft.sheet?.podId;
    if (pods.length === 0) throw noPod(url);
    const [only] = pods;
    if (wanted !== undefined) {
      if (pods.some(({ podId }) => podId === wanted)) return { ...draft, podId: wanted };
      throw sheetOfAnother(wanted, pods.map(({ podId }) => podId).join(', '));
    }
    if (only !== undefined && pods.length === 1) return { ...draft, podId: only.podId };
    const seen = (await findHomes([url])).find((home) => home.url === url);
    const podId = await ask({
      kind: 'choice',
      id: 'pod',
      title: 'Which pod?',
      initial: only?.podId ?? '',
      text: `${url} has ${pods.length}. What they are called is known once one is opened with its key.`,
      options: pods.map((pod) => describePod(pod, seen)),
    });
    return { ...draft, podId };
  };

  return [chooseHome, takeSheet, chooseOfSheet, typeAddress, typeHomePassword, choosePod];

  /** An address that leads nowhere is asked for again at once, and not after the questions that follow. */
  async function reached(draft: Draft): Promise<Draft> {
    const url = known(draft, 'url');
    if (lacksPassword(url) || (await isTwinPlace(url))) return draft;
    await withHome(url, undefined, async (home) => {
      const { state, cause } = await home.probe();
      if (state !== 'ready') throw cause;
    });
    return draft;
  }
}

/** True for a daemon's user whose password nobody has said yet. */
function lacksPassword(url: string): boolean {
  return /^rsync:\/\/[^/]*@/.test(url) && homePassword(url) === undefined;
}

function describeHome({ url, kind, pods }: FoundHome): Option {
  if (kind === 'twin') return { value: url, label: url, detail: 'a twin: it has all of its pod' };
  if (kind !== 'folder')
    return { value: url, label: url, detail: 'a home that a pod on this computer names' };
  const received = pods.flatMap(({ head }) => (head === undefined ? [] : [head.receivedAtMs]));
  return {
    ...{ value: url, label: url, detail: countOf(pods.length, 'pod') },
    ...(received.length === 0 ? {} : { atMs: Math.max(...received) }),
    ...(pods.length === 0 ? { refusal: 'no pod was synced there yet' } : {}),
  };
}

function describePod(
  { podId, epoch }: { podId: string; epoch: number },
  seen: FoundHome | undefined,
): Option {
  const there = seen?.pods.find((pod) => pod.podId === podId);
  const size = there === undefined ? '' : `${formatBytes(there.sizeBytes)}, `;
  return {
    ...{ value: podId, label: podId, detail: `${size}device ${epoch} of it` },
    ...(there?.head === undefined ? {} : { atMs: there.head.receivedAtMs }),
  };
}

function noPod(url: string): DeskPodError {
  return new DeskPodError('POD_NOT_FOUND', `${url} has no pod`, {
    hint: 'Look at another home, or sync a pod there first.',
  });
}
