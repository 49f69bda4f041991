// What an application under trial is: where it comes from, how it is given state, and how that state is proven later.
import { randomInt } from 'node:crypto';
import type { Person } from '../user/person.ts';
import type { BaseName } from './bases.ts';

/**
 * Proves after the resume that the application answers and still has its state; rejects with what was expected and
 * what came. It may only pass if the application's memory is that of before.
 */
export type Proof = (person: Person) => Promise<void>;

/** An application that is tried. */
export interface Application {
  /** As it is given on the command line. */
  readonly name: string;
  /** What users call it. */
  readonly label: string;
  readonly base: BaseName;
  /** The Debian package whose version is told. */
  readonly packageName: string;
  /** Its processes as /proc/PID/stat calls them, up to 15 characters: each must go on, not be started again. */
  readonly processName: string;
  /** The state that is proven, in a few words. */
  readonly state: string;
  /** Opens it and gives it state that is in no file. */
  readonly begin: (person: Person) => Promise<Proof>;
}

/** A word that nobody can have written down before: state made of it can only come from memory. */
export function freshWord(): string {
  return Array.from({ length: 10 }, () => String.fromCharCode(97 + randomInt(26))).join('');
}
