// What strace wrote down of a program and of all that it started: calls in the order in which they ended.

/** A system call that ended. Strings and paths are as strace prints them with -xx and -y: see {@link textOf}. */
export interface TracedCall {
  readonly pid: number;
  readonly name: string;
  /** The arguments, as printed. */
  readonly args: readonly string[];
  /** What it gave; -1 if it failed. */
  readonly result: number;
  /** The path behind a descriptor that it gave. */
  readonly resultPath: string | undefined;
  /** How many calls had ended when this one began: what is after them ran beside it. */
  readonly endedBefore: number;
}

interface Begun {
  readonly text: string;
  readonly endedBefore: number;
}

const LINE = /^(?<pid>\d+)\s+(?<rest>.*)$/;
const RESUMED = /^<\.\.\. (?<name>\w+) resumed>(?<rest>.*)$/;
const CALL = /^(?<name>\w+)\((?<args>.*)\)\s+= (?<result>-?\d+|\?)(?:<(?<path>[^>]*)>)?(?: .*)?$/;
const UNFINISHED = ' <unfinished ...>';

/** Reads the output of `strace -f -y -xx`. Throws on a line that it cannot read: nothing may be missed. */
export function readCalls(trace: string): TracedCall[] {
  const calls: TracedCall[] = [];
  const begun = new Map<string, Begun>();
  for (const line of trace.split('\n')) {
    const { pid = '', rest = '' } = LINE.exec(line)?.groups ?? {};
    if (rest === '' || rest.startsWith('---') || rest.startsWith('+++')) continue;
    if (rest.endsWith(UNFINISHED)) {
      begun.set(pid, { text: rest.slice(0, -UNFINISHED.length), endedBefore: calls.length });
      continue;
    }
    const resumed = RESUMED.exec(rest)?.groups;
    const beginning = resumed === undefined ? undefined : begun.get(pid);
    if (resumed !== undefined && beginning === undefined)
      throw new Error(`no beginning of: ${line.slice(0, 200)}`);
    begun.delete(pid);
    const text = beginning === undefined ? rest : beginning.text + (resumed?.rest ?? '');
    const { name, args, result, path } = CALL.exec(text)?.groups ?? {};
    if (name === undefined || args === undefined)
      throw new Error(`expected a call, got: ${text.slice(0, 200)}`);
    calls.push({
      ...{ pid: Number(pid), name, args: splitArguments(args) },
      result: result === '?' ? -1 : Number(result),
      resultPath: path === undefined ? undefined : unescaped(path),
      endedBefore: beginning?.endedBefore ?? calls.length,
    });
  }
  return calls;
}

/** The string of an argument. */
export function textOf(argument: string): string {
  return bytesOf(argument).toString();
}

/** The bytes of an argument that is a string. Throws if strace shortened it. */
export function bytesOf(argument: string): Buffer {
  const [, hex] = /^"((?:\\x[0-9a-f]{2})*)"$/.exec(argument) ?? [];
  if (hex === undefined) throw new Error(`expected a whole string, got ${argument.slice(0, 100)}`);
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
}

/** The path behind an argument that is a descriptor, or undefined for one that is none of a file. */
export function pathOf(argument: string): string | undefined {
  const [, path] = /^(?:-?\d+|AT_FDCWD)<([^>]*)>(?:\(deleted\))?$/.exec(argument) ?? [];
  const text = path === undefined ? undefined : unescaped(path);
  return text?.startsWith('/') === true ? text : undefined;
}

function unescaped(text: string): string {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex').toString();
}

/** Only vectors (`[{…}, {…}]`) have commas within an argument. */
function splitArguments(text: string): string[] {
  const args: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') i = text.indexOf('"', i + 1);
    else if (c === '[' || c === '{') depth++;
    else if (c === ']' || c === '}') depth--;
    else if (c === ',' && depth === 0) {
      args.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  if (text !== '') args.push(text.slice(from).trim());
  return args;
}
