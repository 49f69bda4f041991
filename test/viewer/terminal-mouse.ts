// What a terminal hears of the mouse, in the escape codes of xterm's normal tracking mode.

const REPORT = '\u001b[M';

/** A command for a terminal that writes all that it hears to `path`, the mouse included. */
export function mouseRecorder(path: string): string {
  return `stty raw -echo; printf '\\033[?1000h'; cat > ${path}`;
}

/** The buttons of the mouse as they were pressed (1 left, 2 middle, 3 right, 4 wheel up, 5 wheel down). */
export function pressedButtons(heard: string): number[] {
  const codes = heard
    .split(REPORT)
    .slice(1)
    .map((report) => report.charCodeAt(0) - 32);
  const isWheel = (code: number): boolean => (code & 64) !== 0;
  const pressed = codes.filter((code) => isWheel(code) || (code & 3) !== 3);
  return pressed.map((code) => (isWheel(code) ? 4 : 1) + (code & 3));
}
