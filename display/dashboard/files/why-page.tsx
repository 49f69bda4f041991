// Why a file is here: each content that it has had, which checkpoint brought it, which hold it, and where those lie.
import type { JSX } from 'preact';
import type { PageStreams, PodOverview } from '../../../src/session/dashboard/contract.ts';
import { bytesOf, encodePath, nameOf, reportOf, shownPath } from '../byte-path.ts';
import { agoText, countOf, momentText, sizeText } from '../figures.ts';
import { fileUrl, read } from '../link/api.ts';
import { now } from '../link/store.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { useLoaded } from '../parts/loaded.ts';
import { hrefOf } from '../route.ts';
import { REASON_TEXTS } from '../timeline/checkpoint-words.ts';
import { Breadcrumb } from './breadcrumb.tsx';

type Explanation = PageStreams['why']['answer'];
type Version = Explanation['versions'][number];

interface WhyPageProps {
  readonly pod: PodOverview;
  /** The checkpoint that one came from. */
  readonly checkpoint: number;
  readonly path: Uint8Array;
}

/** All checkpoints are looked through, which takes a moment. */
export function WhyPage({ pod, checkpoint, path }: WhyPageProps): JSX.Element {
  const name = shownPath(nameOf(path));
  const { value, failure } = useLoaded<Explanation>(
    (signal) => read(pod.id, 'why', { at: reportOf(path) }, () => undefined, signal),
    `${pod.id}/${encodePath(path)}/${pod.access === 'locked'}`,
  );
  return (
    <>
      <div class="part-head">
        <h2 tabIndex={-1} title={name}>
          Why <bdi>{name}</bdi> is here
        </h2>
        <p class="faint" role="status">
          {value === undefined
            ? failure === undefined
              ? 'Looking through all checkpoints…'
              : ''
            : `${countOf(value.versions.length, 'content')} over time.`}
        </p>
      </div>
      <Breadcrumb pod={pod.id} checkpoint={checkpoint} path={path} />
      {failure === undefined ? null : <FailureNote failure={failure} />}
      {value === undefined ? null : (
        <>
          <ol class="versions">
            {value.versions.toReversed().map((version) => (
              <VersionItem key={version.origin.number} pod={pod.id} version={version} />
            ))}
          </ol>
          {value.lastForget === undefined ? null : (
            <p class="faint">
              Checkpoints were last forgotten {agoText(value.lastForget.atMs, now.value)}, by the policy “
              {value.lastForget.policy}”: what was only in those is gone.
            </p>
          )}
        </>
      )}
    </>
  );
}

function VersionItem({ pod, version }: { readonly pod: string; readonly version: Version }): JSX.Element {
  const { entry, origin, holders } = version;
  const newest = holders.at(-1) ?? origin;
  const path = bytesOf(entry);
  const homes = [...new Set(holders.flatMap((holder) => holder.homes.map(({ url }) => url)))];
  const modifiedMs = Number(BigInt(entry.mtimeNs) / 1_000_000n);
  return (
    <li class="card">
      <h3>
        {entry.sizeBytes === undefined ? entry.kind : sizeText(entry.sizeBytes)}{' '}
        <span class="faint">changed {momentText(modifiedMs)}</span>
      </h3>
      <dl class="facts">
        <dt>Came with</dt>
        <dd>
          <a href={hrefOf({ page: 'timeline', pod, checkpoint: origin.number })}>
            checkpoint {origin.number}
          </a>{' '}
          <span class="faint">
            {momentText(origin.atMs)}, {REASON_TEXTS[origin.reason]}, on device {origin.deviceId.slice(0, 8)}
          </span>
        </dd>
        <dt>Held by</dt>
        <dd>
          {countOf(holders.length, 'checkpoint')}
          <span class="faint">
            {newest.number === origin.number
              ? ''
              : `, the newest is ${newest.number} of ${momentText(newest.atMs)}`}
          </span>
        </dd>
        <dt>It lies</dt>
        {homes.length === 0 ? <dd>only here</dd> : null}
        {homes.map((url) => (
          <dd key={url}>
            here and at <bdi>{url}</bdi>
          </dd>
        ))}
        {newest.arrivals.map((arrival) => (
          <dd key={arrival.seq} class="faint">
            brought from <bdi>{arrival.url}</bdi> by a restore, {momentText(arrival.atMs)}
          </dd>
        ))}
      </dl>
      <div class="actions">
        {entry.kind === 'file' ? (
          <a class="button" href={fileUrl(pod, newest.number, reportOf(path))} download>
            Download
          </a>
        ) : null}
      </div>
    </li>
  );
}
