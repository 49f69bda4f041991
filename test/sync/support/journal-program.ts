// Adds one line to a journal of home: its file, the size of a page in bytes, the line's type.
import { Journal } from '../../../src/sync/dock/journal.ts';

const [path = '', mostBytes = '', type = ''] = process.argv.slice(2);
await new Journal(path, Number(mostBytes)).add(type, {});
