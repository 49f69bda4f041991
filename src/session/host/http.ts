// Node's own HTTP: an import of it would load a WebSocket client and all of fetch besides, a tenth of a command's time.

/** As `node:http` has them. */
export const { createServer, request } = process.getBuiltinModule('node:http');
