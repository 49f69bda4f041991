// A new recovery key, shown once: to be printed or written down.
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { SheetLine } from '../../src/session/wizard/wizard-line.ts';
import { tellSheetSeen } from './wizard.ts';

/** The sheet. */
export function Sheet({ sheet: { svg, rows } }: { readonly sheet: SheetLine }): JSX.Element {
  useEffect(tellSheetSeen, [svg]);
  return (
    <section class="sheet" aria-labelledby="sheet-title">
      <h2 id="sheet-title">The new recovery sheet</h2>
      <p>It is shown only now. Print it or write it down, and keep it away from the device.</p>
      <img src={`data:image/svg+xml,${encodeURIComponent(svg)}`} alt="QR code of the sheet" />
      <pre>{rows.join('\n')}</pre>
      <button type="button" onClick={() => print()}>
        Print
      </button>
    </section>
  );
}
