// For a guest without a browser: what a page does with the restore wizard. Each question gets the answer that is given for it, or its first one.
import { createInterface } from 'node:readline';
import { ask, enter, tell } from './site.ts';

const [, , address = '', given = '{}'] = process.argv;

interface Line {
  readonly state: string;
  readonly number?: number;
  readonly question?: {
    readonly id: string;
    readonly initial?: string;
    readonly fault?: { readonly message: string };
  };
  readonly fault?: { readonly message: string };
  readonly texts?: readonly string[];
}

const answers = JSON.parse(given) as Readonly<Record<string, string>>;
const site = await enter(new URL(address));
const lines = createInterface({ input: await ask(site, 'GET', 'api/lines') });
let told: readonly string[] = [];
for await (const text of lines) {
  const { state, number, question, fault, texts } = JSON.parse(text) as Line;
  const failure = fault ?? question?.fault;
  if (failure !== undefined) throw new Error(`${question?.id ?? state}: ${failure.message}`);
  if (state === 'told') told = texts ?? [];
  if (question === undefined) continue;
  const answer = answers[question.id] ?? question.initial;
  if (answer === undefined) throw new Error(`no answer to ${question.id}`);
  // a key is nobody's to see
  tell({ asked: question.id, answer: question.id === 'key' ? '' : answer });
  const { statusCode } = await ask(site, 'POST', 'api/answer', JSON.stringify({ number, answer }));
  if (statusCode !== 202) throw new Error(`${question.id}: ${statusCode}`);
}
tell({ told });
