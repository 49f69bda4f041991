// What the package installs: the program with its Node and runtime folder, and what a host has of it.
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Runtime } from '../../src/session/host/runtime.ts';
import { run } from '../../src/sync/process.ts';
import { withDependencies } from '../node-packages.ts';
import { layOutProgram } from '../program-files.ts';

/** What a package is made of. */
export interface PackageSources {
  /** The checkout. */
  readonly root: string;
  /** Where it is laid out. */
  readonly tree: string;
  readonly version: string;
  /** Of the sources. */
  readonly date: Date;
  readonly runtime: Runtime;
}

const LIBRARY_DIR = 'usr/lib/deskpod';
/** Where dkms looks for version 1 of the kernel module, as dkms.conf calls it. */
const MODULE_DIR = 'usr/src/deskpod-1';
const DOC_DIR = 'usr/share/doc/deskpod';
/** Who publishes the package, as Debian's own tools take it. */
export const MAINTAINER = `${process.env.DEBFULLNAME ?? 'DeskPod maintainers'} <${process.env.DEBEMAIL ?? 'deskpod@localhost.invalid'}>`;

/** Of node_modules: what no program reads, and machine code for other systems. */
const UNUSED = /\.(?:md|map|d\.ts|d\.cts|cc|h|hh|gyp|cpp|patch|txt)$|\.musl\.node$|^LICEN[CS]E/i;
const UNUSED_NAMES = new Set([
  'vendor',
  'doc',
  'docs',
  'musl_x64',
  'musl_arm64',
  'cnoke.cjs',
  'trampolines.cjs',
]);
/** Of node-gyp-build: what builds, and what npm runs at an install. */
const BUILDERS = new Set(['bin.js', 'build-test.js', 'optional.js']);
/** Dual-licensed or not, all of these say so in a file. */
const LICENCE_FILE = /^(?:licen[cs]e|copying)/i;

/** Lays out everything but the folder DEBIAN. */
export async function layOutTree(sources: PackageSources): Promise<void> {
  await layOutLibrary(sources);
  await layOutRuntime(sources);
  await layOutHost(sources);
  await layOutModule(sources);
  await layOutManual(sources);
  await layOutDocs(sources);
  await setModes(sources.tree);
}

async function layOutLibrary({ root, tree }: PackageSources): Promise<void> {
  const library = join(tree, LIBRARY_DIR);
  await layOutProgram(root, library);
  await trimModules(join(library, 'node_modules'));
  await copy(join(root, 'node_modules/node/bin/node'), join(library, 'node'));
  await copy(join(root, 'build/runtime.erofs'), join(library, 'build/runtime.erofs'));
  await copy(join(root, 'ops/packaging/starter.sh'), join(library, 'bin/deskpod'));
  await copy(join(root, 'ops/launcher'), join(library, 'ops/launcher'));
  for (const script of ['plug', 'open-page'])
    await copy(join(root, 'ops/host', script), join(library, 'ops', script));
  await copy(join(root, 'display/shared/icon.svg'), join(library, 'display/shared/icon.svg'));
  await mkdir(join(tree, 'usr/bin'), { recursive: true });
  await symlink('../lib/deskpod/bin/deskpod', join(tree, 'usr/bin/deskpod'));
}

async function trimModules(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const isUnused =
      UNUSED_NAMES.has(entry.name) ||
      (entry.parentPath.endsWith('/node-gyp-build') && BUILDERS.has(entry.name)) ||
      (entry.isFile() && UNUSED.test(entry.name));
    if (isUnused) await rm(path, { recursive: true, force: true });
  }
}

/** Of the runtime folder that which sessions run on here: the host has the others, and devices carry them in one image. */
async function layOutRuntime({ tree, runtime }: PackageSources): Promise<void> {
  const { dir } = runtime;
  const place = join(tree, LIBRARY_DIR, 'runtime');
  for (const name of ['bin', 'libexec', 'versions.json'])
    await cp(join(dir, name), join(place, name), { recursive: true });
  const libraries = new Set(['libgcc_s.so.1']);
  for (const program of await readdir(join(dir, 'libexec'))) {
    const loader = basename(
      (await run('patchelf', ['--print-interpreter', join(dir, 'libexec', program)])).stdout,
    );
    libraries.add(loader);
    const arguments_ = ['--library-path', join(dir, 'lib'), '--list', join(dir, 'libexec', program)];
    const { stdout } = await run(join(dir, 'lib', loader), arguments_);
    for (const [, name = ''] of stdout.matchAll(/^\s*(\S+\.so\S*) => /gm)) libraries.add(basename(name));
  }
  for (const name of libraries) await copy(join(dir, 'lib', name), join(place, 'lib', name));
  await mkdir(join(place, 'lib/criu'));
}

async function layOutHost({ root, tree }: PackageSources): Promise<void> {
  const host = join(root, 'ops/host');
  for (const unit of ['deskpod-dock.service', 'deskpod-plug@.service'])
    await copy(join(host, unit), join(tree, 'usr/lib/systemd/system', unit));
  await copy(join(host, '70-deskpod.rules'), join(tree, 'usr/lib/udev/rules.d/70-deskpod.rules'));
  await copy(join(host, 'plug.conf'), join(tree, 'etc/deskpod/plug.conf'));
  for (const dir of ['etc/deskpod/hooks.d', 'var/cache/deskpod', 'var/lib/deskpod'])
    await mkdir(join(tree, dir), { recursive: true });
  await copy(
    join(root, 'display/shared/icon.svg'),
    join(tree, 'usr/share/icons/hicolor/scalable/apps/deskpod.svg'),
  );
  await put(
    join(tree, 'usr/share/applications/deskpod.desktop'),
    [
      '[Desktop Entry]',
      'Type=Application',
      'Name=DeskPod',
      'GenericName=Portable desktop',
      'Comment=The desktop on your portable drive',
      `Exec=/${LIBRARY_DIR}/ops/launcher open`,
      'Icon=deskpod',
      'Terminal=false',
      'Categories=System;',
      'Keywords=portable;session;backup;',
      '',
    ].join('\n'),
  );
}

