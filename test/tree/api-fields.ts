// The fields of all operations, as a table that compiles only while it is complete: types are gone when tests run.
import type { Operations } from '../../src/session/operation/operations.ts';
import type { StreamOperations } from '../../src/session/operation/stream-operations.ts';

/** When a field is there. */
const ALWAYS = 'always';
export const MAYBE = 'maybe';

/** Each field of a type, and whether it may be absent; of a union, each field that one of its types has. */
type FieldsOf<T> = {
  readonly [K in KeysOf<T>]-?: T extends { readonly [Key in K]: unknown } ? typeof ALWAYS : typeof MAYBE;
};
type KeysOf<T> = T extends unknown ? keyof T : never;
type Documented<Table extends Record<keyof Table, { parameters: unknown; answer: unknown }>> = {
  readonly [Name in keyof Table]: readonly [
    FieldsOf<Table[Name]['parameters']>,
    FieldsOf<Table[Name]['answer']>,
  ];
};

/** What a checkpoint and a suspend answer. */
const CHECKPOINT_REPORT = {
  number: ALWAYS,
  fileCount: ALWAYS,
  fileBytes: ALWAYS,
  imageBytes: ALWAYS,
  storedBytes: ALWAYS,
  deviceBytes: MAYBE,
  pauseMs: ALWAYS,
  suspendMs: ALWAYS,
  durableMs: ALWAYS,
  changedWhileRead: ALWAYS,
  notCrossed: ALWAYS,
  noPicture: MAYBE,
  warnings: ALWAYS,
  doubt: MAYBE,
} as const;

/** What a change of keys answers. */
const KEY_CHANGE = {
  generation: ALWAYS,
  added: ALWAYS,
  removed: ALWAYS,
  slots: ALWAYS,
  homesBehind: ALWAYS,
  warnings: ALWAYS,
} as const;

/** Compiles only while these are all operations, with all their parameters and all fields of their answers. */
export const OPERATIONS: Documented<Operations> = {
  status: [
    {},
    {
      podId: ALWAYS,
      name: ALWAYS,
      kind: ALWAYS,
      isTwin: ALWAYS,
      deviceId: ALWAYS,
      epoch: ALWAYS,
      vault: ALWAYS,
      seq: ALWAYS,
      session: ALWAYS,
      rootPid: ALWAYS,
      tier: ALWAYS,
      limits: ALWAYS,
      suspend: ALWAYS,
      viewers: ALWAYS,
      base: ALWAYS,
      packages: ALWAYS,
      lastCheckpoint: ALWAYS,
      checkpointCount: ALWAYS,
      doubt: ALWAYS,
      notCrossed: ALWAYS,
      work: MAYBE,
      homes: ALWAYS,
      scheduling: ALWAYS,
      moved: ALWAYS,
      verifications: ALWAYS,
      provenRestore: ALWAYS,
      awaited: ALWAYS,
    },
  ],
  log: [
    { since: ALWAYS, until: MAYBE },
    { events: ALWAYS, seq: ALWAYS },
  ],
  timeline: [{ kept: MAYBE }, { podId: ALWAYS, homes: ALWAYS, checkpoints: ALWAYS }],
  checkpoints: [{ policy: MAYBE }, { place: ALWAYS, checkpoints: ALWAYS, doubted: ALWAYS, kept: MAYBE }],
  checkpoint: [{ acceptsChanges: MAYBE, isForDock: MAYBE }, CHECKPOINT_REPORT],
  suspend: [{}, CHECKPOINT_REPORT],
  stop: [{}, {}],
  limit: [{ limits: ALWAYS }, {}],
  install: [{ packages: ALWAYS }, { packages: ALWAYS, warnings: ALWAYS }],
  view: [{}, { url: ALWAYS }],
  screenshot: [{}, { pngBase64: ALWAYS }],
  'home-add': [
    { url: ALWAYS, homePassword: MAYBE, twin: MAYBE },
    { url: ALWAYS, warnings: ALWAYS },
  ],
  'home-list': [{}, { homes: ALWAYS }],
  'home-allow': [{ credential: ALWAYS, url: ALWAYS, recipient: ALWAYS, mayRead: ALWAYS }, KEY_CHANGE],
  'home-lease': [
    { url: ALWAYS, leaseMs: MAYBE },
    { url: ALWAYS, leaseMs: MAYBE },
  ],
  'home-remove': [{ url: ALWAYS }, { url: ALWAYS, warnings: ALWAYS }],
  sync: [
    { url: MAYBE, homePassword: MAYBE, bytesPerSecond: MAYBE, streams: MAYBE },
    { homes: ALWAYS, warnings: MAYBE },
  ],
  branches: [{}, { homes: ALWAYS }],
  fork: [{}, { deviceId: ALWAYS }],
  promote: [
    { url: MAYBE, homePassword: MAYBE },
    { deviceId: ALWAYS, epoch: ALWAYS, promotedAt: ALWAYS, homes: ALWAYS },
  ],
  verify: [
    { depth: ALWAYS, share: MAYBE, forMs: MAYBE, home: MAYBE, isHealing: ALWAYS, isGivingUp: ALWAYS },
    {
      place: ALWAYS,
      depth: ALWAYS,
      isWhole: ALWAYS,
      objectCount: ALWAYS,
      readCount: ALWAYS,
      readBytes: ALWAYS,
      damage: ALWAYS,
      faults: ALWAYS,
      healedFaults: ALWAYS,
      correctedPacks: ALWAYS,
      lost: ALWAYS,
      failures: ALWAYS,
      durationMs: ALWAYS,
      unrecorded: MAYBE,
      runtime: MAYBE,
      warnings: MAYBE,
    },
  ],
  'runtime-check': [{}, { standing: ALWAYS, sizeBytes: ALWAYS, altered: ALWAYS, isThisHosts: ALWAYS }],
  'runtime-put': [{}, { standing: ALWAYS, sizeBytes: ALWAYS, altered: ALWAYS, isThisHosts: ALWAYS }],
  'runtime-remove': [{}, { standing: ALWAYS, sizeBytes: ALWAYS, altered: ALWAYS, isThisHosts: ALWAYS }],
  prune: [
    { policy: ALWAYS, maxUnused: ALWAYS, isDryRun: ALWAYS },
    {
      isDryRun: ALWAYS,
      policy: ALWAYS,
      checkpoints: ALWAYS,
      forgotten: ALWAYS,
      droppedPacks: ALWAYS,
      repackedPacks: ALWAYS,
      addedPacks: ALWAYS,
      freedBytes: ALWAYS,
      leftUnusedBytes: ALWAYS,
      damagedPacks: ALWAYS,
      stoppedFor: MAYBE,
    },
  ],
  'schedule-list': [{}, { isKept: ALWAYS, schedules: ALWAYS, failure: ALWAYS, reserve: ALWAYS }],
  'schedule-add': [
    { words: ALWAYS, jitterMs: MAYBE },
    { number: ALWAYS, words: ALWAYS },
  ],
  'schedule-remove': [{ number: ALWAYS }, { number: ALWAYS }],
  reserve: [{ reserveBytes: MAYBE }, { reserve: ALWAYS }],
  'key-list': [{}, { generation: ALWAYS, slots: ALWAYS }],
  'key-add': [{ credential: ALWAYS, passphrase: ALWAYS, label: MAYBE }, KEY_CHANGE],
  'key-change': [{ credential: ALWAYS, passphrase: ALWAYS, label: MAYBE, slot: MAYBE }, KEY_CHANGE],
  'key-recovery': [
    { credential: ALWAYS, label: MAYBE, isReplacing: ALWAYS },
    {
      generation: ALWAYS,
      added: ALWAYS,
      removed: ALWAYS,
      slots: ALWAYS,
      homesBehind: ALWAYS,
      warnings: ALWAYS,
      recoveryKey: ALWAYS,
      podId: ALWAYS,
      podName: ALWAYS,
      homes: ALWAYS,
    },
  ],
  'key-prove': [{ credential: ALWAYS }, { podName: ALWAYS, passkeys: ALWAYS }],
  'key-passkey': [{ credential: ALWAYS, passkey: ALWAYS }, KEY_CHANGE],
  'key-remove': [{ credential: ALWAYS, slot: ALWAYS, isConfirmed: ALWAYS }, KEY_CHANGE],
};

