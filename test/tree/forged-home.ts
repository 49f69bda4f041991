// What only somebody with the pod's keys could put into a home: everything about it is proven, and it is wrong.
import { rm } from 'node:fs/promises';
import { ByteWriter, utf8 } from '../../src/core/bytes.ts';
import { encodeHead, type Head } from '../../src/core/head.ts';
import type { ManifestEntry } from '../../src/core/manifest.ts';
import { PackBuilder } from '../../src/core/pack.ts';
import { encodeRecord } from '../../src/core/record.ts';
import { encodeSegment } from '../../src/core/segment.ts';
import { recipientOf, seal } from '../../src/sync/age/age.ts';
import { hashing } from '../../src/sync/hashing.ts';
import type { Secrets } from '../../src/sync/keyring/pod-secrets.ts';
import { type Credential, unlockRepository } from '../../src/sync/keyring/unlock.ts';
import { Repository } from '../../src/sync/repository/repository.ts';

/** A repository together with the secrets of its pod. */
export class ForgedHome {
  readonly repository: Repository;
  readonly secrets: Secrets;
  #head: Head;

  private constructor(repository: Repository, secrets: Secrets, head: Head) {
    this.repository = repository;
    this.secrets = secrets;
    this.#head = head;
  }

  static async open(dir: string, credential: Credential): Promise<ForgedHome> {
    const repository = await Repository.open(dir);
    const { head, keyring } = await unlockRepository(repository, credential);
    return new ForgedHome(repository, keyring.secrets, head);
  }

  /** Puts an object there that is sealed to the pod. Returns its name. */
  async put(kind: 'packs' | 'segments', plaintext: Uint8Array, firstSeq?: number): Promise<string> {
    const sealed = await seal(plaintext, { recipient: await recipientOf(this.secrets.identity) });
    const options = firstSeq === undefined ? {} : { firstSeq };
    return (await this.repository.putObject(kind, sealed, options)).name;
  }

  /** Takes an object away. */
  async remove(kind: 'packs' | 'segments' | 'keyrings', name: string): Promise<void> {
    await rm(this.repository.objectPath(kind, name));
  }

  /** A pack with raw chunks, which are `stored` where `chunks` would be right. Returns its name. */
  putChunks(chunks: readonly Uint8Array[], stored = chunks): Promise<string> {
    const pack = new PackBuilder();
    for (const [i, chunk] of chunks.entries()) {
      const bytes = stored[i] ?? chunk;
      pack.add(this.idOf(chunk), bytes, bytes.length, 'raw');
    }
    return this.put('packs', pack.finish());
  }

  idOf(chunk: Uint8Array): Uint8Array {
    return hashing.hmac(this.secrets.chunkIdKey, chunk);
  }

  /** Appends an event, whatever it says, in a segment of its own, and moves the head. */
  async append(event: unknown): Promise<void> {
    const { podId, epoch, deviceId, seq, recordHash } = this.#head;
    const sealing = { hashing, logKey: this.secrets.logKey };
    const payload = event instanceof Uint8Array ? event : utf8(JSON.stringify(event));
    const body = { seq: seq + 1, atMs: 1, previous: recordHash, remaining: 0, payload };
    const record = { kind: 'record' as const, ...body, ...encodeRecord(body, sealing) };
    await this.put('segments', encodeSegment({ podId, epoch, deviceId }, [record]), seq + 1);
    await this.writeHead({ seq: seq + 1, recordHash: record.bodyHash });
  }

  /** Writes a head that differs in the given fields from the one before. */
  async writeHead(changes: Partial<Head>): Promise<void> {
    this.#head = { ...this.#head, ...changes };
    await this.repository.writeHead(encodeHead(this.#head, { hashing, logKey: this.secrets.logKey }));
  }

  /** Seals a checkpoint with this manifest, whatever it says. */
  async sealCheckpoint(number: number, manifest: Uint8Array): Promise<void> {
    const pack = await this.putChunks([manifest]);
    const files = {
      id: Buffer.from(this.idOf(manifest)).toString('hex'),
      depth: 0,
      sizeBytes: manifest.length,
    };
    const stats = { fileCount: 0, fileBytes: 0, imageBytes: 0, storedBytes: 0, pauseMs: 0 };
    await this.append({
      type: 'checkpoint.sealed',
      v: 1,
      number,
      reason: 'files',
      files,
      packs: [pack],
      stats,
    });
  }
}

const KINDS = ['file', 'directory', 'symlink', 'fifo', 'socket', 'character-device', 'block-device'];

/** A manifest with these entries, none of which is checked: the encoder would refuse most of those that tests need. */
export function rawManifest(entries: readonly Partial<ManifestEntry>[]): Uint8Array {
  const manifest = new ByteWriter().text('DPM1').u8(1);
  for (const entry of entries) {
    const bytes = rawEntry(entry);
    manifest.u32(bytes.length).bytes(bytes);
  }
  return manifest.u32(0).u32(entries.length).finish();
}

function rawEntry(entry: Partial<ManifestEntry>): Uint8Array {
  const {
    path = utf8('x'),
    kind = 'file',
    mode = 0o644,
    target = utf8(''),
    xattrs = [],
    chunkIds = [],
  } = entry;
  const writer = new ByteWriter()
    .u8(KINDS.indexOf(kind) + 1)
    .prefixed(path)
    .u16(mode)
    .u32(entry.uid ?? 0)
    .u32(entry.gid ?? 0)
    .i64(entry.mtimeNs ?? 0n)
    .u64(entry.sizeBytes ?? 0)
    .u32(entry.rdevMajor ?? 0)
    .u32(entry.rdevMinor ?? 0)
    .prefixed(target)
    .u32(entry.hardlinkGroup ?? 0)
    .u8(entry.isSparse === true ? 1 : 0)
    .varint(xattrs.length);
  for (const { name, value } of xattrs) writer.prefixed(name).prefixed(value);
  writer.varint(chunkIds.length);
  for (const id of chunkIds) writer.bytes(id);
  return writer.finish();
}
