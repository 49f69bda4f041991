// The desktop of the paper's Table 1 (Collaborative Computing 2005) as it is today: its four applications, each with a
// document open.
import { run } from '../../src/sync/process.ts';
import type { Program } from '../user/program.ts';

/** The base that has them. */
export const PAPER_BASE = 'paper';
/** What is in it besides what every base has. */
export const PAPER_PACKAGES: readonly string[] = ['kwrite', 'calligrasheets', 'konqueror', 'konsole'];

const OPENED_TIMEOUT_S = 90;
const LETTER = 'letter.txt';
const PAGE = 'page.html';
const TABLE = 'table.ods';
/** A piece of each window's title that is there once its document is. */
const TITLES = ['letter', 'table', 'A page of text', 'Konsole'];

const OPEN_ALL = `
cd
for command in "kwrite ${LETTER}" "calligrasheets ${TABLE}" "konqueror ./${PAGE}" konsole; do
  setsid -f $command >/dev/null 2>&1 </dev/null
done
left=$(($(date +%s) + ${OPENED_TIMEOUT_S}))
until
  titles=$(xwininfo -root -tree 2>/dev/null)
  all=yes
  for title in ${TITLES.map((title) => `"${title}"`).join(' ')}; do
    case $titles in *"$title"*) ;; *) all=no ;; esac
  done
  [ $all = yes ]
do
  [ $(date +%s) -lt $left ] || { echo "$titles"; exit 1; }
  sleep 0.05
done`;

/** Makes the documents in the session's home. They are on the drive from then on. */
export async function writeDocuments(program: Program, device: string): Promise<void> {
  const paragraph = 'The quick brown fox jumps over the lazy dog, and goes home. ';
  const page = `<html><title>A page of text</title><h1>A page</h1>${`<p>${paragraph.repeat(8)}</p>`.repeat(40)}`;
  await program.exec(device, 'sh', '-c', `printf %s "$1" >~/${LETTER}`, 'sh', `${paragraph}\n`.repeat(200));
  await program.exec(device, 'sh', '-c', `printf %s "$1" >~/${PAGE}`, 'sh', page);
  const table = await spreadsheet();
  await program.exec(device, 'sh', '-c', `printf %s "$1" | base64 -d >~/${TABLE}`, 'sh', table);
}

/** Opens the four with their documents, and returns once every window shows its own. */
export async function openApplications(program: Program, device: string): Promise<void> {
  await program.exec(device, 'sh', '-c', OPEN_ALL);
}

/** An OpenDocument spreadsheet of 100 rows, in base 64. Python's standard library makes the ZIP file. */
async function spreadsheet(): Promise<string> {
  const row = (i: number): string =>
    `<table:table-row>${[1, 2, 3, 4]
      .map(
        (j) =>
          `<table:table-cell office:value-type="float" office:value="${i * j}"><text:p>${i * j}</text:p></table:table-cell>`,
      )
      .join('')}</table:table-row>`;
  const spaces = ['office', 'table', 'text']
    .map((name) => `xmlns:${name}="urn:oasis:names:tc:opendocument:xmlns:${name}:1.0"`)
    .join(' ');
  const rows = Array.from({ length: 100 }, (_, i) => row(i)).join('');
  const type = 'application/vnd.oasis.opendocument.spreadsheet';
  const files = {
    mimetype: type,
    'content.xml': `<?xml version="1.0" encoding="UTF-8"?><office:document-content ${spaces} office:version="1.2"><office:body><office:spreadsheet><table:table table:name="One">${rows}</table:table></office:spreadsheet></office:body></office:document-content>`,
    'META-INF/manifest.xml': `<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2"><manifest:file-entry manifest:full-path="/" manifest:media-type="${type}"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>`,
  };
  const script = `
import base64, io, json, sys, zipfile
made = io.BytesIO()
with zipfile.ZipFile(made, 'w') as archive:
    for name, text in json.loads(sys.argv[1]).items():
        archive.writestr(name, text)
print(base64.b64encode(made.getvalue()).decode(), end='')`;
  const { stdout } = await run('python3', ['-c', script, JSON.stringify(files)]);
  return stdout;
}
