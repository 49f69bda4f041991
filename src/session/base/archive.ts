// The Debian archive that this host is configured for.
import { readFile } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';

/** A Debian archive: where packages come from. */
export interface Archive {
  /** Without a slash at the end. */
  readonly uri: string;
  /** The archive of security updates, if this host uses one. */
  readonly securityUri: string | undefined;
}

/**
 * The archive in this host's apt sources that carries its own release. DESKPOD_MIRROR names another one, which is then
 * taken without security updates, since these lie elsewhere.
 * @throws DeskPodError HOST_UNSUPPORTED if there is none, or no apt.
 */
export async function readArchive(): Promise<Archive> {
  const named = process.env.DESKPOD_MIRROR;
  if (named !== undefined && named !== '') return { uri: withoutSlash(named), securityUri: undefined };
  const codename = await readCodename();
  const sources = (await readTargets())
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([uri = '', , component]) => component === 'main' && /^(https?|file|copy):/.test(uri));
  const uriOf = (...releases: readonly string[]): string | undefined =>
    sources.find(([, release = '']) => releases.includes(release))?.[0];
  const uri = uriOf(codename, 'stable');
  if (uri === undefined) {
    throw new DeskPodError('HOST_UNSUPPORTED', `apt has no source for "${codename}"`, {
      hint: 'Name a Debian archive in DESKPOD_MIRROR.',
      details: { codename },
    });
  }
  const securityUri = uriOf(`${codename}-security`, 'stable-security');
  return {
    uri: withoutSlash(uri),
    securityUri: securityUri === undefined ? undefined : withoutSlash(securityUri),
  };
}

/**
 * What this host's apt needs to reach the archive, as lines of an apt.conf: proxies, certificates, and whether it
 * takes an archive that stands still. None on a host without apt.
 */
export async function readAptSettings(): Promise<readonly string[]> {
  try {
    const { stdout } = await run('apt-config', ['dump', '--no-empty', '--format', '%f "%v";%n', 'Acquire']);
    return stdout
      .split('\n')
      .filter((line) => /^Acquire::(https?::|Check-Valid-Until |Check-Date )/.test(line));
  } catch (error) {
    if (error instanceof ProcessError && error.notFound) return [];
    throw error;
  }
}

async function readCodename(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8');
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1] ?? '';
}

/** Apt's own view of its sources, whatever form they are written in: `URI suite component` a line. */
async function readTargets(): Promise<string> {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  try {
    return (await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])).stdout;
  } catch (cause) {
    throw new DeskPodError('HOST_UNSUPPORTED', 'apt does not tell where packages come from', {
      hint: 'Build bases on Debian 12 or 13, and carry them over with `deskpod base import`.',
      cause,
    });
  }
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}
