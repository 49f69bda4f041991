// Whether now is a time to copy: what is so on the computer that is home, judged. Pure: the facts are found elsewhere.

/** What is so on this computer. What cannot be found out is undefined, and hinders nothing. */
export interface Circumstances {
  /** The way to home costs by the byte: matters only where home is not on this computer. */
  readonly isMetered: boolean | undefined;
  /** Share of the battery that is left, from 0 to 1, if the computer runs on it now. */
  readonly batteryLeft: number | undefined;
  /** Other backups that run now, as people call them. */
  readonly otherBackups: readonly string[];
}

/** How much of it is borne. */
export interface Patience {
  readonly usesNetwork: boolean;
  /** From 0 to 1: below it nothing begins on battery. */
  readonly batteryLimit: number;
}

/** What is in the way now, in sentences; nothing if it can begin. */
export function obstaclesNow(
  { isMetered, batteryLeft, otherBackups }: Circumstances,
  { usesNetwork, batteryLimit }: Patience,
): string[] {
  const found: string[] = [];
  if (usesNetwork && isMetered === true) found.push('the network is metered');
  if (batteryLeft !== undefined && batteryLeft < batteryLimit) {
    const [left, limit] = [batteryLeft, batteryLimit].map((share) => Math.floor(share * 100));
    found.push(`the battery has ${left} %, less than ${limit} %`);
  }
  for (const name of otherBackups) found.push(`another backup runs: ${name}`);
  return found;
}
