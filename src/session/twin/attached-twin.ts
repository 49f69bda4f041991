// A twin among other homes: it is mounted only if it is asked for something.
import { isDeskPodError } from '../../core/errors.ts';
import type { Home, HomeStatus, HomeVerification, PushReport } from '../../sync/home/home.ts';

/** A twin that is mounted, or locked where it is a folder. */
export interface TakenTwin {
  readonly home: Home;
  /** Lets go of it. */
  release(): Promise<void>;
}

/** A home that is taken at its first use, once; if that fails, whatever is asked of it fails alike. */
export class AttachedTwin implements Home {
  readonly url: string;
  readonly #take: () => Promise<TakenTwin>;
  #taken: Promise<TakenTwin> | undefined;

  constructor(url: string, take: () => Promise<TakenTwin>) {
    this.url = url;
    this.#take = take;
  }

  /** Lets go of it, if it was taken. */
  async release(): Promise<void> {
    const taken = await this.#taken?.catch(() => undefined); // whoever asked for something was told
    await taken?.release();
  }

  async probe(): Promise<HomeStatus> {
    try {
      return await (await this.#home()).probe();
    } catch (error) {
      if (isDeskPodError(error, 'HOME_AWAY')) return { state: 'unreachable', cause: error };
      throw error;
    }
  }

  async initialise(): Promise<void> {
    await (await this.#home()).initialise();
  }

  async listPods(): Promise<string[]> {
    return (await this.#home()).listPods();
  }

  async head(podId: string): Promise<Uint8Array | undefined> {
    return (await this.#home()).head(podId);
  }

  async list(...asked: Parameters<Home['list']>): Promise<ReadonlyMap<string, number>> {
    return (await this.#home()).list(...asked);
  }

  async push(...asked: Parameters<Home['push']>): Promise<PushReport> {
    return (await this.#home()).push(...asked);
  }

  async replace(...asked: Parameters<Home['replace']>): Promise<void> {
    await (await this.#home()).replace(...asked);
  }

  async remove(...asked: Parameters<Home['remove']>): Promise<void> {
    await (await this.#home()).remove(...asked);
  }

  async pull(...asked: Parameters<Home['pull']>): Promise<void> {
    await (await this.#home()).pull(...asked);
  }

  async writeHead(...asked: Parameters<Home['writeHead']>): Promise<void> {
    await (await this.#home()).writeHead(...asked);
  }

  async verifyObjects(...asked: Parameters<Home['verifyObjects']>): Promise<HomeVerification | undefined> {
    return (await this.#home()).verifyObjects(...asked);
  }

  async #home(): Promise<Home> {
    this.#taken ??= this.#take();
    return (await this.#taken).home;
  }
}
