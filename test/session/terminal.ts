// A terminal in a session that has the keyboard, for tests that type.

const HAS_KEYBOARD = 'xprop -root _NET_ACTIVE_WINDOW | grep -q "0x[1-9a-f]"';

/** A script of a shell in the session: opens a terminal that covers the screen, runs `program` of a shell in it, and waits for the keyboard. */
export function inTerminal(program: string): string {
  const quoted = `'${program.replaceAll("'", `'\\''`)}'`;
  return (
    `setsid -f xterm -bw 0 +sb -geometry 130x45+0+0 -e sh -c ${quoted} </dev/null >/dev/null 2>&1\n` +
    `until ${HAS_KEYBOARD}; do sleep 0.02; done`
  );
}
