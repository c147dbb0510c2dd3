import type { CSSProperties } from 'react';
import { parseAnsi, type AnsiLook } from '@/lib/ansi';

/** Text as a terminal would colour it. Pieces are text nodes: nothing in them is markup. */
export function Ansi({ text }: { text: string }) {
  if (!/[\x1b\r\x00-\x08]/.test(text)) return text;
  return parseAnsi(text).map(({ text: piece, look }, index) =>
    Object.keys(look).length === 0 ? (
      piece
    ) : (
      <span key={index} className={classOf(look)} style={styleOf(look)}>
        {piece}
      </span>
    ),
  );
}

function classOf(look: AnsiLook): string {
  return (['bold', 'faint', 'italic', 'underline', 'strike'] as const)
    .filter((name) => look[name])
    .map((name) => `ansi-${name}`)
    .join(' ');
}

function styleOf({ colour, background, inverse }: AnsiLook): CSSProperties {
  const [front, back] = inverse
    ? [background ?? 'var(--surface)', colour ?? 'var(--text)']
    : [colour, background];
  return {
    ...(front !== undefined && { color: css(front) }),
    ...(back !== undefined && { backgroundColor: css(back) }),
  };
}

function css(colour: number | string): string {
  return typeof colour === 'number' ? `var(--ansi-${colour})` : colour;
}
