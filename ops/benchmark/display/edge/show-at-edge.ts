// The session of a pod in the page of an edge, which is started and ended here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { processorSeconds } from '../processor-time.ts';
import type { Shown, ShownPod } from '../shown.ts';
import type { Coding } from './edge.ts';

const EDGE = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Shows a session that runs, for `act`; the encoder is a part of the server of its own. */
export async function showAtEdge(
  pod: ShownPod,
  coding: Coding,
  act: (shown: Shown) => Promise<void>,
): Promise<void> {
  const edge = spawn(process.execPath, [EDGE, `${pod.rootPid}`, coding], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(edge, 'exit');
  try {
    const line = await Promise.race([once(edge.stdout, 'data'), ended.then(() => ['nothing'])]);
    const { pid } = edge;
    const url = `${line[0]}`.trim();
    if (pid === undefined || !URL.canParse(url))
      throw new Error(`expected the address of an edge, got ${url}`);
    await act({
      url,
      exec: pod.exec,
      serverSeconds: () => {
        const { Xvnc = 0, relay = 0 } = pod.serverSeconds();
        const [bridge, encoder] = [/node|MainThread/, /^ffmpeg/].map((name) => processorSeconds(pid, name));
        return { Xvnc, relay, bridge: bridge ?? 0, encoder: encoder ?? 0 };
      },
    });
  } finally {
    edge.stdin.end();
    await ended;
  }
}
