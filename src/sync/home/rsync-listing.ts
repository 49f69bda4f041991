// What rsync lists.

/** Options for a listing that {@link readListing} can read. */
export const LIST_OPTIONS = ['--list-only', '--no-human-readable'] as const;

/** One entry of a listing. */
export interface Listed {
  /** `-` for a file, `d` for a folder. */
  readonly kind: string;
  readonly sizeBytes: number;
  /** The path below the folder that was listed. */
  readonly name: string;
}

/** The entries that rsync printed, of all kinds. */
export function readListing(listing: string): Listed[] {
  return [...listing.matchAll(/^(?<kind>\S)\S+ +(?<sizeBytes>\d{1,15}) +\S+ \S+ (?<name>.+)$/gm)].map(
    ({ groups }) => ({
      kind: groups?.kind ?? '',
      sizeBytes: Number(groups?.sizeBytes),
      name: groups?.name ?? '',
    }),
  );
}
