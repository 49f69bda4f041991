// How much is done side by side: threads by medium, processors and memory; streams by both ends of a transfer.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { shareOut } from '../../src/core/share-out.ts';
import {
  fitStreams,
  fitWork,
  type HostFacts,
  type Medium,
  type MediumFacts,
  mediumOf,
  type TransferFacts,
} from '../../src/core/side-by-side.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const MEDIA: readonly Medium[] = ['remote', 'turns', 'solid', 'unknown'];

const facts = (some: Partial<MediumFacts>): MediumFacts => ({
  ...{ isRemote: false, isRotational: false, isRemovable: false, queueDepth: undefined },
  ...some,
});
const transfer = (some: Partial<TransferFacts>): TransferFacts => ({
  ...{ here: 'solid', home: 'solid', isDaemon: false, isLimited: false, sizeBytes: GIB, asked: undefined },
  ...some,
});
const host = (processors: number, availableMemory = 8 * GIB): HostFacts => ({ processors, availableMemory });

describe('a medium', () => {
  const cases: readonly [string, Partial<MediumFacts>, Medium][] = [
    ['a disk that spins', { isRotational: true, queueDepth: 32 }, 'turns'],
    ['a USB stick', { isRemovable: true, queueDepth: 1 }, 'turns'],
    ['a stick that claims to spin', { isRotational: true, isRemovable: true, queueDepth: 1 }, 'turns'],
    ['a card, of which nothing is known', { isRemovable: true }, 'turns'],
    ['an SSD', { queueDepth: 32 }, 'solid'],
    ['an SSD on USB that takes many requests', { isRemovable: true, queueDepth: 30 }, 'solid'],
    ['an NVMe drive', {}, 'solid'],
    ['a virtual drive', { isRotational: undefined }, 'unknown'],
    ['another computer, whatever its drive', { isRemote: true, isRotational: true }, 'remote'],
  ];
  for (const [what, some, medium] of cases)
    it(`is ${medium}: ${what}`, () => assert.equal(mediumOf(facts(some)), medium));
});

describe('the threads that work on a repository', () => {
  const cases: readonly [Medium, HostFacts, number, number, RegExp][] = [
    ['solid', host(1), 1, 4, /one processor/],
    ['solid', host(2), 2, 4, /2 processors/],
    ['solid', host(16), 4, 4, /would wait for the drive/],
    ['unknown', host(16), 4, 4, /would wait for the drive/],
    ['remote', host(3), 3, 4, /3 processors/],
    ['turns', host(1), 1, 1, /one processor/],
    ['turns', host(16), 2, 2, /one request after the other/],
    ['solid', host(4, 700 * MIB), 2, 4, /little memory/],
    ['turns', host(4, 100 * MIB), 1, 1, /little memory/],
  ];
  for (const [medium, computer, workers, lanes, reason] of cases) {
    const memory = `${Math.round(computer.availableMemory / MIB)} MiB`;
    it(`are ${workers} on ${medium} with ${computer.processors} processors and ${memory} free`, () => {
      const fit = fitWork(medium, computer);
      assert.deepEqual([fit.workers, fit.lanes], [workers, lanes]);
      // a head that moves between two stretches of a file is slower than one thread
      assert.equal(fit.stretches, medium === 'turns' ? 1 : workers);
      assert.match(fit.reason, reason);
    });
  }

  it('are one at least, never more than processors, and never fewer for more of anything', () => {
    const numbers = fc.record({
      medium: fc.constantFrom(...MEDIA),
      processors: fc.integer({ min: 1, max: 256 }),
      availableMemory: fc.integer({ min: 0, max: 64 * GIB }),
      more: fc.integer({ min: 0, max: 64 }),
    });
    fc.assert(
      fc.property(numbers, ({ medium, processors, availableMemory, more }) => {
        const { workers, lanes, reason } = fitWork(medium, { processors, availableMemory });
        assert.ok(workers >= 1 && workers <= processors && lanes >= workers && reason !== '');
        assert.ok(fitWork(medium, { processors: processors + more, availableMemory }).workers >= workers);
        assert.ok(
          fitWork(medium, { processors, availableMemory: availableMemory + more * GIB }).workers >= workers,
        );
        assert.ok(fitWork('turns', { processors, availableMemory }).workers <= workers);
      }),
    );
  });
});

