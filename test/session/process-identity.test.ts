// Which process is still there: one whose first thread has ended is, with all that it has open.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endProcess, identifyProcess, isRunning } from '../../src/session/host/process-identity.ts';

/** Its first thread ends, another one stays; 60 is exit(2), which ends a thread. */
const WITHOUT_LEADER = `
import ctypes, os, threading, time
def stay():
    while open(f"/proc/{os.getpid()}/stat").read().split(") ")[1][0] != "Z": time.sleep(0.01)
    print("alone", flush=True)
    time.sleep(1000)
threading.Thread(target=stay).start()
ctypes.CDLL(None).syscall(60, 0)
`;

describe('a process', () => {
  it('has not ended while another thread of it is left, and has when that is ended', async () => {
    const child = spawn('python3', ['-c', WITHOUT_LEADER], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    await once(child.stdout, 'data');
    const identity = identifyProcess(child.pid ?? 0);
    assert.ok(identity !== undefined && isRunning(identity));
    assert.equal(await endProcess(identity), true);
    assert.equal(isRunning(identity), false);
    await ended;
  });
});
