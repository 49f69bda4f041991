// The kernel's fscrypt interface (linux/fscrypt.h): a policy on a folder, and a key in a file system's own keyring.
import { hkdfSync } from 'node:crypto';
import { ioctl, ioctlNumber } from '../../sync/posix/ioctl.ts';
import { ErrnoError } from '../../sync/posix/libc.ts';

const SET_POLICY = ioctlNumber('read', 'f', 19, 12);
const GET_POLICY_EX = ioctlNumber('readWrite', 'f', 22, 9);
const ADD_KEY = ioctlNumber('readWrite', 'f', 23, 80);
const REMOVE_KEY_ALL_USERS = ioctlNumber('readWrite', 'f', 25, 64);
const GET_KEY_STATUS = ioctlNumber('readWrite', 'f', 26, 128);

const POLICY_VERSION = 2;
const POLICY_BYTES = 24;
const MODE_AES_256_XTS = 1;
const MODE_AES_256_CTS = 4;
const PAD_NAMES_TO_32 = 3;
const KEY_SPEC_IDENTIFIER = 2;
const KEY_SPEC_IDENTIFIER_OFFSET = 8;
const IDENTIFIER_BYTES = 16;
const ADD_KEY_BYTES = 80;
const REMOVE_KEY_BYTES = 64;
const REMOVE_STATUS_OFFSET = 40;
const REMOVED_BUT_FILES_BUSY = 1;
const KEY_STATUS_BYTES = 128;
const KEY_STATUS_OFFSET = 64;

/** What a file system's keyring says of a key; `partlyRemoved`: gone, but files opened with it are still in use. */
export type KeyStatus = 'absent' | 'present' | 'partlyRemoved';

/** The policy of an encrypted folder. */
export interface FscryptPolicy {
  /** The identifier of the key that opens it, hex. */
  readonly keyIdentifier: string;
  /** It is of the one kind that DeskPod makes: version 2, AES-256-XTS contents, AES-256-CTS names padded to 32 bytes. */
  readonly isOurs: boolean;
}

/**
 * The identifier that the kernel derives from a key (HKDF-SHA512, context 1), hex. Tells whether a key is a policy's
 * without giving it to the kernel.
 */
export function keyIdentifierOf(key: Uint8Array): string {
  return Buffer.from(hkdfSync('sha512', key, '', 'fscrypt\0\x01', IDENTIFIER_BYTES)).toString('hex');
}

/**
 * The policy of the folder open as `fd`; `undefined` if it has none.
 * @throws ErrnoError EOPNOTSUPP or ENOTTY if kernel or file system know no encryption
 */
export function getPolicy(fd: number, path: string): FscryptPolicy | undefined {
  const argument = Buffer.alloc(8 + POLICY_BYTES);
  argument.writeBigUInt64LE(BigInt(POLICY_BYTES));
  try {
    ioctl(fd, GET_POLICY_EX, argument, path);
  } catch (error) {
    if (error instanceof ErrnoError && error.code === 'ENODATA') return undefined;
    throw error;
  }
  const policy = argument.subarray(8);
  const keyIdentifier = policy.toString('hex', 8, 8 + IDENTIFIER_BYTES);
  return { keyIdentifier, isOurs: policy.equals(policyBytes(keyIdentifier)) };
}

/** Encrypts the empty folder open as `fd` from now on, with a key that was added before. */
export function setPolicy(fd: number, keyIdentifier: string, path: string): void {
  ioctl(fd, SET_POLICY, policyBytes(keyIdentifier), path);
}

/** Gives a key to the file system that `fd` is on; no copy of it stays in this process. */
export function addKey(fd: number, key: Uint8Array, path: string): void {
  const argument = Buffer.alloc(ADD_KEY_BYTES + key.length);
  try {
    argument.writeUInt32LE(KEY_SPEC_IDENTIFIER, 0);
    argument.writeUInt32LE(key.length, 40);
    argument.set(key, ADD_KEY_BYTES);
    ioctl(fd, ADD_KEY, argument, path);
  } finally {
    argument.fill(0);
  }
}

/**
 * Takes a key, and every file and name that was read with it, out of the kernel.
 * @returns false if files are still in use: the key is gone, what they hold is not. Can be called again.
 */
export function removeKey(fd: number, keyIdentifier: string, path: string): boolean {
  const argument = keySpec(keyIdentifier, REMOVE_KEY_BYTES);
  try {
    ioctl(fd, REMOVE_KEY_ALL_USERS, argument, path);
  } catch (error) {
    // Somebody else removed it already.
    if (error instanceof ErrnoError && error.code === 'ENOKEY') return true;
    throw error;
  }
  return (argument.readUInt32LE(REMOVE_STATUS_OFFSET) & REMOVED_BUT_FILES_BUSY) === 0;
}

/** What the file system that `fd` is on knows of a key. */
export function getKeyStatus(fd: number, keyIdentifier: string, path: string): KeyStatus {
  const argument = keySpec(keyIdentifier, KEY_STATUS_BYTES);
  ioctl(fd, GET_KEY_STATUS, argument, path);
  const status = argument.readUInt32LE(KEY_STATUS_OFFSET);
  if (status === 1) return 'absent';
  return status === 2 ? 'present' : 'partlyRemoved';
}

function keySpec(keyIdentifier: string, sizeBytes: number): Buffer {
  const argument = Buffer.alloc(sizeBytes);
  argument.writeUInt32LE(KEY_SPEC_IDENTIFIER, 0);
  argument.write(keyIdentifier, KEY_SPEC_IDENTIFIER_OFFSET, 'hex');
  return argument;
}

function policyBytes(keyIdentifier: string): Buffer {
  const policy = Buffer.alloc(POLICY_BYTES);
  policy.set([POLICY_VERSION, MODE_AES_256_XTS, MODE_AES_256_CTS, PAD_NAMES_TO_32]);
  policy.write(keyIdentifier, 8, 'hex');
  return policy;
}
