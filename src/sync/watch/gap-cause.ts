// Why a watch may have missed something, so that only a scan of everything can tell what has changed.

/**
 * `start`: the watch has only begun. `overflow`: more happened at once than the kernel's queue holds. `limit`: the user
 * may have no more watches. `unwatched`: a folder could not be watched. `error`: the watch failed. `clock`: the machine
 * was suspended, or its clock was set. `mounts`: something was mounted or unmounted in the tree. `replaced`: the folder is
 * not the one that was watched. `file-system`: it changes without telling this kernel. `links`: a file has further names,
 * and nobody knows which. `many`: more has changed than is worth remembering. `mismatch`: what was found contradicts what
 * was known. `missed`: a scan found a change that no event had told of.
 */
export type GapCause =
  | 'start'
  | 'overflow'
  | 'limit'
  | 'unwatched'
  | 'error'
  | 'clock'
  | 'mounts'
  | 'replaced'
  | 'file-system'
  | 'links'
  | 'many'
  | 'mismatch'
  | 'missed';
