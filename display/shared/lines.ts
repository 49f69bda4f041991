// What a page that is served at localhost hears and posts: lines of JSON, and wishes.

/** Hears each line as it comes, and resolves when there will be no more: DeskPod has ended, or does not answer. */
export async function hearLines<Line>(onLine: (line: Line) => void): Promise<void> {
  const response = await fetch(new URL('../api/lines', location.href)).catch(() => undefined);
  if (response?.ok !== true || response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
    if (done) return;
    rest += value ?? '';
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(JSON.parse(line) as Line);
  }
}

/** Posts a wish; answers with a sentence if it is not granted. */
export async function postWish(name: string, wish: object): Promise<string | undefined> {
  const response = await fetch(new URL(`../api/${name}`, location.href), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(wish),
  }).catch(() => undefined);
  if (response === undefined) return 'DeskPod does not answer.';
  return response.ok ? undefined : (await response.text()).trim();
}