describe('the streams of a transfer', () => {
  const cases: readonly [string, Partial<TransferFacts>, number, number, RegExp][] = [
    ['a stick to another computer', { here: 'turns', home: 'remote' }, 8, 1, /drive here/],
    ['an SSD to a disk that spins', { home: 'turns' }, 8, 1, /drive at home/],
    ['an SSD to an SSD, 2 processors', {}, 2, 1, /2 processors/],
    ['an SSD to an SSD, 8 processors', {}, 8, 4, /8 processors/],
    ['over the network, one processor', { home: 'remote' }, 1, 2, /network, one processor/],
    ['over the network, 3 processors', { home: 'remote' }, 3, 3, /network, 3 processors/],
    ['over the network, 64 processors', { home: 'remote' }, 64, 4, /network, 64 processors/],
    ['to an rsync daemon', { home: 'remote', isDaemon: true }, 8, 1, /daemon/],
    ['over the network, held back', { home: 'remote', isLimited: true }, 8, 1, /rate/],
    ['over the network, little', { home: 'remote', sizeBytes: 20 * MIB }, 8, 1, /little/],
    ['over the network, nothing', { home: 'remote', sizeBytes: 0 }, 8, 1, /little/],
    ['asked for 7, on a stick', { here: 'turns', home: 'remote', isLimited: true, asked: 7 }, 1, 7, /asked/],
  ];
  for (const [what, some, processors, streams, reason] of cases) {
    it(`are ${streams}: ${what}`, () => {
      const fit = fitStreams(transfer(some), host(processors));
      assert.equal(fit.streams, streams);
      assert.match(fit.reason, reason);
    });
  }

  it('are one at least and four at the most, and one wherever a drive takes turns', () => {
    const any = fc.record({
      here: fc.constantFrom(...MEDIA),
      home: fc.constantFrom(...MEDIA),
      isDaemon: fc.boolean(),
      isLimited: fc.boolean(),
      sizeBytes: fc.integer({ min: 0, max: 2 ** 45 }),
      asked: fc.constant(undefined),
    });
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 256 }), (some, processors) => {
        const { streams, reason } = fitStreams(some, host(processors));
        assert.ok(streams >= 1 && streams <= 4 && reason !== '');
        const isAlone = some.here === 'turns' || some.home === 'turns' || some.isLimited || some.isDaemon;
        if (isAlone) assert.equal(streams, 1);
      }),
    );
  });
});

describe('objects shared out to streams', () => {
  const anySizes = fc.dictionary(
    fc
      .tuple(fc.constantFrom('packs/00/', 'packs/7f/', 'packs/ff/', 'segments/', ''), fc.nat({ max: 500 }))
      .map(([folder, n]) => `${folder}${n}`),
    fc.nat({ max: 20_000_000 }),
  );

  it('are each in one share, in their order, a folder together, and no share is empty', () => {
    fc.assert(
      fc.property(anySizes, fc.integer({ min: 1, max: 8 }), (dictionary, count) => {
        const sizes = new Map(Object.entries(dictionary));
        const shares = shareOut(sizes, count);
        assert.ok(shares.length <= count);
        assert.deepEqual(shares.flatMap(({ objects }) => objects).sort(), [...sizes.keys()].sort());
        const order = [...sizes.keys()];
        const owners = new Map<string, number>();
        for (const [index, { objects, sizeBytes }] of shares.entries()) {
          assert.ok(objects.length > 0);
          assert.equal(
            sizeBytes,
            objects.reduce((sum, object) => sum + (sizes.get(object) ?? 0), 0),
          );
          const places = objects.map((object) => order.indexOf(object));
          assert.deepEqual(
            places,
            [...places].sort((a, b) => a - b),
          );
          for (const object of objects) {
            const folder = object.slice(0, object.lastIndexOf('/') + 1);
            assert.equal(owners.get(folder) ?? index, index);
            owners.set(folder, index);
          }
        }
      }),
    );
  });

  it('are about as many bytes for each, where there are many folders', () => {
    const sizes = new Map(
      Array.from({ length: 256 }, (_, i) => [`packs/${i.toString(16).padStart(2, '0')}/a`, 5_000_000 + i]),
    );
    const bytes = shareOut(sizes, 3).map(({ sizeBytes }) => sizeBytes);
    assert.equal(bytes.length, 3);
    assert.ok(Math.max(...bytes) - Math.min(...bytes) < 6_000_000, String(bytes));
  });
});
