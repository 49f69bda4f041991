// One checkpoint: what it is, what changed since the one before, where it lies, and what can be done with it.
import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type {
  Difference,
  PodOverview,
  Timeline,
  TimelineCheckpoint,
} from '../../../src/session/dashboard/contract.ts';
import { TOP } from '../byte-path.ts';
import { agoText, countOf, durationText, momentText, sizeText } from '../figures.ts';
import { get } from '../link/api.ts';
import { now } from '../link/store.ts';
import { choicesOf } from '../overview/pod-words.ts';
import { Icon } from '../parts/icons.tsx';
import { useLoaded } from '../parts/loaded.ts';
import { hrefOf } from '../route.ts';
import { homesOf, REASON_TEXTS, WHERE_TEXTS, whereaboutsOf } from './checkpoint-words.ts';
import { Picture } from './picture.tsx';
import { ResumeDialog } from './resume-dialog.tsx';

interface CheckpointDetailsProps {
  readonly pod: PodOverview;
  readonly timeline: Timeline;
  readonly checkpoint: TimelineCheckpoint;
  /** The one before it. */
  readonly former: TimelineCheckpoint | undefined;
  readonly isPicking: boolean;
  readonly onPick: () => void;
}

/** Beside the timeline, or below it where there is no room. */
export function CheckpointDetails(props: CheckpointDetailsProps): JSX.Element {
  const { pod, timeline, checkpoint, former, isPicking, onPick } = props;
  const titleId = useId();
  const [isResuming, setResuming] = useState(false);
  const { number, atMs, reason, isHere, hasSession, isDoubted } = checkpoint;
  const canResume = isHere && hasSession && !pod.isTwin && pod.kind === 'desktop' && pod.access !== 'away';
  const canCompare = isHere && former?.isHere === true;
  return (
    <aside class="details" aria-labelledby={titleId}>
      <header class="details-head">
        <h2 id={titleId}>Checkpoint {number}</h2>
        <a class="button" href={hrefOf({ page: 'timeline', pod: pod.id })}>
          Close
        </a>
      </header>
      {hasSession ? (
        <Picture pod={pod.id} checkpoint={number} alt={`The desktop at checkpoint ${number}`} />
      ) : null}
      {isDoubted ? (
        <p class="note">
          <Icon name="attention" class="mark mark-attention" />
          <span class="note-text">It looks like a loss, and nobody has said yet that it is right.</span>
        </p>
      ) : null}
      <dl class="facts">
        <dt>Made</dt>
        <dd>
          {momentText(atMs)}{' '}
          <span class="faint">
            {agoText(atMs, now.value)}, {REASON_TEXTS[reason]}
          </span>
        </dd>
        <Sizes checkpoint={checkpoint} />
        {canCompare ? <Changes pod={pod.id} before={former.number} after={number} /> : null}
        <Where timeline={timeline} checkpoint={checkpoint} />
      </dl>
      <div class="actions">
        {isHere ? (
          <a
            class="button primary"
            href={hrefOf({ page: 'files', pod: pod.id, checkpoint: number, path: TOP })}
          >
            Browse its files
          </a>
        ) : null}
        {canCompare ? (
          <a
            class="button"
            href={hrefOf({ page: 'compare', pod: pod.id, before: former.number, after: number })}
          >
            Compare with {former.number}
          </a>
        ) : null}
        {isHere && timeline.checkpoints.length > 1 ? (
          <button type="button" onClick={onPick} aria-pressed={isPicking}>
            Compare with another…
          </button>
        ) : null}
        {canResume ? (
          <button
            type="button"
            onClick={() => setResuming(true)}
            disabled={!choicesOf(pod).canView && !choicesOf(pod).canStart}
          >
            Resume this one…
          </button>
        ) : null}
      </div>
      {isResuming ? (
        <ResumeDialog pod={pod} checkpoint={checkpoint} onClose={() => setResuming(false)} />
      ) : null}
    </aside>
  );
}

function Sizes({ checkpoint }: { readonly checkpoint: TimelineCheckpoint }): JSX.Element {
  const { hasSession, fileCount, fileBytes, imageBytes, storedBytes, pauseMs } = checkpoint;
  return (
    <>
      <dt>Change</dt>
      <dd>{sizeText(storedBytes)} stored</dd>
      <dt>Files</dt>
      <dd>
        {countOf(fileCount, 'file')}, {sizeText(fileBytes)}
      </dd>
      {hasSession ? (
        <>
          <dt>Session</dt>
          <dd>
            {sizeText(imageBytes)}
            <span class="faint">{pauseMs > 0 ? `, stood still for ${durationText(pauseMs)}` : ''}</span>
          </dd>
        </>
      ) : null}
    </>
  );
}

interface ChangesProps {
  readonly pod: string;
  readonly before: number;
  readonly after: number;
}

function Changes({ pod, before, after }: ChangesProps): JSX.Element {
  const path = `pods/${pod}/changes?before=${before}&after=${after}`;
  const { value, failure } = useLoaded<Difference>((signal) => get(path, { signal }), path);
  const text = failure?.message ?? (value === undefined ? 'counting…' : changesText(value));
  return (
    <>
      <dt>Since {before}</dt>
      <dd>{text}</dd>
    </>
  );
}

/** `files: 12 new, 3 gone, 40 changed`. */
export function changesText(difference: Difference): string {
  const { added, removed, retyped, contentChanged, metadataChanged } = difference;
  const parts = [
    ...(added > 0 ? [`${added} new`] : []),
    ...(removed > 0 ? [`${removed} gone`] : []),
    ...(contentChanged + retyped > 0 ? [`${contentChanged + retyped} changed`] : []),
    ...(metadataChanged > 0 ? [`${metadataChanged} only in owner, mode or time`] : []),
  ];
  return parts.length === 0 ? 'no file changed' : `files: ${parts.join(', ')}`;
}

function Where({
  timeline,
  checkpoint,
}: {
  readonly timeline: Timeline;
  readonly checkpoint: TimelineCheckpoint;
}): JSX.Element {
  const { having, lacking } = homesOf(timeline, checkpoint);
  const where = whereaboutsOf(checkpoint);
  return (
    <>
      <dt>It lies</dt>
      <dd>{WHERE_TEXTS[where]}</dd>
      {having.map((url) => (
        <dd key={url} class="faint">
          at <bdi>{url}</bdi>
        </dd>
      ))}
      {lacking.map((url) => (
        <dd key={url} class="faint">
          not at <bdi>{url}</bdi>
        </dd>
      ))}
      {where === 'home' ? (
        <dd class="faint">
          To have it here again: <code>deskpod restore</code>
        </dd>
      ) : null}
    </>
  );
}