export const STREAMS: Documented<StreamOperations> = {
  ls: [
    { checkpoint: ALWAYS, at: ALWAYS, isRecursive: ALWAYS },
    { checkpoint: ALWAYS, entryCount: ALWAYS },
  ],
  cat: [
    { checkpoint: ALWAYS, at: ALWAYS },
    {
      path: ALWAYS,
      pathBase64: MAYBE,
      kind: ALWAYS,
      mode: ALWAYS,
      uid: ALWAYS,
      gid: ALWAYS,
      mtimeNs: ALWAYS,
      sizeBytes: MAYBE,
      target: MAYBE,
      targetBase64: MAYBE,
      rdev: MAYBE,
      hardlinkGroup: MAYBE,
      isSparse: MAYBE,
      xattrs: MAYBE,
    },
  ],
  find: [
    { pattern: ALWAYS, checkpoint: ALWAYS },
    { pathCount: ALWAYS, checkpoints: ALWAYS },
  ],
  diff: [
    { before: ALWAYS, after: ALWAYS, at: ALWAYS },
    {
      before: ALWAYS,
      after: ALWAYS,
      added: ALWAYS,
      removed: ALWAYS,
      retyped: ALWAYS,
      contentChanged: ALWAYS,
      metadataChanged: ALWAYS,
      newBytes: ALWAYS,
      formerBytes: ALWAYS,
      isImagesChanged: MAYBE,
      isBaseChanged: ALWAYS,
    },
  ],
  why: [
    { at: ALWAYS },
    {
      path: ALWAYS,
      pathBase64: MAYBE,
      deviceId: ALWAYS,
      epoch: ALWAYS,
      place: ALWAYS,
      lastForget: MAYBE,
      verifications: ALWAYS,
      versions: ALWAYS,
    },
  ],
  picture: [{ number: ALWAYS }, { number: ALWAYS, pngBase64: ALWAYS, width: ALWAYS, height: ALWAYS }],
  'restore-paths': [
    {
      checkpoint: ALWAYS,
      into: ALWAYS,
      includes: ALWAYS,
      excludes: ALWAYS,
      mayOverwrite: ALWAYS,
      isDryRun: ALWAYS,
      isVerified: ALWAYS,
    },
    {
      checkpoint: ALWAYS,
      isDryRun: ALWAYS,
      files: ALWAYS,
      entries: ALWAYS,
      bytes: ALWAYS,
      writtenBytes: ALWAYS,
      verdicts: ALWAYS,
      blocked: ALWAYS,
      verifiedFiles: MAYBE,
      fetched: MAYBE,
      notRestored: ALWAYS,
    },
  ],
};
