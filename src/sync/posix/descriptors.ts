// Descriptors that no child may inherit: a program in a session must not find one of the host's.
import { readdirSync } from 'node:fs';
import { declareFunction } from './libc.ts';

const fcntl = declareFunction('int fcntl(int fd, int command, ...)');
const GET_FLAGS = 1;
const SET_FLAGS = 2;
const CLOSE_ON_EXEC = 1;
const FIRST_AFTER_STDIO = 3;

/**
 * Marks every descriptor of this process but the standard ones to be closed in programs that it starts. Node opens its
 * own that way; libraries in it need not: LevelDB keeps its log file open for whoever is started.
 */
export function closeDescriptorsOnExec(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd < FIRST_AFTER_STDIO) continue;
    // The descriptor of this very listing is gone by now; fcntl says EBADF, and nothing is to be done.
    const flags = fcntl(fd, GET_FLAGS, 'int', 0) as number;
    if (flags >= 0 && (flags & CLOSE_ON_EXEC) === 0) fcntl(fd, SET_FLAGS, 'int', flags | CLOSE_ON_EXEC);
  }
}
