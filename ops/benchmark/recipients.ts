// What a post-quantum recipient would cost: node ops/benchmark/recipients.ts [--json] [AGE...]
// Header and time of one pack, sealed to X25519 as packs are, and to ML-KEM-768 with X25519; and which age programs open
// each: those that are named, or the one on the path.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption';
import { ProcessError, run } from '../../src/sync/process.ts';

const ROUNDS = 50;
const WARM_UP = 5;
/** Nonce and tag of an empty payload: the rest of the file is header. */
const EMPTY_PAYLOAD_BYTES = 32;

interface Row {
  readonly recipient: string;
  readonly headerBytes: number;
  /** Medians. */
  readonly sealMs: number;
  readonly openMs: number;
  /** By the version of the age program. */
  readonly opens: Readonly<Record<string, boolean>>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
});
const programs = positionals.length === 0 ? ['age'] : positionals;
const dir = await mkdtemp(join(tmpdir(), 'deskpod-recipients-'));
try {
  const rows = [
    await measure('X25519', await generateX25519Identity()),
    await measure('ML-KEM-768 + X25519', await generateHybridIdentity()),
  ];
  const machine = `${hostname()}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`;
  if (values.json) console.log(JSON.stringify({ date: new Date().toISOString(), machine, rows }));
  else {
    console.log(`${new Date().toISOString().slice(0, 10)}, ${machine}`);
    for (const { recipient, headerBytes, sealMs, openMs, opens } of rows) {
      const programs = Object.entries(opens).map(
        ([version, does]) => `age ${version} ${does ? 'opens' : 'REFUSES'} it`,
      );
      const times = `sealed in ${sealMs.toFixed(2)} ms, opened in ${openMs.toFixed(2)} ms`;
      console.log(`${recipient.padEnd(20)} header ${headerBytes} bytes, ${times}; ${programs.join(', ')}`);
    }
  }
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function measure(recipient: string, identity: string): Promise<Row> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const sealed = await encrypter.encrypt(new Uint8Array(0));
  const sealMs = await medianMs(() => encrypter.encrypt(new Uint8Array(0)));
  const openMs = await medianMs(() => decrypter.decryptHeader(sealed.subarray(0, -EMPTY_PAYLOAD_BYTES)));
  const opens: Record<string, boolean> = {};
  for (const program of programs) {
    const { stdout } = await run(program, ['--version']);
    opens[stdout.trim()] = await doesOpen(program, identity, await encrypter.encrypt('a pack'));
  }
  return { recipient, headerBytes: sealed.length - EMPTY_PAYLOAD_BYTES, sealMs, openMs, opens };
}

async function medianMs(act: () => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const startedMs = performance.now();
    await act();
    if (round >= 0) taken.push(performance.now() - startedMs);
  }
  return taken.sort((a, b) => a - b)[ROUNDS / 2] ?? Number.NaN;
}

async function doesOpen(program: string, identity: string, sealed: Uint8Array): Promise<boolean> {
  await writeFile(join(dir, 'identity'), `${identity}\n`, { mode: 0o600 });
  await writeFile(join(dir, 'sealed.age'), sealed);
  try {
    const { stdout } = await run(program, ['-d', '-i', join(dir, 'identity'), join(dir, 'sealed.age')]);
    return stdout === 'a pack';
  } catch (error) {
    if (error instanceof ProcessError) return false;
    throw error;
  }
}
