// deskpod dock: on the computer that is home, bring devices home as they are plugged in, and look after home.
import { once } from 'node:events';
import type { Command } from 'commander';
import type { DockState } from '../../core/dock-machine.ts';
import { dockWords } from '../../core/dock-words.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { Place } from '../../session/dashboard/places.ts';
import { allSources, type DeviceSource } from '../../session/dock/device-source.ts';
import { Dock, type DockedDevice } from '../../session/dock/dock.ts';
import { driveSource } from '../../session/dock/drive-source.ts';
import { findObstacles } from '../../session/dock/find-obstacles.ts';
import { folderSource } from '../../session/dock/folder-source.ts';
import { notifyDesktops } from '../../session/dock/notify-desktop.ts';
import { HomeUpkeep, lastProven, type UpkeepOutcome } from '../../session/dock/upkeep-home.ts';
import { sweepDrills } from '../../session/drill/drill-scratch.ts';
import { Journal } from '../../sync/dock/journal.ts';
import { contextOf } from '../context.ts';
import { DOCK_FILE, type DockFile, readDockFile } from '../dock-settings.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import type { Output } from '../output.ts';
import { stoppable } from '../stop-signals.ts';
import { absoluteUrl } from './home.ts';

interface DockOptions {
  readonly home?: string;
  readonly watch?: string[];
  readonly once?: boolean;
  readonly config?: string;
  readonly identity?: string;
  readonly journal?: string;
  readonly upkeep: boolean;
}

const LOOK_MS = 5000;
const POLL_MS = 2000;
const RETRY_MS = 60_000;
const UPKEEP_LOOK_MS = 10 * 60_000;
/** A disk that rests takes many seconds to spin up. */
const ONCE_ANSWER_MS = 60_000;
const HELP = `
Devices are found by their label, on every drive, and in the folders that --watch names: image files, device nodes, and tree
pods on what is mounted there. What a pod's owner allowed with \`deskpod home allow\` is taken over sealed; a pod whose session
runs here is asked for a checkpoint and a sync. Settings: ${DOCK_FILE}.`;

/** Adds `deskpod dock`. */
export function registerDock(program: Command): void {
  program
    .command('dock')
    .option('--home <folder>', 'the home: a folder of this computer')
    .option('--watch <folder...>', 'folders in which devices turn up, besides the drives of this computer')
    .option('--once', 'bring home what is there now, do what is due, and end')
    .option('--config <file>', `the settings (default: ${DOCK_FILE})`)
    .option('--identity <file>', 'the identity of this home')
    .option('--journal <file>', 'where to write down what happens')
    .option('--no-upkeep', 'do not prune, check and drill')
    .description('bring devices home as they are plugged in here, and look after home')
    .addHelpText('after', HELP)
    .action(async (options: DockOptions, command: Command) => {
      const { output } = contextOf(command);
      const file = await readDockFile(options.config ?? DOCK_FILE, options.config !== undefined);
      await new DockCommand(withOptions(file, options), options, output).run();
    });
}

type Settings = DockFile & { readonly home: string };

function withOptions(file: DockFile, options: DockOptions): Settings {
  const home = options.home === undefined ? file.home : absoluteUrl(options.home);
  if (home === undefined) {
    throw new DeskPodError('USAGE', 'dock needs a home to bring devices to', {
      hint: `Say --home FOLDER, or "home" in ${DOCK_FILE}.`,
    });
  }
  if (!home.startsWith('/')) {
    throw new DeskPodError('USAGE', `expected a folder of this computer, got ${home}`, {
      hint: 'Run the dock on the computer that home is.',
    });
  }
  return {
    ...file,
    home,
    watch: [...file.watch, ...(options.watch ?? []).map(absoluteUrl)],
    ...(options.identity === undefined ? {} : { identity: options.identity }),
    ...(options.journal === undefined ? {} : { journal: options.journal }),
  };
}

class DockCommand {
  readonly #settings: Settings;
  readonly #options: DockOptions;
  readonly #output: Output;
  readonly #journal: Journal;
  /** What was shown of each device last: the same is shown once. */
  readonly #shown = new Map<string, string>();

  constructor(settings: Settings, options: DockOptions, output: Output) {
    this.#settings = settings;
    this.#options = options;
    this.#output = output;
    this.#journal = new Journal(settings.journal);
  }

