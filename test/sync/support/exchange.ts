// Two names of one file system exchanged in one step, as programs replace a folder: what Node leaves out.
import { cPath, declareFunction, ErrnoError, lastErrno } from '../../../src/sync/posix/libc.ts';

const renameat2 = declareFunction(
  'int renameat2(int fromFolder, const uint8_t *from, int toFolder, const uint8_t *to, unsigned int flags)',
);
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/** What has one of the names has the other afterwards. @throws ErrnoError */
export function exchange(one: string, other: string): void {
  if (renameat2(AT_FDCWD, cPath(one), AT_FDCWD, cPath(other), RENAME_EXCHANGE) < 0)
    throw new ErrnoError('renameat2', lastErrno(), one);
}
