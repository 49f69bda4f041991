// A network of a test's own: the host's side with a default route, and another computer with a server that echoes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Programs, programsIn } from '../../src/session/host/programs.ts';
import { run } from '../../src/sync/process.ts';

/** The host's own addresses. */
export const HOST = { address: '10.77.0.1', address6: 'fd77::1' } as const;

/** The other computer. It answers each line, and each datagram, with itself. */
export const SERVER = { address: '10.77.0.2', address6: 'fd77::2', tcpPort: 7000, udpPort: 7001 } as const;

const ECHO = `
  const { createServer } = require('node:net');
  const { createSocket } = require('node:dgram');
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined).pipe(socket);
  });
  for (const [type, own] of [['udp4', '${SERVER.address}'], ['udp6', '${SERVER.address6}']]) {
    const datagrams = createSocket(type);
    datagrams.on('message', (message, { port, address }) => datagrams.send(message, port, address));
    datagrams.bind(${SERVER.udpPort}, own);
  }
  server.listen(${SERVER.tcpPort}, '${SERVER.address}', () => console.log('listening'));
  process.stdin.on('data', () => console.log(String(connections)));
  process.stdin.on('end', () => process.exit());
`;

/** Two network namespaces that are joined. */
export interface OwnNetwork {
  /** With a pasta that takes the host's side for the host's network. */
  readonly programs: Programs;
  /** How many connections the other computer has taken so far. */
  connectionCount(): Promise<number>;
  close(): Promise<void>;
}

/** Makes one; `dir` is for a script. Sessions that use it end before it is closed. */
export async function openOwnNetwork(dir: string): Promise<OwnNetwork> {
  const [near, far] = [`deskpod-near-${process.pid}`, `deskpod-far-${process.pid}`];
  const inFar = ['netns', 'exec', far];
  for (const name of [near, far]) await run('ip', ['netns', 'add', name]);
  await run('ip', ['-n', near, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'cable', 'netns', far]);
  for (const [name, { address, address6 }] of [
    [near, HOST],
    [far, SERVER],
  ] as const) {
    await run('ip', ['-n', name, 'address', 'add', `${address}/24`, 'dev', 'cable']);
    await run('ip', ['-n', name, 'address', 'add', `${address6}/64`, 'dev', 'cable', 'nodad']);
    await run('ip', ['-n', name, 'link', 'set', 'cable', 'up']);
  }
  await run('ip', ['-n', near, 'route', 'add', 'default', 'via', SERVER.address]);
  await run('ip', ['-n', near, 'route', 'add', 'default', 'via', SERVER.address6]);
  const server = spawn('ip', [...inFar, process.execPath, '-e', ECHO], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const pasta = `${dir}/pasta`;
  await writeFile(pasta, `#!/bin/sh\nexec nsenter --net=/run/netns/${near} pasta "$@"\n`, { mode: 0o700 });
  return {
    programs: { ...programsIn(), pasta },
    connectionCount: async () => {
      server.stdin.write('?');
      const { value } = await lines.next();
      return Number(value);
    },
    close: async () => {
      const ended = once(server, 'exit');
      server.stdin.end();
      await ended;
      for (const name of [near, far]) await run('ip', ['netns', 'delete', name]);
    },
  };
}
