// An edge as a process of its own, so that its processor time can be told from others': main.ts ROOT_PID CODING.
// Prints its address, and ends when its input does.
import { connectToSession } from '../../../../src/session/process/session-socket.ts';
import { type Coding, serveEdge } from './edge.ts';

const [rootPid, coding] = process.argv.slice(2);
// Not by the viewer's relay, which would cost more: this page need not notice that the display was let go of for a checkpoint.
const edge = await serveEdge(() => connectToSession(Number(rootPid), 'rfb'), coding as Coding);
process.stdin.once('end', () => void edge.close().then(() => process.exit())).resume();
console.log(edge.url);
