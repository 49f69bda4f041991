// The folder DEBIAN of the package: what it is called, what it needs, what is done when it comes and goes.
import { createHash } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/sync/process.ts';
import { MAINTAINER, type PackageSources } from './tree.ts';

/** What every command may start, in Debian 12 and 13. */
const DEPENDS = [
  'libc6 (>= 2.36)',
  ...[
    'libgcc-s1',
    'libstdc++6',
    'rsync',
    'iproute2',
    'passt',
    'e2fsprogs',
    'mount',
    'cryptsetup-bin',
    'dmsetup',
  ],
  ...['kmod', 'procps', 'init-system-helpers (>= 1.54~)'],
];
/** What bases are built with, homes are reached by, and a person sees pods and hears of docks with. */
const RECOMMENDS = [
  ...['mmdebstrap', 'debian-archive-keyring', 'ca-certificates', 'openssh-client'],
  ...['chromium | firefox-esr | www-browser', 'xdg-utils', 'libnotify-bin', 'libglib2.0-bin', 'pkexec'],
];
const DESCRIPTION = `Linux desktop that lives on a portable drive
 DeskPod keeps files, applications and the running processes of a desktop on
 a portable drive. Plugged into another computer, the desktop is back with its
 windows where they were. It backs itself up to a home, and is rebuilt from
 there onto a new drive when the first one is lost.
 .
 Folders can be kept the same way, without root and without a session.`;
const BYTES_IN_KIBIBYTE = 1024;

/** Writes control, md5sums, conffiles and the scripts. */
export async function writeControl({ root, tree, version }: PackageSources): Promise<void> {
  const dir = join(tree, 'DEBIAN');
  const files = (await filesBelow(tree)).sort();
  await mkdir(dir);
  const architecture = (await run('dpkg', ['--print-architecture'])).stdout;
  let sizeBytes = 0;
  const sums: string[] = [];
  for (const name of files) {
    const path = join(tree, name);
    const status = await lstat(path);
    // as dpkg counts them: whole kibibytes
    sizeBytes += Math.ceil(status.size / BYTES_IN_KIBIBYTE) * BYTES_IN_KIBIBYTE;
    if (!status.isFile()) continue;
    sums.push(
      `${createHash('md5')
        .update(await readFile(path))
        .digest('hex')}  ${name}\n`,
    );
  }
  const control = [
    'Package: deskpod',
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${Math.ceil(sizeBytes / BYTES_IN_KIBIBYTE)}`,
    `Depends: ${DEPENDS.join(', ')}`,
    `Recommends: ${RECOMMENDS.join(', ')}`,
    // for the kernel module, which is in the package as sources
    'Suggests: dkms',
    'Section: admin',
    'Priority: optional',
    `Description: ${DESCRIPTION}`,
    '',
  ].join('\n');
  await writeFile(join(dir, 'control'), control);
  await writeFile(join(dir, 'md5sums'), sums.join(''));
  await writeFile(join(dir, 'conffiles'), '/etc/deskpod/plug.conf\n');
  for (const script of ['postinst', 'prerm', 'postrm']) {
    await copyFile(join(root, 'ops/packaging', `${script}.sh`), join(dir, script));
    await chmod(join(dir, script), 0o755);
  }
}

/** Files and links below a folder, by their paths there. */
async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
}