/** The kernel module's sources: what is built of them, and when, is for the owner of the host to say. */
async function layOutModule({ root, tree }: PackageSources): Promise<void> {
  for (const name of await readdir(join(root, 'kmod')))
    if (/^(?:Kbuild|Makefile|dkms\.conf|README\.md|.*\.[chS])$/.test(name))
      await copy(join(root, 'kmod', name), join(tree, MODULE_DIR, name));
}

async function layOutManual({ root, tree }: PackageSources): Promise<void> {
  const pages = join(root, 'build/man');
  for (const name of await readdir(pages))
    await compress(await readFile(join(pages, name)), join(tree, 'usr/share/man/man1', name));
  const completions = join(root, 'build/completions');
  for (const [name, place] of [
    ['deskpod.bash', 'usr/share/bash-completion/completions/deskpod'],
    ['deskpod.zsh', 'usr/share/zsh/vendor-completions/_deskpod'],
    ['deskpod.fish', 'usr/share/fish/vendor_completions.d/deskpod.fish'],
  ] as const)
    await copy(join(completions, name), join(tree, place));
}

async function layOutDocs(sources: PackageSources): Promise<void> {
  const { root, tree, version, date, runtime } = sources;
  const docs = join(tree, DOC_DIR);
  for (const name of [
    'README.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'docs/API.md',
    'docs/ERRORS.md',
    'docs/FORMAT.md',
  ])
    await compress(await readFile(join(root, name)), join(docs, basename(name)));
  const changes = [
    `deskpod (${version}) unstable; urgency=medium`,
    '',
    `  * Version ${version}; what a user sees of it is in CHANGELOG.md.gz.`,
    '',
    ` -- ${MAINTAINER}  ${date.toUTCString().replace('GMT', '+0000')}`,
    '',
  ].join('\n');
  await compress(Buffer.from(changes), join(docs, 'changelog'));
  const modules = await copyLicences(root, join(docs, 'modules'));
  await cp(join(runtime.dir, 'doc'), join(docs, 'runtime'), { recursive: true });
  await put(join(docs, 'copyright'), copyrightOf(modules));
  await copy(
    join(root, 'ops/packaging/lintian-overrides'),
    join(tree, 'usr/share/lintian/overrides/deskpod'),
  );
}

/** The terms of every package that is in the program. @returns `name version: licence` of each */
async function copyLicences(root: string, dir: string): Promise<string[]> {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  const told: string[] = [];
  for (const name of [...(await withDependencies(root, Object.keys(dependencies)))].sort()) {
    const from = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(join(from, 'package.json'), 'utf8')) as {
      version: string;
      license?: string;
    };
    told.push(`${name} ${version}: ${license ?? 'see its file'}`);
    const file = (await readdir(from)).find((each) => LICENCE_FILE.test(each));
    if (file !== undefined) await copy(join(from, file), join(dir, `${name.replace('/', '+')}.copyright`));
  }
  return told;
}

/** As DEP 5 has it. */
function copyrightOf(modules: readonly string[]): string {
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: deskpod',
    '',
    'Files: *',
    'Copyright: 2026 the DeskPod authors',
    'License: Apache-2.0',
    '',
    'Files: usr/lib/deskpod/node usr/lib/deskpod/build/* usr/lib/deskpod/node_modules/*',
    'Copyright: 2026 the authors of Node and of the modules below',
    'License: of-each',
    ' Node, and modules that are in the program; the terms of each are beside this',
    ' file, in the folder modules:',
    ...modules.map((line) => ` ${line}`),
    '',
    'Files: usr/lib/deskpod/runtime/*',
    'Copyright: 2026 the authors of CRIU, runc, erofs-utils and their libraries',
    'License: of-each-in-debian',
    ' Programs and libraries of Debian, whose terms are beside this file, in the',
    ' folder runtime. Their sources are those of Debian.',
    '',
    `Files: ${MODULE_DIR}/*`,
    'Copyright: 2026 the DeskPod authors',
    'License: GPL-2.0',
    '',
    'License: GPL-2.0',
    ' On Debian systems the full text of the GNU General Public License, version 2,',
    ' is in /usr/share/common-licenses/GPL-2.',
    '',
    'License: Apache-2.0',
    ' On Debian systems the full text of the Apache License 2.0 is in',
    ' /usr/share/common-licenses/Apache-2.0.',
    '',
  ].join('\n');
}

/** What is started can be started, everything can be read, and only root writes. */
async function setModes(tree: string): Promise<void> {
  await chmod(tree, 0o755);
  for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    await chmod(path, entry.isDirectory() || isStarted(path.slice(tree.length + 1)) ? 0o755 : 0o644);
  }
}

function isStarted(path: string): boolean {
  const inLibrary = path.startsWith(`${LIBRARY_DIR}/`) ? path.slice(LIBRARY_DIR.length + 1) : '';
  return /^(?:node|(?:bin|ops|runtime\/bin|runtime\/libexec)\/.*|runtime\/lib\/ld-.*)$/.test(inLibrary);
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { dereference: true });
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Without a name and time in it: the same again and again. */
async function compress(bytes: Uint8Array, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.gz`, await promisify(gzip)(bytes, { level: 9 }));
}
