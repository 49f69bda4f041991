// All pods and homes that this computer knows, each as a card.
import type { JSX } from 'preact';
import type { Overview, WizardAnswer } from '../../../src/session/dashboard/contract.ts';
import { countOf } from '../figures.ts';
import { post } from '../link/api.ts';
import { announce, canAsk, overview } from '../link/store.ts';
import { useAction } from '../parts/action.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Icon } from '../parts/icons.tsx';
import { openTab } from '../parts/open-tab.ts';
import { BarrierOfHost } from './barrier-of-host.tsx';
import { HomeCard } from './home-card.tsx';
import { PodCard } from './pod-card.tsx';

/** The page that opens first. */
export function OverviewPage(): JSX.Element {
  const known = overview.value;
  const action = useAction();
  const look = (): void =>
    action.run('Look again', async () => {
      overview.value = await post<Overview>('look', {});
      announce(summaryOf(overview.value));
    });
  const restore = (): void =>
    action.run('Restore a pod', () => openTab(async () => (await post<WizardAnswer>('restore', {})).url));
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>Pods and homes</h1>
        <p class="faint">{known === undefined ? 'Looking…' : summaryOf(known)}</p>
        <button
          type="button"
          onClick={look}
          disabled={!canAsk.value}
          aria-disabled={action.isBusy}
          aria-busy={action.isBusy}
        >
          {action.isBusy && action.name === 'Look again' ? 'Looking…' : 'Look again'}
        </button>
        <button
          type="button"
          title="Rebuild a pod whose device is lost, from its home"
          onClick={restore}
          disabled={!canAsk.value}
          aria-disabled={action.isBusy}
        >
          Restore a pod…
        </button>
      </div>
      {action.failure === undefined ? null : <FailureNote failure={action.failure} of={action.name} />}
      {known === undefined ? null : <Places known={known} />}
    </>
  );
}

function Places({ known }: { readonly known: Overview }): JSX.Element {
  const { pods, homes, isRoot, barrier } = known;
  return (
    <>
      {isRoot ? null : (
        <div class="note">
          <Icon name="attention" class="mark mark-attention" />
          <p class="note-text">
            The dashboard was not started as root: pods on devices are seen only while they run. To see all,
            start it with “sudo deskpod dashboard”.
          </p>
        </div>
      )}
      <section aria-labelledby="pods-title">
        <h2 id="pods-title">Pods</h2>
        {pods.length === 0 ? <NoPods /> : null}
        <ul class="cards">
          {pods.map((pod) => (
            <li key={pod.id}>
              <PodCard pod={pod} />
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="homes-title">
        <h2 id="homes-title">Homes</h2>
        {homes.length === 0 ? <NoHomes hasPods={pods.length > 0} /> : null}
        <ul class="cards">
          {homes.map((home) => (
            <li key={home.url}>
              <HomeCard home={home} />
            </li>
          ))}
        </ul>
      </section>
      {barrier === undefined ? null : <BarrierOfHost barrier={barrier} />}
    </>
  );
}

function NoPods(): JSX.Element {
  return (
    <div class="empty">
      <Icon name="device" />
      <p>
        <strong>No pod is here yet.</strong>
      </p>
      <p>Plug in a device that holds one: it appears here by itself.</p>
      <p>
        To make a desktop on a new drive: <code>deskpod create /dev/sdX</code>. To keep a folder as a pod:{' '}
        <code>deskpod create --tree FOLDER</code>. To get a lost one back from its home: “Restore a pod”.
      </p>
    </div>
  );
}

function NoHomes({ hasPods }: { readonly hasPods: boolean }): JSX.Element {
  return (
    <div class="empty">
      <Icon name="home" />
      <p>
        <strong>No home is known.</strong>
      </p>
      <p>
        {hasPods
          ? 'A lost device takes everything with it. Give its pod a home: '
          : 'A home is the place that a pod is copied to: '}
        <code>deskpod home add FOLDER</code>, or <code>user@host:/path</code>.
      </p>
    </div>
  );
}

function summaryOf({ pods, homes }: Overview): string {
  const runningCount = pods.filter(({ known }) => known?.isRunning ?? false).length;
  const running = runningCount === 0 ? '' : `, ${runningCount} running`;
  return `${countOf(pods.length, 'pod')}${running}; ${countOf(homes.length, 'home')}.`;
}