  async run(): Promise<void> {
    const { home: homeDir, identity: identityFile } = this.#settings;
    const dock = new Dock({
      settings: {
        ...{ homeDir, identityFile, onProgress: this.#output.progress },
        provenOf: async (podId) => lastProven(await this.#journal.read(), podId),
      },
      source: this.#source(),
      journal: this.#journal,
      pace: { lookMs: LOOK_MS, pollMs: POLL_MS, retryMs: RETRY_MS, repeatMs: this.#settings.repeatMs },
      obstacles: (place) => this.#obstacles(place),
      onStep: (device) => this.#tell(device),
      onFailure: (error) => this.#output.complain(error),
    });
    if (this.#options.upkeep)
      await sweepDrills(this.#settings.scratch).catch((error: unknown) => this.#output.complain(error));
    if (this.#options.once === true) return this.#once(dock);
    await stoppable((signal) => this.#watch(dock, signal));
  }

  async #once(dock: Dock): Promise<void> {
    const { devices, upkeep } = await stoppable(async (signal) => {
      const end = (): void => void dock.end().catch((error: unknown) => this.#output.complain(error));
      signal.addEventListener('abort', end, { once: true });
      const docked = await dock.once();
      signal.throwIfAborted();
      const done = await this.#upkeep(signal);
      signal.throwIfAborted();
      return { devices: docked, upkeep: done };
    });
    const lines = [
      ...devices.map(({ path, state }) => dockLine(path, state)),
      ...upkeep.map(({ text }) => text),
    ];
    const value = { devices: devices.map(({ path, state }) => ({ path, ...state })), upkeep };
    this.#output.result(
      value,
      lines.length === 0 ? 'no device is here, and nothing is due' : lines.join('\n'),
    );
    const isHome = ({ state: { step } }: DockedDevice): boolean => step === 'safe' || step === 'backed-up';
    if (devices.every(isHome) && !upkeep.some(({ isWarning }) => isWarning)) return;
    throw new ExitStatus(EXIT_STATUS.partlyDone);
  }

  async #watch(dock: Dock, signal: AbortSignal): Promise<void> {
    const watching = dock.start();
    this.#output.progress({ step: `waiting for devices at ${this.#settings.home}; stop with Ctrl-C` });
    let turn: Promise<unknown> = this.#upkeep(signal);
    const timer = setInterval(() => {
      turn = turn.then(() => this.#upkeep(signal));
    }, UPKEEP_LOOK_MS);
    if (!signal.aborted) await once(signal, 'abort');
    clearInterval(timer);
    await dock.end(watching);
    await turn;
    this.#output.result({}, 'no device is waited for any more');
  }

  async #upkeep(signal: AbortSignal): Promise<readonly UpkeepOutcome[]> {
    if (!this.#options.upkeep) return [];
    const { home: homeDir, identity: identityFile, plan, keep: policy, checkShare } = this.#settings;
    const { drillSession: resumes, scratch: scratchDir } = this.#settings;
    const settings = { homeDir, identityFile, plan, policy, checkShare, resumes, scratchDir };
    try {
      if ((await this.#obstacles()).length > 0) return [];
      const done = await new HomeUpkeep(settings, this.#journal, this.#output.progress).run(signal);
      for (const { text } of done) this.#output.note(text);
      for (const { text, isWarning } of done)
        if (isWarning) await notifyDesktops({ title: 'Look at your home', text, isUrgent: true });
      return done;
    } catch (error) {
      if (this.#options.once === true) throw error;
      this.#output.complain(error);
      return [];
    }
  }

  /** Without a device: what is in the way of what home does for itself. */
  #obstacles(place?: Place): Promise<readonly string[]> {
    const { home: homeDir, batteryLimit, otherBackups: others } = this.#settings;
    return findObstacles({ homeDir, batteryLimit, others }, place);
  }

  #source(): DeviceSource {
    const { watch } = this.#settings;
    const isOnce = this.#options.once === true;
    // nobody looks a second time
    const answerTimeoutMs = isOnce ? ONCE_ANSWER_MS : undefined;
    const drives = driveSource(answerTimeoutMs === undefined ? {} : { answerTimeoutMs });
    if (watch.length === 0) return drives;
    return allSources([drives, folderSource(watch, answerTimeoutMs)], (error) => {
      if (isOnce) throw error;
      this.#output.complain(error);
    });
  }

  #tell({ path, state }: DockedDevice): void {
    this.#output.progress({ step: dockLine(path, state) });
    const words = dockWords(state, path);
    if (state.step === 'gone') this.#shown.delete(path);
    if (words === undefined || this.#options.once === true || this.#shown.get(path) === words.text) return;
    this.#shown.set(path, words.text);
    notifyDesktops(words).catch((error: unknown) => this.#output.complain(error));
  }
}

function dockLine(path: string, state: DockState): string {
  const words = dockWords(state, path);
  return words === undefined ? `${path}: ${state.step}` : `${words.title}: ${words.text}`;
}
