// The programs that run sessions: where they are on this host.

/** Paths or names of the programs that a session needs. */
export interface Programs {
  /** CRIU 4.2 or newer. */
  readonly criu: string;
  /** runc 1.3.6 or newer. */
  readonly runc: string;
  readonly pasta: string;
}

/** The programs of a runtime folder, with the system's own pasta. */
export function programsIn(runtimeDir = '/var/lib/deskpod/runtime'): Programs {
  return { criu: `${runtimeDir}/bin/criu`, runc: `${runtimeDir}/bin/runc`, pasta: 'pasta' };
}
