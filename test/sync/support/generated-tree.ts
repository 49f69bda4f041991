// Trees that fast-check makes up, and their building on a real file system.
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import fc from 'fast-check';
import { joinPath } from '../../../src/sync/files/byte-path.ts';
import { makeFifo, makeSocket } from '../../../src/sync/posix/nodes.ts';
import { setMtimeNs } from '../../../src/sync/posix/times.ts';
import { setXattr } from '../../../src/sync/posix/xattr.ts';

/** One node of a generated tree. */
export interface GeneratedNode {
  readonly kind: 'file' | 'sparse' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'link';
  readonly name: Uint8Array;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly content: Uint8Array;
  readonly sizeBytes: number;
  readonly xattrs: readonly { readonly name: string; readonly value: Uint8Array }[];
  readonly children: readonly GeneratedNode[];
}

const names = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 12 }),
    fc.uint8Array({ minLength: 255, maxLength: 255 }),
    fc
      .constantFrom('a', 'a.b', 'a-b', 'A', 'new\nline', ' ', '\\', '-rf', '\u00e9', 'e\u0301')
      .map((text) => Buffer.from(text)),
  )
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte))))
  .filter((name) => !['.', '..'].includes(name.toString()));

const xattrs = fc.uniqueArray(
  fc.record({ name: fc.stringMatching(/^user\.[a-z]{1,8}$/), value: fc.uint8Array({ maxLength: 40 }) }),
  { maxLength: 3, selector: ({ name }) => name },
);

const { tree } = fc.letrec<{ tree: GeneratedNode[]; node: GeneratedNode }>((tie) => ({
  tree: fc.uniqueArray(tie('node'), {
    maxLength: 7,
    depthIdentifier: 'tree',
    selector: ({ name }) => Buffer.from(name).toString('latin1'),
  }),
  node: fc.record({
    kind: fc.constantFrom(
      'file',
      'file',
      'sparse',
      'directory',
      'directory',
      'symlink',
      'fifo',
      'socket',
      'link',
    ),
    name: names,
    mode: fc.constantFrom(0o644, 0o600, 0o755, 0o4755, 0o2755, 0o6711, 0o1777, 0o500, 0o400),
    mtimeNs: fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 4_000_000_000_000_000_000n }),
    content: fc.uint8Array({ maxLength: 300 }),
    sizeBytes: fc.integer({ min: 1, max: 3_000_000 }),
    xattrs,
    children: fc.oneof({ depthIdentifier: 'tree', maxDepth: 3 }, fc.constant([]), tie('tree')),
  }),
}));

/** Trees of all kinds of entries that need no root. */
export const generatedTrees: fc.Arbitrary<GeneratedNode[]> = tree;

/** Builds a tree under a folder that exists. A link goes to the file that was made last, or is a file if there is none. */
export function buildTree(root: Uint8Array, nodes: readonly GeneratedNode[], files: Buffer[] = []): void {
  for (const node of nodes) {
    const place = joinPath(root, node.name);
    const first = files.at(-1);
    if (node.kind === 'link' && first !== undefined) {
      linkSync(first, place);
      continue;
    }
    if (node.kind === 'directory') {
      mkdirSync(place);
      buildTree(place, node.children, files);
    } else if (node.kind === 'symlink')
      symlinkSync(node.content.length === 0 ? '..' : linkTarget(node.content), place);
    else if (node.kind === 'fifo') makeFifo(place, 0o600);
    else if (node.kind === 'socket') makeSocket(place, 0o600);
    else buildFile(place, node);
    if (node.kind === 'file' || node.kind === 'sparse' || node.kind === 'directory')
      for (const { name, value } of node.xattrs) setXattr(place, name, value);
    const mode = node.kind === 'directory' ? node.mode | 0o500 : node.mode;
    if (node.kind !== 'symlink') chmodSync(place, mode);
    if (node.kind === 'file' || node.kind === 'sparse') files.push(place);
    setMtimeNs(place, node.mtimeNs);
  }
}

function buildFile(place: Buffer, node: GeneratedNode): void {
  const fd = openSync(place, 'wx', 0o600);
  try {
    writeSync(fd, node.content, 0, node.content.length, node.kind === 'sparse' ? node.sizeBytes : 0);
    if (node.kind === 'sparse') ftruncateSync(fd, node.sizeBytes * 2);
  } finally {
    closeSync(fd);
  }
}

function linkTarget(content: Uint8Array): Buffer {
  return Buffer.from(content.map((byte) => (byte === 0 ? 0x2f : byte)));
}
