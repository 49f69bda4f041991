// Addresses of the app, and the paths in them: names need not be UTF-8.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bytesOf,
  decodePath,
  encodePath,
  nameOf,
  parentOf,
  partsOf,
  reportOf,
  shownPath,
  TOP,
} from '../../display/dashboard/byte-path.ts';
import { ALL_EVENTS, hrefOf, type Route, routeOf } from '../../display/dashboard/route.ts';
import { parsePath, reportPath } from '../../src/sync/browse/browse-path.ts';

const POD = '0123456789abcdef';
const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .filter((bytes) => !bytes.includes(0x2f) && !bytes.includes(0));
const path = fc
  .array(name, { minLength: 1, maxLength: 5 })
  .map(
    (names) =>
      new Uint8Array(
        Buffer.concat(names.flatMap((each, index) => (index === 0 ? [each] : [Buffer.from('/'), each]))),
      ),
  );

describe('addresses of the dashboard', () => {
  it('lead back to what they were made of, for every page', () => {
    const filter = { words: 'a & b? #1/2 %', topic: 'home', isWarning: true, day: '2026-11-29' } as const;
    const routes: Route[] = [
      { page: 'overview' },
      { page: 'timeline', pod: POD },
      { page: 'timeline', pod: POD, checkpoint: 12 },
      { page: 'compare', pod: POD, before: 3, after: 12 },
      { page: 'charts', pod: POD },
      { page: 'events', pod: POD, filter: ALL_EVENTS },
      { page: 'events', pod: POD, filter },
      { page: 'files', pod: POD, checkpoint: 4, path: TOP },
    ];
    for (const route of routes) assert.deepEqual(routeOf(hrefOf(route)), route);
  });

  it('keep every byte of a path, also through a browser that writes it its own way', () => {
    fc.assert(
      fc.property(path, (bytes) => {
        const route = { page: 'files', pod: POD, checkpoint: 7, path: bytes } as const;
        assert.deepEqual(routeOf(hrefOf(route)), route);
        const url = new URL('http://127.0.0.1/');
        url.hash = hrefOf(route);
        assert.deepEqual(routeOf(url.hash), route);
        assert.deepEqual(decodePath(encodePath(bytes)), bytes);
      }),
    );
    const typed = routeOf(`#/pod/${POD}/files/7/Bücher/100% done`);
    assert.ok(typed.page === 'files');
    assert.equal(Buffer.from(typed.path).toString(), 'Bücher/100% done');
  });

  it('take what means nothing for what it is', () => {
    for (const hash of [
      ...['#/pod/', `#/pod/${POD}/nonsense`, `#/pod/${POD}/checkpoint/x`, `#/pod/${POD}/compare/1`, '#/else'],
      ...[`#/pod/${POD}/files/0/a`, '#/pod/../../etc', `#/pod/${POD}/checkpoint/99999999999999999999`],
    ])
      assert.equal(routeOf(hash).page, 'unknown', hash);
    for (const hash of ['', '#', '#/']) assert.equal(routeOf(hash).page, 'overview');
    const events = routeOf(`#/pod/${POD}/events?topic=rubbish`);
    assert.ok(events.page === 'events');
    assert.deepEqual(events.filter, ALL_EVENTS);
  });

  it('ask for paths in the way that checkpoints are read', () => {
    fc.assert(
      fc.property(path, (bytes) => {
        assert.deepEqual(new Uint8Array(Buffer.from(bytesOf(reportPath(bytes)))), bytes);
        fc.pre(!partsOf(bytes).some((part) => ['.', '..'].includes(Buffer.from(part).toString())));
        assert.deepEqual(new Uint8Array(parsePath(reportOf(bytes))), bytes);
      }),
    );
  });

  it('know the folders on the way, byte by byte', () => {
    const bytes = new Uint8Array(Buffer.from('home/caf\xe9/x.txt', 'latin1'));
    assert.deepEqual(partsOf(bytes).map(shownPath), ['home', 'caf\\xe9', 'x.txt']);
    assert.equal(shownPath(parentOf(bytes, 2)), 'home/caf\\xe9');
    assert.equal(shownPath(nameOf(bytes)), 'x.txt');
    assert.deepEqual(parentOf(bytes, 0), TOP);
    assert.equal(shownPath(Buffer.from('Bücher')), 'Bücher');
    assert.equal(shownPath(Buffer.from('a\n\u202eb')), 'a\\x0a\\xe2\\x80\\xaeb');
  });
});
