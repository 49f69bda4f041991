// What a log says of a pod's homes. Events are forever: a changed shape gets a new `v`, an old one is never edited.

export interface HomeAdded {
  readonly type: 'home.added';
  readonly v: 1;
  readonly url: string;
}

export interface HomeRemoved {
  readonly type: 'home.removed';
  readonly v: 1;
  readonly url: string;
}

/** Home has everything up to `seq`, and its head says so. */
export interface HomeAcknowledged {
  readonly type: 'home.acknowledged';
  readonly v: 1;
  readonly url: string;
  readonly seq: number;
  /** SHA-256 of the record `seq`, hexadecimal. */
  readonly recordHash: string;
  readonly sentBytes: number;
}

/** Home's head was found at an earlier position than home had acknowledged; it is brought up to date again. */
export interface HomeReverted {
  readonly type: 'home.reverted';
  readonly v: 1;
  readonly url: string;
  /** Where home's head stood; 0 if it was gone. */
  readonly seq: number;
  /** What home had acknowledged. */
  readonly acknowledgedSeq: number;
}

/** Home goes on with another history of this pod. From now on it keeps this device's beside that, as a branch. */
export interface HomeBranched {
  readonly type: 'home.branched';
  readonly v: 1;
  readonly url: string;
  /** This device, which the branch is named by. */
  readonly deviceId: string;
  /** Last position that both histories have. */
  readonly forkSeq: number;
}

/** A home took over by itself what lay sealed on the device, up to `seq`, while the pod was not open. */
export interface HomeDocked {
  readonly type: 'home.docked';
  readonly v: 1;
  readonly url: string;
  readonly seq: number;
  /** SHA-256 of the record `seq`, hexadecimal. */
  readonly recordHash: string;
  /** When, by home's clock. */
  readonly dockedAtMs: number;
  readonly sentBytes: number;
}

/** A twin carries this runtime from now on, in its plain part. */
export interface HomeEquipped {
  readonly type: 'home.equipped';
  readonly v: 1;
  readonly url: string;
  /** Of the twin, as its marker says: by this it knows what it carries, wherever it lies when it is started. */
  readonly deviceId: string;
  readonly sha256: string;
  readonly entrySha256: string;
  readonly sizeBytes: number;
}

/** A twin carries no runtime any more. */
export interface HomeStripped {
  readonly type: 'home.stripped';
  readonly v: 1;
  readonly url: string;
}

/**
 * A twin is started without a question once it was not synced to for so long, and until then only the device that it
 * follows is used; without `leaseMs` it always asks. Each sync begins the time anew by another such event.
 */
export interface HomeLeased {
  readonly type: 'home.leased';
  readonly v: 1;
  readonly url: string;
  readonly leaseMs?: number;
  /** Of the twin that is told so, as its marker says: others that come to lie at the same place were told something else. */
  readonly deviceId?: string;
}

/** An event that is about one home. */
export type HomeEvent =
  | HomeAdded
  | HomeRemoved
  | HomeAcknowledged
  | HomeReverted
  | HomeBranched
  | HomeDocked
  | HomeEquipped
  | HomeStripped
  | HomeLeased;
