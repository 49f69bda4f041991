// What a session reads of its processor: nothing that it is not to use, and as many as it has the time of.
import assert from 'node:assert/strict';
import { sessionProcessor } from '../../src/session/barrier/session-processor.ts';

const BLOCK = (number: number) =>
  `processor\t: ${number}\nvendor_id\t: GenuineIntel\nflags\t\t: fpu sse4_2 avx2 avx512f\nbogomips\t: 1\n`;
const HOST = [0, 1, 4].map((number) => `${BLOCK(number)}\n`).join('');

describe('the processor that a session is told of', () => {
  it('has no feature that a session is not to use', () => {
    assert.match(sessionProcessor(HOST, 'x86_64', {}).cpuinfo, /: fpu sse4_2 avx2\n/);
    const { cpuinfo } = sessionProcessor(HOST, 'x86_64', { level: 'x86-64-v2' });
    assert.match(cpuinfo, /: fpu sse4_2\n/);
    assert.doesNotMatch(cpuinfo, /avx/);
    assert.match(cpuinfo, /^vendor_id\t: GenuineIntel$/m);
  });

  it('is there as often as it is on the host, or as the session has the time of it, and once at least', () => {
    const numbers = ({ cpuinfo }: { cpuinfo: string }) =>
      [...cpuinfo.matchAll(/^processor\t: (\d+)$/gm)].map(([, number]) => Number(number));
    const all = sessionProcessor(HOST, 'x86_64', {});
    assert.deepEqual([numbers(all), all.online], [[0, 1, 2], '0-2\n']);
    const some = sessionProcessor(HOST, 'x86_64', { count: 1.5 });
    assert.deepEqual([numbers(some), some.online], [[0, 1], '0-1\n']);
    const one = sessionProcessor(HOST, 'x86_64', { count: 0.5 });
    assert.deepEqual([numbers(one), one.online], [[0], '0\n']);
    assert.equal(sessionProcessor(HOST, 'x86_64', { count: 9 }).online, '0-2\n');
  });
});
