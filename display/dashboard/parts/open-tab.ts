// Opens a desktop, or the restore wizard, in a tab of its own. The link works once, and comes later than the click.

/**
 * A tab that is not opened within the click itself is taken for an advertisement and blocked, so it is opened empty and
 * led on when the link is there.
 *
 * @throws what `askUrl` throws, after closing the tab
 */
export async function openTab(askUrl: () => Promise<string>): Promise<void> {
  const tab = window.open('', '_blank');
  if (tab !== null) {
    tab.opener = null;
    tab.document.title = 'DeskPod';
  }
  try {
    const url = await askUrl();
    if (tab !== null && !tab.closed) tab.location.replace(url);
    else window.open(url, '_blank', 'noopener');
  } catch (thrown) {
    tab?.close();
    throw thrown;
  }
}
