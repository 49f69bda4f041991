// Opening the viewer in the user's own browser, where there is one.
import { spawnDetached } from '../sync/process.ts';

/** Hands the page to the desktop's browser; without a desktop the printed address is all there is. */
export async function openInBrowser(url: string): Promise<void> {
  const hasDesktop = process.env.DISPLAY !== undefined || process.env.WAYLAND_DISPLAY !== undefined;
  if (hasDesktop) await spawnDetached('xdg-open', [url]);
}
