// Programs and pages of our own, brought into a session.
import { readFile } from 'node:fs/promises';
import type { Person } from '../../user/person.ts';

/** Puts one of the files in guest/ into the session's home, and returns its path from there. */
export async function bringProgram(person: Person, name: string): Promise<string> {
  const source = await readFile(new URL(`../guest/${name}`, import.meta.url), 'utf8');
  await person.exec('sh', '-c', `printf %s "$1" >~/${name}`, 'sh', source);
  return `./${name}`;
}
