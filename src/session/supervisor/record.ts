// What a supervisor says when nobody is there to be told: its standard error, which is a file on the host.

let subject = '';

/** Names the device that this process speaks of from now on. */
export function recordAbout(devicePath: string): void {
  subject = devicePath;
}

/** Writes one failure, with the time and the device. */
export function tell(what: string, error: unknown): void {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${new Date().toISOString()} ${subject}: ${what}: ${trace}\n`);
}
