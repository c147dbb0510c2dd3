export function formatCharacters(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'character' : 'characters'}`;
}

const SIGNALS: Record<number, string> = {
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
};

export function formatSignal(signal: number): string {
  const name = SIGNALS[signal];
  return name ? `${name} (${signal})` : String(signal);
}

const PREVIEW_CHARACTERS = 60_000;
const PREVIEW_LINES = 1_500;

/**
 * The beginning of a long output, cut after a whole line where there is one.
 * Laying out megabytes of text would freeze the page for something few read.
 */
export function preview(text: string): string {
  let end = Math.min(text.length, PREVIEW_CHARACTERS);
  let at = -1;
  for (let line = 0; line < PREVIEW_LINES; line++) {
    const next = text.indexOf('\n', at + 1);
    if (next === -1 || next >= end) {
      if (end < text.length && at > 0) end = at + 1;
      return text.slice(0, end);
    }
    at = next;
  }
  return text.slice(0, at + 1);
}
